//! How the machine ends.

use boot::EntryLevel;
use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use hardware::Conduit;
use smccc::{Hvc, Smc, psci};

use super::{console, host};
use crate::arch;
use crate::sync::Once;

/// The status when the board cannot run any program: no usable device tree, too little memory.
pub(crate) const STATUS_BOARD: u8 = 125;

/// How the firmware is called, if there is any.
static FIRMWARE: Once<Conduit> = Once::new();

/// Remembers how to call the firmware. Whoever entered at EL3 has none above, whatever the device tree says.
pub(super) fn init(level: EntryLevel, conduit: Option<Conduit>) {
    if let Some(conduit) = conduit
        && level != EntryLevel::El3
    {
        FIRMWARE.call_once(|| conduit);
    }
}

/// Ends the machine with the exit status of the program, or of whatever took its place. A host takes the status; without
/// one it stands in the last line on the console, and the firmware switches the machine off. Where there is no firmware
/// either, the core sleeps for ever.
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
    host::exit(status);
    // An answer means that the firmware refused: nothing is left but to stop.
    let _refused = match FIRMWARE.get() {
        Some(Conduit::Hvc) => psci::system_off::<Hvc>(),
        Some(Conduit::Smc) => psci::system_off::<Smc>(),
        None => Ok(()),
    };
    arch::halt()
}

/// Ends the machine because the board cannot run any program, with the reason on the console.
pub(crate) fn fail(why: fmt::Arguments<'_>) -> ! {
    console::print_error(format_args!("inarch: {why}\n"));
    end(STATUS_BOARD)
}
