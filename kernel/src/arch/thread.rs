//! The registers that belong to the thread which runs and are in no frame.

use aarch64_cpu::registers::{Readable, TPIDR_EL0, TPIDR_EL1, Writeable};

/// The program's thread pointer (TPIDR_EL0), as it is now: a program sets it without asking.
pub(crate) fn user_pointer() -> u64 {
    TPIDR_EL0.get()
}

/// Sets the program's thread pointer.
pub(crate) fn set_user_pointer(value: u64) {
    TPIDR_EL0.set(value);
}

/// What [`set_current`] was last called with; null before. EL0 can't see it.
pub(crate) fn current() -> *const () {
    core::ptr::with_exposed_provenance(TPIDR_EL1.get() as usize)
}

/// Notes which thread runs, for [`current`].
pub(crate) fn set_current(thread: *const ()) {
    TPIDR_EL1.set(thread.expose_provenance() as u64);
}
