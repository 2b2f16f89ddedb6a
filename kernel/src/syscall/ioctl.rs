//! `ioctl`: what is asked of a file beside reading and writing.

use linux_raw_sys::general::{
    B115200, CREAD, CS8, ECHO, ECHOE, ICANON, ICRNL, VEOF, VERASE, VMIN, termios, winsize,
};
use linux_raw_sys::ioctl::{TCGETS, TIOCGWINSZ};
use mm::Errno;

use super::{Answer, Call, procmap};
use crate::process::user::Plain;

/// What ends the input, and what rubs out a character.
const END_OF_INPUT: u8 = 4;
const RUB_OUT: u8 = 127;

pub(super) fn ioctl(call: &mut Call<'_>) -> Answer {
    let open = call.process().files.lock().get(call.int(0))?.clone();
    match call.uint(1) {
        TCGETS if open.file.is_terminal() => call.pointer(2).write(&settings()).map(|()| 0),
        // The size of what is at the other end of a serial line isn't known, which zeros say.
        TIOCGWINSZ if open.file.is_terminal() => call.pointer(2).write(&winsize::zeroed()).map(|()| 0),
        procmap::QUERY => match open.file.mappings_of() {
            Some(process) => procmap::query(call, process),
            None => Err(Errno::ENOTTY),
        },
        _ => Err(Errno::ENOTTY),
    }
}

/// The console's settings, which can't be changed: lines that are edited and echoed.
fn settings() -> termios {
    let mut settings = termios::zeroed();
    settings.c_iflag = ICRNL;
    settings.c_cflag = B115200 | CS8 | CREAD;
    settings.c_lflag = ICANON | ECHO | ECHOE;
    settings.c_cc[VEOF as usize] = END_OF_INPUT;
    settings.c_cc[VERASE as usize] = RUB_OUT;
    settings.c_cc[VMIN as usize] = 1;
    settings
}
