//! The mini UART: like a 16550, but not one (BCM2835 ARM Peripherals, 2.2; as BCM2711 ARM Peripherals, 2.2).
//!
//! Its baud rate is a fraction of the clock of the VideoCore, which firmware sets and holds only with `enable_uart=1`. So the
//! device is used as firmware left it, as Linux's early console does, or not at all.

use hardware::PhysRange;
use safe_mmio::fields::{ReadPure, ReadWrite};
use safe_mmio::{UniqueMmioPointer, field, field_shared};

use crate::memory;

/// How far behind the registers that it shares with two SPI masters its own begin. The device tree gives its own alone.
const OFFSET: u64 = 0x40;

/// All three devices' registers, up to the last that matters here.
#[repr(C)]
struct Registers {
    _interrupts: u32,
    /// AUX_ENABLES.
    enables: ReadPure<u32>,
    _spi: [u32; 14],
    /// AUX_MU_IO: taken from and put here, a byte each time.
    data: ReadWrite<u32>,
    _setup: [u32; 4],
    /// AUX_MU_LSR. Reading it clears the bit that says that something was lost, for which nobody asks.
    line: ReadPure<u32>,
    _modem: [u32; 2],
    /// AUX_MU_CNTL.
    control: ReadPure<u32>,
}

const _: () = {
    assert!(core::mem::offset_of!(Registers, enables) == 0x04);
    assert!(core::mem::offset_of!(Registers, data) as u64 == OFFSET);
    assert!(core::mem::offset_of!(Registers, line) == 0x54);
    assert!(core::mem::offset_of!(Registers, control) == 0x60);
};

/// AUX_ENABLES: the mini UART has its clock.
const ENABLED: u32 = 1;
/// AUX_MU_CNTL: receiver and transmitter.
const RECEIVES: u32 = 1 << 0;
const TRANSMITS: u32 = 1 << 1;
/// AUX_MU_LSR: a byte has come; there is room for one; all have left.
const DATA_READY: u32 = 1 << 0;
const ROOM: u32 = 1 << 5;
const IDLE: u32 = 1 << 6;

/// A mini UART that firmware has set up.
pub(super) struct MiniUart(UniqueMmioPointer<'static, Registers>);

impl MiniUart {
    /// The mini UART whose own registers are `registers`, if firmware has switched it on.
    pub(super) fn bring_up(registers: PhysRange) -> Option<Self> {
        let start = registers.start.get().checked_sub(OFFSET)?;
        let all = PhysRange::from_len(start, size_of::<Registers>() as u64)?;
        let window = memory::map_device(all)?;
        // SAFETY: the window maps the registers, at an address that is aligned as they are, stays for good, and is handed to nobody
        // else.
        let device = Self(unsafe { UniqueMmioPointer::new(window.cast()) });
        let on = device.is_on();
        on.then_some(device)
    }

    fn is_on(&self) -> bool {
        // Without its clock none of its own registers can be read.
        field_shared!(self.0, enables).read() & ENABLED != 0
            && field_shared!(self.0, control).read() & (RECEIVES | TRANSMITS) == RECEIVES | TRANSMITS
    }

    fn line(&self) -> u32 {
        field_shared!(self.0, line).read()
    }

    /// Sends a byte, and waits for room for it.
    pub(super) fn write(&mut self, byte: u8) {
        while self.line() & ROOM == 0 {
            core::hint::spin_loop();
        }
        field!(self.0, data).write(byte.into());
    }

    /// The next byte that came in, if there is one.
    pub(super) fn read(&mut self) -> Option<u8> {
        if self.line() & DATA_READY == 0 {
            return None;
        }
        // The bits above the lowest eight are zero.
        Some(field!(self.0, data).read() as u8)
    }

    /// Whether something written has not left the device yet.
    pub(super) fn is_busy(&self) -> bool {
        self.line() & IDLE == 0
    }
}
