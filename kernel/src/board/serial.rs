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

/// The divisor's registers, UARTIBRD and UARTFBRD: its whole part, and its 64ths (PL011 TRM, 3.3.5 and 3.3.6).
const WHOLE_DIVISOR: usize = 0x24;
const DIVISOR_64THS: usize = 0x28;
/// UARTDR (PL011 TRM, 3.3.1).
const DATA: usize = 0x00;
/// UARTCR, and its bit that says that the device is on (3.3.8).
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

/// Brings up a PL011, by the frequency of its clock in Hz where that is needed. One that firmware has switched on stays as firmware left it,
/// because what device trees say of its clock is not always true; unless its rate is a little off.
fn pl011(registers: PhysRange, clock: impl FnOnce() -> Option<u32>) -> Option<Serial> {
    let window = memory::map_device(registers)?;
    // SAFETY: the window maps the device's registers, of which these are some; reading them takes a byte that has come at most.
    let read = |register| unsafe { window.add(register).cast::<u32>().read_volatile() };
    let is_on = read(CONTROL) & CONTROL_ENABLED != 0;
    let divisor = read(WHOLE_DIVISOR) << 6 | read(DIVISOR_64THS);
    let registers: NonNull<PL011Registers> = window.cast();
    // SAFETY: the window maps a PL011, stays for good, and is handed to nobody else.
    let mut uart = Uart::new(unsafe { UniqueMmioPointer::new(registers) });
    match clock() {
        Some(clock) if !is_on || is_a_little_off(clock, divisor) => {
            while is_on && uart.is_busy() {
                core::hint::spin_loop();
            }
            uart.enable(LINE, BAUD_RATE, clock).ok()?;
            // What came before is gone. QEMU passes nothing on before somebody has read, and nobody reads an empty queue.
            read(DATA);
        }
        // One that is off takes a few bytes and then none: whoever waited for room would wait for ever.
        None if !is_on => return None,
        _ => {}
    }
    Some(Serial::Pl011(uart))
}

/// Whether a divisor, in 64ths, gives another rate than [`BAUD_RATE`], and still one that is near: a receiver takes 2.5 %, and a Raspberry Pi's
/// firmware is known to leave 103,448 baud behind. What is farther away is no rate that anybody has chosen, but a clock that isn't what
/// is said of it.
fn is_a_little_off(clock: u32, divisor: u32) -> bool {
    // The rate is the clock by 16 times the divisor.
    let rate = (u64::from(clock) * 4).checked_div(divisor.into()).unwrap_or(0);
    let per_mille = rate.abs_diff(BAUD_RATE.into()) * 1000 / u64::from(BAUD_RATE);
    (26..=200).contains(&per_mille)
}

crate::ktest! {
    /// A rate that firmware chose badly is mended; one that only seems wrong, because the clock isn't known, is left.
    fn only_a_rate_that_is_a_little_off_is_mended() {
        const MHZ: u32 = 1_000_000;
        assert!(is_a_little_off(48 * MHZ, 29 << 6));
        // 48 MHz and 26 3/64; 44 MHz and 23 56/64, of which a Raspberry Pi 5's tree says 9.216 MHz; QEMU's 3 MHz; off.
        for (clock, divisor) in [
            (48 * MHZ, 26 << 6 | 3),
            (44 * MHZ, 23 << 6 | 56),
            (9_216_000, 23 << 6 | 56),
            (3 * MHZ, 26 << 6 | 3),
            (48 * MHZ, 0),
        ] {
            assert!(!is_a_little_off(clock, divisor), "{clock} {divisor}");
        }
    }
}
