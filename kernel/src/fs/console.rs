//! The console as a file: what descriptors 0, 1 and 2 of the first process are, and `/dev/console`.

use alloc::vec::Vec;

use linux_raw_sys::general::{S_IFCHR, S_IFIFO};
use mm::Errno;

use super::file::File;
use super::status::Status;
use crate::board::{command_line, console, host};
use crate::process::scheduler;
use crate::sync::Mutex;

/// End of transmission, Ctrl-D: ends the input.
const END_OF_INPUT: u8 = 4;
/// Rubs out the character before it, as terminals send it.
const RUB_OUT: [u8; 2] = [8, 127];
/// The longest line that is kept: what comes beyond it is lost (`termios(3)`, canonical mode).
const LONGEST_LINE: usize = 4095;
/// How long a reader sleeps before it looks at the serial line again, in nanoseconds.
const POLL_INTERVAL: u64 = 5_000_000;

/// Which way out a descriptor's bytes take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    /// Standard input: the serial line, or the host's standard input where that is no terminal.
    Input,
    /// Standard output: the serial line.
    Output,
    /// Standard error: where the kernel's log goes.
    Error,
}

/// A descriptor's view of the console.
pub(crate) struct Console {
    stream: Stream,
}

/// What was typed and not yet read: whole lines, one console for all.
static INPUT: Mutex<Input> = Mutex::new(Input {
    line: Vec::new(),
    ready: false,
});

struct Input {
    line: Vec<u8>,
    /// Whether the line is complete; a complete empty one is the end of the input, told once.
    ready: bool,
}

impl Console {
    /// The console, writing to `stream`.
    pub(crate) fn new(stream: Stream) -> Self {
        Self { stream }
    }
}

impl File for Console {
    fn status(&self) -> Status {
        if !self.is_terminal() {
            return Status {
                device: (0, 5),
                inode: 1,
                mode: S_IFIFO | 0o600,
                links: 1,
                ..Status::default()
            };
        }
        // The device numbers of Linux's /dev/console.
        Status {
            device: (0, 5),
            inode: 1,
            mode: S_IFCHR | 0o620,
            links: 1,
            special: (5, 1),
            ..Status::default()
        }
    }

    fn read(&self, _offset: u64, buffer: &mut [u8]) -> Result<usize, Errno> {
        if !is_terminal(Stream::Input)
            && let Some(count) = host::read_input(buffer)
        {
            return Ok(count);
        }
        while !poll_line() {
            scheduler::sleep(POLL_INTERVAL)?;
        }
        let mut input = INPUT.lock();
        let count = buffer.len().min(input.line.len());
        buffer[..count].copy_from_slice(&input.line[..count]);
        input.line.drain(..count);
        input.ready = !input.line.is_empty();
        Ok(count)
    }

    fn write(&self, _offset: u64, bytes: &[u8]) -> Result<usize, Errno> {
        match self.stream {
            Stream::Input | Stream::Output => console::write(bytes),
            Stream::Error => console::write_error(bytes),
        }
        Ok(bytes.len())
    }

    fn is_seekable(&self) -> bool {
        false
    }

    fn is_terminal(&self) -> bool {
        is_terminal(self.stream)
    }

    fn path(&self) -> &[u8] {
        b"/dev/console"
    }
}

/// Whether somebody sits at the other end, as far as the command line knows.
fn is_terminal(stream: Stream) -> bool {
    let [input, output, error] = command_line().notty;
    !match stream {
        Stream::Input => input,
        Stream::Output => output,
        Stream::Error => error,
    }
}

/// Takes what has been typed, echoing it, up to the end of a line. Whether a line is there to be read.
fn poll_line() -> bool {
    let mut input = INPUT.lock();
    while !input.ready {
        let Some(byte) = console::read() else { return false };
        match byte {
            END_OF_INPUT => input.ready = true,
            b'\r' | b'\n' => {
                console::write(b"\n");
                input.line.push(b'\n');
                input.ready = true;
            }
            _ if RUB_OUT.contains(&byte) => rub_out(&mut input.line),
            _ => take(&mut input.line, byte),
        }
    }
    true
}

/// Takes the last character back.
fn rub_out(line: &mut Vec<u8>) {
    if line.pop().is_some() {
        console::write(b"\x08 \x08");
    }
}

/// Adds a character to the line and echoes it, as long as there is room for it and for the line's end.
fn take(line: &mut Vec<u8>, byte: u8) {
    if line.len() < LONGEST_LINE && line.try_reserve(2).is_ok() {
        console::write(&[byte]);
        line.push(byte);
    }
}
