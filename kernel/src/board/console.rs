//! The console: a PL011 for the program's standard output, and the host's standard error, or the same PL011, for the
//! kernel's own messages.
//!
//! Bytes go out as they are: what reads them may be a terminal, a file or another program.

use arm_pl011_uart::{DataBits, LineConfig, PL011Registers, Parity, StopBits, Uart, UniqueMmioPointer};
use core::fmt::{self, Write};
use core::ptr::NonNull;
use hardware::PhysRange;

use super::host;
use crate::memory;
use crate::sync::IrqMutex;

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

/// The device, once there is one.
static CONSOLE: IrqMutex<Option<Uart<'static>>> = IrqMutex::new(None);

/// Brings up the PL011 at `registers`. A device that firmware has switched on stays as firmware left it, because what device
/// trees say of its clock is not always true; else it is set up by `clock`, its frequency in Hz, where that is known.
pub(super) fn init(registers: PhysRange, clock: Option<u32>) {
    let Some(window) = memory::map_device(registers) else {
        return;
    };
    // SAFETY: the window maps the device's registers, of which this is one; reading it changes nothing.
    let control = unsafe { window.add(CONTROL).cast::<u32>().read_volatile() };
    let registers: NonNull<PL011Registers> = window.cast();
    // SAFETY: the window maps a PL011, stays for good, and is handed to nobody else.
    let mut uart = Uart::new(unsafe { UniqueMmioPointer::new(registers) });
    if let Some(clock) = clock
        && control & CONTROL_ENABLED == 0
    {
        // A clock that gives no such baud rate leaves the device as it was: better a silent device than none.
        let _ = uart.enable(LINE, BAUD_RATE, clock);
    }
    *CONSOLE.lock() = Some(uart);
}

/// Writes to the console.
pub(crate) fn write(bytes: &[u8]) {
    if let Some(uart) = CONSOLE.lock().as_mut() {
        put(uart, bytes);
    }
}

/// Writes to where the kernel's messages and the program's standard error go: the host's standard error, or the console.
pub(crate) fn write_error(bytes: &[u8]) {
    let mut console = CONSOLE.lock();
    if !host::write_error(bytes)
        && let Some(uart) = console.as_mut()
    {
        put(uart, bytes);
    }
}

/// The next byte that came in, if there is one. Bytes that came damaged are lost.
pub(crate) fn read() -> Option<u8> {
    CONSOLE.lock().as_mut()?.read_word().ok().flatten()
}

/// Waits until everything written has left the device.
pub(super) fn flush() {
    if let Some(uart) = CONSOLE.lock().as_ref() {
        while uart.is_busy() {
            core::hint::spin_loop();
        }
    }
}

/// Prints to the console.
pub(crate) fn print(text: fmt::Arguments<'_>) {
    // Writing cannot fail; a value that fails to format itself is no concern of the console's.
    let _ = To(write).write_fmt(text);
}

/// Prints to where the kernel's messages go.
pub(crate) fn print_error(text: fmt::Arguments<'_>) {
    let _ = To(write_error).write_fmt(text);
}

/// Frees the console from whoever holds it.
///
/// # Safety
///
/// As for [`IrqMutex::seize`]: only in a panic.
pub(crate) unsafe fn seize() {
    // SAFETY: the caller's promise.
    unsafe { CONSOLE.seize() };
}

fn put(uart: &mut Uart<'static>, bytes: &[u8]) {
    for &byte in bytes {
        while uart.is_tx_fifo_full() {
            core::hint::spin_loop();
        }
        uart.write_word(byte);
    }
}

/// Formats into one of the two writers.
struct To(fn(&[u8]));

impl Write for To {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        (self.0)(text.as_bytes());
        Ok(())
    }
}
