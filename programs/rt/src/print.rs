//! Printing, one system call for each line.

use core::fmt::{self, Write};

use crate::file;

/// Prints to standard output.
#[macro_export]
macro_rules! print {
    ($($argument:tt)*) => { $crate::print_to(1, format_args!($($argument)*)) };
}

/// Prints to standard output, with a newline.
#[macro_export]
macro_rules! println {
    () => { $crate::print!("\n") };
    ($($argument:tt)*) => { $crate::print!("{}\n", format_args!($($argument)*)) };
}

/// Prints to standard error, with a newline.
#[macro_export]
macro_rules! eprintln {
    ($($argument:tt)*) => { $crate::print_to(2, format_args!("{}\n", format_args!($($argument)*))) };
}

/// Prints to a file descriptor. An error ends the printing: there is nowhere to say so.
pub fn print_to(fd: i32, arguments: fmt::Arguments<'_>) {
    let mut buffer = Buffer {
        fd,
        bytes: [0; 512],
        used: 0,
    };
    if buffer.write_fmt(arguments).is_ok() {
        buffer.flush().ok();
    }
}

/// Gathers the pieces of one `print!`, so that a line is one `write`.
struct Buffer {
    fd: i32,
    bytes: [u8; 512],
    used: usize,
}

impl Buffer {
    fn flush(&mut self) -> fmt::Result {
        let used = core::mem::take(&mut self.used);
        file::write_all(self.fd, &self.bytes[..used]).map_err(|_| fmt::Error)
    }
}

impl Write for Buffer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for piece in text.as_bytes().chunks(self.bytes.len()) {
            if self.used + piece.len() > self.bytes.len() {
                self.flush()?;
            }
            self.bytes[self.used..][..piece.len()].copy_from_slice(piece);
            self.used += piece.len();
        }
        Ok(())
    }
}
