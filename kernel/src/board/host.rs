//! The host behind semihosting: an emulator or a debugger. Without one the instruction is undefined, so nothing here does
//! anything unless the command line says `semihosting`.

use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use semihosting::fd::{BorrowedFd, RawFd};
use semihosting::sys::arm_compat::{ExitReason, OpenMode, sys_exit_extended, sys_open};
use semihosting::sys::{read, write};

use crate::sync::Once;

/// Whether a host listens.
static LISTENING: AtomicBool = AtomicBool::new(false);
/// The host's standard error, once it has been opened.
static STANDARD_ERROR: Once<Option<RawFd>> = Once::new();

/// The host's standard input, once it has been opened.
static STANDARD_INPUT: Once<Option<RawFd>> = Once::new();

/// From now on a host is believed to listen.
pub(super) fn listen() {
    LISTENING.store(true, Relaxed);
}

/// Whether a host listens.
pub(crate) fn is_listening() -> bool {
    LISTENING.load(Relaxed)
}

/// Writes to the host's standard error; says whether that worked.
pub(super) fn write_error(mut bytes: &[u8]) -> bool {
    if !is_listening() {
        return false;
    }
    // Opened to append, `:tt` is standard error (Arm's semihosting specification, SYS_OPEN).
    let open = || {
        sys_open(c":tt", OpenMode::WRONLY_APPEND)
            .ok()
            .map(|fd| fd.into_raw_fd())
    };
    let Some(fd) = *STANDARD_ERROR.call_once(open) else {
        return false;
    };
    while !bytes.is_empty() {
        // SAFETY: the descriptor was opened above and is never closed.
        let fd = unsafe { BorrowedFd::borrow_raw(fd) };
        match write(fd, bytes) {
            Ok(written) if (1..=bytes.len()).contains(&written) => bytes = &bytes[written..],
            _ => return false,
        }
    }
    true
}

/// Reads from the host's standard input: the number of bytes, 0 at its end; `None` where that can't be done. The whole machine
/// waits until there is something to read.
pub(crate) fn read_input(bytes: &mut [u8]) -> Option<usize> {
    if !is_listening() {
        return None;
    }
    // Opened to read, `:tt` is standard input (Arm's semihosting specification, SYS_OPEN).
    let open = || sys_open(c":tt", OpenMode::RDONLY).ok().map(|fd| fd.into_raw_fd());
    let fd = (*STANDARD_INPUT.call_once(open))?;
    // SAFETY: the descriptor was opened above and is never closed.
    let fd = unsafe { BorrowedFd::borrow_raw(fd) };
    read(fd, bytes).ok().filter(|&count| count <= bytes.len())
}

/// Ends the emulator with `status`; returns where no host listens.
pub(super) fn exit(status: u8) {
    if is_listening() {
        sys_exit_extended(ExitReason::ADP_Stopped_ApplicationExit, status.into());
    }
}
