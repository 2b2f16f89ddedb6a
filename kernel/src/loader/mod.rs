//! The loader: waits on the serial line for another kernel and its program, and leaves for that.
//!
//! The word `push` on the command line makes the kernel on a card nothing but that; with `again`, which no person writes, a kernel becomes
//! one in its end. What is said over the line, and what is made of it, is the crate `push`'s.
//!
//! The other kernel runs where this one doesn't: in one of two slots at the front of the memory that is kept, so that a kernel that came
//! over the line may itself wait for the next. Its file and its archive lie behind the slots, unchanged by whatever runs.

mod leave;

use core::time::Duration;
use push::frame::{LONGEST_FRAME, Reader, decode, encode};
use push::{Received, Receiver, ToBoard};

use crate::arch;
use crate::board::{console, description, power, timer};
use crate::memory;

/// What the device tree gets of a slot, in bytes: as much as boot has a window for.
const TREE: usize = 2 << 20;

/// How long to leave a device alone that has nothing: its queue holds 8 bytes or more, of which each takes 10 microseconds at the fastest
/// rate. An emulator gets no byte into a device that is looked at all the time.
const PAUSE: Duration = Duration::from_micros(20);

/// Waits for a kernel and leaves for it. To be called once.
pub(crate) fn run() -> ! {
    // For good: what comes next masks them as well.
    let _ = arch::interrupts::mask();
    // SAFETY: interrupts are masked, so that nothing goes on but this, which doesn't know the archive.
    let Some(memory::Store { range, slot, rest }) = (unsafe { memory::take_store() }) else {
        power::fail(format_args!(
            "there is no memory in one piece to keep another kernel in"
        ));
    };
    console::print(format_args!(
        "inarch: waiting for a kernel on this line (cargo xtask push)\n"
    ));
    let most = slot.bytes.len() - TREE;
    let base = (rest.bytes.as_ptr().addr(), rest.start);
    let received = receive(Receiver::new(rest.bytes, most, description().model));
    let archive_start = base.1 + (received.archive.as_ptr().addr() - base.0) as u64;
    leave::start(&received, archive_start, slot, range)
}

/// Talks with the host until there is something to start.
fn receive(mut receiver: Receiver<'static>) -> Received<'static> {
    let mut reader = Reader::new();
    let mut buffer = [0; LONGEST_FRAME];
    loop {
        let now = timer::since_boot();
        let Some(byte) = console::read() else {
            if receiver.is_finished(now) {
                break;
            }
            timer::spin(PAUSE);
            continue;
        };
        let message = reader.push(byte).and_then(decode::<ToBoard<'_>>);
        let answer = message.and_then(|message| receiver.receive(&message, now));
        // Every answer has room.
        if let Some(frame) = answer.and_then(|answer| encode(&answer, &mut buffer)) {
            console::write(frame);
        }
    }
    match receiver.into_received() {
        Some(received) => received,
        None => power::fail(format_args!("what came over the line is not complete")),
    }
}
