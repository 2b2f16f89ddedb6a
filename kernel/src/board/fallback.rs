//! A console for a machine without a usable device tree, so that it can say so.

use aarch64_cpu::registers::{MIDR_EL1, Readable};
use boot::BootInfo;
use hardware::{Console, ConsoleKind, PhysRange};

use super::console;
use super::serial::Serial;

/// Where QEMU's `virt` has its memory, and its PL011 with the clock that it says it has, in Hz.
const VIRT_RAM: u64 = 0x4000_0000;
const VIRT_UART: Guess = Guess(ConsoleKind::Pl011, 0x0900_0000, Some(24_000_000));

/// The clock of a PL011 as a Raspberry Pi's firmware sets it unless it is told otherwise, in Hz.
const PI_CLOCK: Option<u32> = Some(48_000_000);

/// The serial devices of a Raspberry Pi 3, 4 and 5. Of the first two, either may be on the pins.
const PI3: &[Guess] = &[
    Guess(ConsoleKind::Pl011, 0x3f20_1000, PI_CLOCK),
    Guess(ConsoleKind::MiniUart, 0x3f21_5040, None),
];
const PI4: &[Guess] = &[
    Guess(ConsoleKind::Pl011, 0xfe20_1000, PI_CLOCK),
    Guess(ConsoleKind::MiniUart, 0xfe21_5040, None),
];
const PI5: &[Guess] = &[Guess(ConsoleKind::Pl011, 0x10_7d00_1000, None)];

/// The part numbers of their processors, in MIDR_EL1.
const CORTEX_A53: u64 = 0xd03;
const CORTEX_A72: u64 = 0xd08;
const CORTEX_A76: u64 = 0xd0b;

/// A device, its address, and its clock where that may be set up.
struct Guess(ConsoleKind, u64, Option<u32>);

/// Brings up the consoles that this machine most likely has, by where the image lies and by the processor. Without a guess there
/// is none.
pub(super) fn console(info: &BootInfo) {
    let processor = MIDR_EL1.read(MIDR_EL1::PartNum);
    let guesses = match processor {
        _ if info.image().start >= VIRT_RAM => core::slice::from_ref(&VIRT_UART),
        CORTEX_A53 => PI3,
        CORTEX_A72 => PI4,
        CORTEX_A76 => PI5,
        _ => return,
    };
    for &Guess(kind, address, clock) in guesses {
        let console = Console {
            kind,
            // No page holds registers of two devices that the kernel drives.
            registers: PhysRange::new(address, address + 0x40),
            clock,
        };
        if let Some(device) = Serial::bring_up(console, || None) {
            console::add(device);
        }
    }
}
