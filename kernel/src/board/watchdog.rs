//! A Raspberry Pi's power manager: its watchdog resets the machine, and a mark tells firmware not to start it again.
//!
//! The registers are in no public manual; what they do is known from Linux (drivers/watchdog/bcm2835_wdt.c).

use hardware::PhysRange;
use safe_mmio::fields::{ReadPureWrite, WriteOnly};
use safe_mmio::{UniqueMmioPointer, field};

use crate::memory;

/// The registers up to the last that matters here.
#[repr(C)]
struct Registers {
    _power: [u32; 7],
    /// PM_RSTC: what happens when the time is up.
    control: ReadPureWrite<u32>,
    /// PM_RSTS: survives a reset; firmware reads a number in every second of its lowest bits.
    status: ReadPureWrite<u32>,
    /// PM_WDOG: ticks of 15 microseconds.
    time: WriteOnly<u32>,
}

const _: () = {
    assert!(core::mem::offset_of!(Registers, control) == 0x1c);
    assert!(core::mem::offset_of!(Registers, status) == 0x20);
    assert!(core::mem::offset_of!(Registers, time) == 0x24);
};

/// In the highest byte of what is written; else nothing is.
const PASSWORD: u32 = 0x5a << 24;
/// PM_RSTC: the field that says what happens, and a full reset in it.
const ACTION: u32 = 3 << 4;
const FULL_RESET: u32 = 2 << 4;
/// PM_RSTS: 63, the number that firmware takes for "stay off".
const STAY_OFF: u32 = 0x555;
/// Some 150 microseconds.
const TICKS: u32 = 10;

/// The power manager.
pub(super) struct Watchdog(UniqueMmioPointer<'static, Registers>);

impl Watchdog {
    /// The power manager at `registers`.
    pub(super) fn new(registers: PhysRange) -> Option<Self> {
        let window = memory::map_device(registers)?;
        // SAFETY: the window maps the registers, stays for good, and is handed to nobody else.
        Some(Self(unsafe { UniqueMmioPointer::new(window.cast()) }))
    }

    /// Switches the machine off, as far as it can be: returns, and soon after that all ends.
    pub(super) fn switch_off(&mut self) {
        let status = field!(self.0, status).read();
        field!(self.0, status).write(PASSWORD | status | STAY_OFF);
        field!(self.0, time).write(PASSWORD | TICKS);
        let control = field!(self.0, control).read();
        field!(self.0, control).write(PASSWORD | control & !ACTION | FULL_RESET);
    }
}
