//! The devices that a console may be: a PL011, or the mini UART of a Raspberry Pi.

use arm_pl011_uart::{DataBits, LineConfig, PL011Registers, Parity, StopBits, Uart};
use core::ptr::NonNull;
use hardware::{Console, ConsoleKind, PhysRange};
use safe_mmio::UniqueMmioPointer;

use super::mini_uart::MiniUart;
use crate::memory;

/// The line: what every Raspberry Pi's firmware uses as well.
const BAUD_RATE: u32 = 115_200;
const LINE: LineConfig = LineConfig {
    data_bits: DataBits::Bits8,
    parity: Parity::None,
    stop_bits: StopBits::One,
};

/// UARTCR, and its bit that says that the device is on (PL011 TRM, 3.3.8).
const CONTROL: usize = 0x30;
const CONTROL_ENABLED: u32 = 1;

/// A serial device that works.
pub(super) enum Serial {
    Pl011(Uart<'static>),
    Mini(MiniUart),
}

impl Serial {
    /// Brings up the device that `console` names. `clock` gives the frequency in Hz of a PL011 that the tree says nothing of.
    /// `None` where there is no driver, or the device is off and can't be set up.
    pub(super) fn bring_up(console: Console, clock: impl FnOnce() -> Option<u32>) -> Option<Self> {
        match console.kind {
            ConsoleKind::Pl011 => pl011(console.registers, || console.clock.or_else(clock)),
            ConsoleKind::MiniUart => MiniUart::bring_up(console.registers).map(Self::Mini),
            ConsoleKind::Unknown => None,
        }
    }

    /// Sends the bytes, and waits for room for each.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            match self {
                Self::Pl011(uart) => {
                    while uart.is_tx_fifo_full() {
                        core::hint::spin_loop();
                    }
                    uart.write_word(byte);
                }
                Self::Mini(uart) => uart.write(byte),
            }
        }
    }

    /// The next byte that came in, if there is one. Bytes that came damaged are lost.
    pub(super) fn read(&mut self) -> Option<u8> {
        match self {
            Self::Pl011(uart) => uart.read_word().ok().flatten(),
            Self::Mini(uart) => uart.read(),
        }
    }

    /// Whether something written has not left the device yet.
    pub(super) fn is_busy(&self) -> bool {
        match self {
            Self::Pl011(uart) => uart.is_busy(),
            Self::Mini(uart) => uart.is_busy(),
        }
    }
}

/// Brings up a PL011. One that firmware has switched on stays as firmware left it, because what device trees say of its clock
/// is not always true; else it is set up by `clock`, its frequency in Hz.
fn pl011(registers: PhysRange, clock: impl FnOnce() -> Option<u32>) -> Option<Serial> {
    let window = memory::map_device(registers)?;
    // SAFETY: the window maps the device's registers, of which this is one; reading it changes nothing.
    let control = unsafe { window.add(CONTROL).cast::<u32>().read_volatile() };
    let registers: NonNull<PL011Registers> = window.cast();
    // SAFETY: the window maps a PL011, stays for good, and is handed to nobody else.
    let mut uart = Uart::new(unsafe { UniqueMmioPointer::new(registers) });
    if control & CONTROL_ENABLED == 0 {
        // One that is off takes a few bytes and then none: whoever waited for room would wait for ever.
        uart.enable(LINE, BAUD_RATE, clock()?).ok()?;
    }
    Some(Serial::Pl011(uart))
}
