//! The console: a serial device for the program's standard output, and the host's standard error, or the same device, for the
//! kernel's own messages.
//!
//! Bytes go out as they are: what reads them may be a terminal, a file or another program.

use core::fmt::{self, Write};

use super::host;
use super::serial::Serial;
use crate::sync::IrqMutex;

/// The devices, once there are any. There is one, unless nobody knows which of two a person listens to.
static CONSOLES: IrqMutex<[Option<Serial>; 2]> = IrqMutex::new([None, None]);

/// From now on `device` is a console, beside one that there is already.
///
/// # Panics
///
/// When there are two.
pub(super) fn add(device: Serial) {
    let mut consoles = CONSOLES.lock();
    let free = consoles.iter_mut().find(|console| console.is_none());
    *free.expect("there are no more than two consoles") = Some(device);
}

/// Writes to the console.
pub(crate) fn write(bytes: &[u8]) {
    put(&mut CONSOLES.lock(), bytes);
}

/// Writes to where the kernel's messages and the program's standard error go: the host's standard error, or the console.
pub(crate) fn write_error(bytes: &[u8]) {
    let mut consoles = CONSOLES.lock();
    if !host::write_error(bytes) {
        put(&mut consoles, bytes);
    }
}

/// The next byte that came in, if there is one. Bytes that came damaged are lost.
pub(crate) fn read() -> Option<u8> {
    CONSOLES.lock().iter_mut().flatten().find_map(Serial::read)
}

/// Waits until everything written has left the device.
pub(crate) fn flush() {
    for console in CONSOLES.lock().iter().flatten() {
        while console.is_busy() {
            core::hint::spin_loop();
        }
    }
}

/// Prints to the console.
pub(crate) fn print(text: fmt::Arguments<'_>) {
    // Writing cannot fail; a value that fails to format itself is no concern of the console's.
    let _ = To(write).write_fmt(text);
}

/// Prints to where the kernel's messages go.
pub(crate) fn print_error(text: fmt::Arguments<'_>) {
    let _ = To(write_error).write_fmt(text);
}

/// Frees the console from whoever holds it.
///
/// # Safety
///
/// As for [`IrqMutex::seize`]: only in a panic.
pub(crate) unsafe fn seize() {
    // SAFETY: the caller's promise.
    unsafe { CONSOLES.seize() };
}

fn put(consoles: &mut [Option<Serial>; 2], bytes: &[u8]) {
    for console in consoles.iter_mut().flatten() {
        console.write(bytes);
    }
}

/// Formats into one of the two writers.
struct To(fn(&[u8]));

impl Write for To {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        (self.0)(text.as_bytes());
        Ok(())
    }
}
