//! What a person reads when a signal ends a program.

use super::Thread;
use super::signal::{Origin, Signal, number};
use super::user::UserPtr;
use crate::arch::UserFrame;
use crate::board::console::print_error;

/// Tells which signal ends the program and, where the program's own doing raised it, at which instruction and with what in its
/// registers.
pub(crate) fn report(thread: &Thread, frame: &UserFrame, signal: &Signal) {
    let (name, meaning) = describe(signal);
    print_error(format_args!(
        "inarch: {}: {name} (signal {}): {meaning}\n",
        Path(&thread.process.executable),
        signal.number
    ));
    match signal.origin {
        Origin::Program => return,
        Origin::Kernel => print_place("address", thread, signal.detail),
        Origin::Exception(syndrome) => {
            print_error(format_args!("  {syndrome} (ESR {:#010x})\n", syndrome.0));
            if syndrome.is_abort() {
                print_place("address", thread, signal.detail);
            }
        }
    }
    print_place("pc", thread, frame.pc);
    if let Ok(instruction) = UserPtr::<u32>::new(frame.pc).read() {
        print_error(format_args!("  instruction {instruction:#010x}\n"));
    }
    print_error(format_args!("{frame}\n"));
}

/// A path, with a mark for whatever in it is no UTF-8. Printed as it is formatted: there may be no memory left for a string.
struct Path<'a>(&'a [u8]);

impl core::fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        for chunk in self.0.utf8_chunks() {
            f.write_str(chunk.valid())?;
            if !chunk.invalid().is_empty() {
                f.write_str("\u{fffd}")?;
            }
        }
        Ok(())
    }
}

/// The name of a signal, and what it says about the program.
fn describe(signal: &Signal) -> (&'static str, &'static str) {
    const ABORT: u8 = linux_raw_sys::general::SIGABRT as u8;
    const TERMINATE: u8 = linux_raw_sys::general::SIGTERM as u8;
    match (signal.number, signal.origin) {
        (number::SIGSEGV, Origin::Kernel) => (
            "SIGSEGV",
            "the stack pointer leads to no place for a signal frame",
        ),
        (number::SIGKILL, Origin::Exception(_)) => ("SIGKILL", "there is no memory left"),
        (number::SIGSEGV, _) => ("SIGSEGV", "an access that the mappings don't allow"),
        (number::SIGBUS, _) => ("SIGBUS", "an access past the end of an object, or not aligned"),
        (number::SIGILL, _) => ("SIGILL", "an instruction that there isn't, or that isn't allowed"),
        (number::SIGFPE, _) => ("SIGFPE", "a floating-point exception"),
        (number::SIGTRAP, _) => ("SIGTRAP", "a breakpoint"),
        (ABORT, _) => ("SIGABRT", "the program aborted"),
        (number::SIGKILL, _) => ("SIGKILL", "killed"),
        (TERMINATE, _) => ("SIGTERM", "asked to end"),
        _ => ("ended", "a signal that the program doesn't handle"),
    }
}

/// Tells an address, and the mapping that it lies in or below.
fn print_place(what: &str, thread: &Thread, address: u64) {
    // Printed as it is formatted, too.
    let print = |place: core::fmt::Arguments<'_>| {
        print_error(format_args!("  {what:<7} {address:#018x}  {place}\n"));
    };
    let space = thread.process.space.lock();
    match space.mappings_from(address).next() {
        Some(mapping) if mapping.range.start().get() <= address => {
            print(format_args!("in {}", Shown(&mapping)));
        }
        Some(mapping) => print(format_args!(
            "not mapped; the next mapping is {}",
            Shown(&mapping)
        )),
        None => print(format_args!("not mapped; nothing is mapped above")),
    }
}

/// A mapping in the words of `/proc/PID/maps`.
struct Shown<'a>(&'a mm::Mapping<'a>);

impl core::fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self(mapping) = self;
        let flag = |set: bool, letter: char| if set { letter } else { '-' };
        let (start, end) = (mapping.range.start().get(), mapping.range.end().get());
        let (r, w, x) = (
            flag(mapping.read, 'r'),
            flag(mapping.write, 'w'),
            flag(mapping.execute, 'x'),
        );
        let name = if mapping.name.is_empty() {
            "(anonymous)"
        } else {
            mapping.name
        };
        write!(f, "{start:x}-{end:x} {r}{w}{x} {name}")
    }
}
