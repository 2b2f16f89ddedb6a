//! What a person reads when a signal ends a program.

use super::Thread;
use super::signal::Signal;
use crate::arch::UserFrame;
use crate::process::user::UserPtr;

/// Names of the signals that end a program by what it did, and what each means.
fn describe(signal: &Signal) -> (&'static str, &'static str) {
    use super::signal::number::{SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP};
    match signal.number {
        SIGSEGV => ("SIGSEGV", "an access that the mappings don't allow"),
        SIGBUS => ("SIGBUS", "an access beyond the end of an object, or not aligned"),
        SIGILL => ("SIGILL", "an instruction that isn't one, or isn't allowed"),
        SIGFPE => ("SIGFPE", "arithmetic"),
        SIGTRAP => ("SIGTRAP", "a breakpoint"),
        6 => ("SIGABRT", "abort"),
        9 => ("SIGKILL", "killed"),
        15 => ("SIGTERM", "asked to end"),
        _ => ("a signal", "sent by a program"),
    }
}

/// Tells on the kernel's log which signal ends the program, where, and with what in its registers.
pub(crate) fn report(thread: &Thread, frame: &UserFrame, signal: &Signal) {
    let (name, meaning) = describe(signal);
    let path = alloc::string::String::from_utf8_lossy(&thread.process.executable);
    log::error!(
        "{path} (process {}) ended by {name} (signal {}): {meaning}",
        thread.process.id,
        signal.number
    );
    if signal.syndrome == 0 {
        return;
    }
    log::error!(
        "  address {:#018x}  {}",
        signal.detail,
        place(thread, signal.detail)
    );
    log::error!("  pc      {:#018x}  {}", frame.pc, place(thread, frame.pc));
    match UserPtr::<u32>::new(frame.pc).read() {
        Ok(instruction) => log::error!(
            "  instruction {instruction:#010x}, syndrome {:#x}",
            signal.syndrome
        ),
        Err(_) => log::error!(
            "  no instruction can be read there, syndrome {:#x}",
            signal.syndrome
        ),
    }
    log::error!("registers:\n{frame}");
}

/// The mapping that `address` lies in, or the ones that it lies between.
fn place(thread: &Thread, address: u64) -> alloc::string::String {
    use alloc::format;
    use alloc::string::String;

    let space = thread.process.space.lock();
    let show = |mapping: &mm::Mapping<'_>| {
        let flag = |set: bool, letter: char| if set { letter } else { '-' };
        let name = if mapping.name.is_empty() {
            "anonymous memory"
        } else {
            mapping.name
        };
        format!(
            "{:#x}-{:#x} {}{}{} {name}",
            mapping.range.start().get(),
            mapping.range.end().get(),
            flag(mapping.read, 'r'),
            flag(mapping.write, 'w'),
            flag(mapping.execute, 'x'),
        )
    };
    match space.mappings_from(address).next() {
        Some(mapping) if mapping.range.start().get() <= address => format!("in {}", show(&mapping)),
        Some(mapping) => format!("not mapped; next above is {}", show(&mapping)),
        None => String::from("not mapped; nothing lies above"),
    }
}
