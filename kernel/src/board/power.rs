//! How the machine ends.

use boot::EntryLevel;
use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use hardware::{Conduit, Description};
use mm::PhysAddr;
use smccc::{Hvc, Smc, psci};

use super::watchdog::Watchdog;
use super::{console, host};
use crate::arch;
use crate::sync::{IrqMutex, Once};

/// The status when the board cannot run any program: no usable device tree, too little memory.
pub(crate) const STATUS_BOARD: u8 = 125;

/// How the firmware is called, if there is any.
static FIRMWARE: Once<Conduit> = Once::new();

/// What ends the machine where there is no firmware to call.
static WATCHDOG: IrqMutex<Option<Watchdog>> = IrqMutex::new(None);

/// What goes on instead of an end.
static INSTEAD: Once<fn() -> !> = Once::new();

/// From now on [`end`] goes on with `next`, once it has told the exit status.
pub(crate) fn end_with(next: fn() -> !) {
    INSTEAD.call_once(|| next);
}

/// Remembers how to end the machine. Whoever entered at EL3 has no firmware above, and at EL2 no hypervisor, whatever the device tree
/// says: a call would be undefined.
pub(super) fn init(level: EntryLevel, found: &Description<'_>) {
    let somebody_answers = |conduit: &Conduit| match level {
        EntryLevel::El1 => true,
        EntryLevel::El2 => *conduit == Conduit::Smc,
        EntryLevel::El3 => false,
    };
    if let Some(conduit) = found.psci.filter(somebody_answers) {
        FIRMWARE.call_once(|| conduit);
    } else if let Some(registers) = found.watchdog {
        *WATCHDOG.lock() = Watchdog::new(registers);
    }
}

/// Ends the machine with the exit status of the program, or of whatever took its place. A host takes the status; without
/// one it stands in the last line on the console, and the firmware or a watchdog switches the machine off. Where there is
/// neither, the core sleeps for ever.
pub(crate) fn end(status: u8) -> ! {
    static ENDING: AtomicBool = AtomicBool::new(false);
    if ENDING.swap(true, Relaxed) {
        // The end itself went wrong.
        arch::halt();
    }
    if !host::is_listening() {
        console::print(format_args!("inarch: exit status {status}\n"));
    }
    console::flush();
    if let Some(next) = INSTEAD.get() {
        next();
    }
    host::exit(status);
    switch_off();
    arch::halt()
}

/// Switches the machine off. Returns where that can't be done, and where it takes a moment.
fn switch_off() {
    match FIRMWARE.get() {
        // An answer means that the firmware refused.
        Some(Conduit::Hvc) => drop(psci::system_off::<Hvc>()),
        Some(Conduit::Smc) => drop(psci::system_off::<Smc>()),
        None => {
            // SAFETY: this is the end: nobody else goes on.
            unsafe { WATCHDOG.seize() };
            if let Some(watchdog) = WATCHDOG.lock().as_mut() {
                watchdog.switch_off();
            }
        }
    }
}

/// Has the firmware start the core with these affinity bits at `entry`; whether it would. Without firmware nobody does.
pub(super) fn start_core(affinity: u64, entry: PhysAddr) -> bool {
    match FIRMWARE.get() {
        Some(Conduit::Hvc) => psci::cpu_on::<Hvc>(affinity, entry.get(), 0).is_ok(),
        Some(Conduit::Smc) => psci::cpu_on::<Smc>(affinity, entry.get(), 0).is_ok(),
        None => false,
    }
}

/// Whether there is firmware that starts cores.
#[cfg(feature = "ktest")]
pub(super) fn can_start_cores() -> bool {
    FIRMWARE.is_completed()
}

/// Ends the machine because the board cannot run any program, with the reason on the console.
pub(crate) fn fail(why: fmt::Arguments<'_>) -> ! {
    console::print_error(format_args!("inarch: {why}\n"));
    end(STATUS_BOARD)
}
