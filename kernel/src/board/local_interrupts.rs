//! The interrupt controller of a BCM2836 or BCM2837 beside each core (Raspberry Pi 2 and 3): four lines for the timers, and others
//! that nobody uses here (BCM2836 ARM-local peripherals, QA7_rev3.4).
//!
//! It has neither priorities nor acknowledgement: a line is pending while its device asserts it.

use hardware::PhysRange;
use safe_mmio::fields::{ReadPure, ReadPureWrite};
use safe_mmio::{UniqueMmioPointer, field, field_shared};

use crate::memory;

/// The registers, one of each kind for each of four cores.
#[repr(C)]
struct Registers {
    _global: [u32; 3],
    /// Which core the interrupts of all other devices go to: bits 0 and 1, and their FIQ: bits 2 and 3.
    routing: ReadPureWrite<u32>,
    _more: [u32; 12],
    /// Which of its timers' lines interrupt a core: bits 0 to 3.
    timers: [ReadPureWrite<u32>; 4],
    _mailboxes: [u32; 4],
    /// Which lines interrupt it now: the timers' are bits 0 to 3.
    pending: [ReadPure<u32>; 4],
}

const _: () = {
    assert!(core::mem::offset_of!(Registers, routing) == 0x0c);
    assert!(core::mem::offset_of!(Registers, timers) == 0x40);
    assert!(core::mem::offset_of!(Registers, pending) == 0x60);
};

/// In `routing`: all to the last core, which sleeps with its interrupts masked.
const ALL_TO_LAST: u32 = 0b1111;

/// The controller, for the first core.
pub(super) struct LocalController(UniqueMmioPointer<'static, Registers>);

impl LocalController {
    /// The controller at `registers`.
    pub(super) fn new(registers: PhysRange) -> Option<Self> {
        let window = memory::map_device(registers)?;
        // SAFETY: the window maps the registers, stays for good, and is handed to nobody else.
        Some(Self(unsafe { UniqueMmioPointer::new(window.cast()) }))
    }

    /// Lets the timer's line `line` interrupt the first core, and no other: a device may have its interrupt on that a loader used.
    pub(super) fn enable_timer(&mut self, line: u32) {
        field!(self.0, routing).write(ALL_TO_LAST);
        let [first, ..] = field!(self.0, timers).split();
        let mut first = first;
        first.write(1 << line);
    }

    /// Whether the timer's line `line` interrupts the first core now.
    pub(super) fn is_pending(&self, line: u32) -> bool {
        let [first, ..] = field_shared!(self.0, pending).split();
        first.read() & 1 << line != 0
    }
}
