//! System calls that don't exist here: each is named once on the console if the command line says `trace`.

use core::sync::atomic::{AtomicU64, Ordering};

use mm::Errno;
use syscalls::aarch64::Sysno;

use super::{Answer, Call};
use crate::board;

/// A bit for each number that has been named; numbers from 512 on share the last.
static NAMED: [AtomicU64; 9] = [const { AtomicU64::new(0) }; 9];

/// The answer of a call that doesn't exist.
#[cold]
pub(super) fn missing(call: &mut Call<'_>) -> Answer {
    let number = call.uint(8);
    if board::command_line().trace && is_first(number) {
        let name = Sysno::new(number as usize).map_or("no such call", |call| call.name());
        crate::board::console::print_error(format_args!(
            "inarch: system call {number} ({name}) isn't implemented\n"
        ));
    }
    Err(Errno::ENOSYS)
}

fn is_first(number: u32) -> bool {
    let number = number.min(512);
    let bit = 1 << (number % 64);
    NAMED[number as usize / 64].fetch_or(bit, Ordering::Relaxed) & bit == 0
}
