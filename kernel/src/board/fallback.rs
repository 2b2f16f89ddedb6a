//! A console for a machine without a usable device tree, so that it can say so.

use super::console;
use aarch64_cpu::registers::{MIDR_EL1, Readable};
use boot::BootInfo;
use hardware::PhysRange;

/// Where QEMU's `virt` has its memory, and its PL011.
const VIRT_RAM: u64 = 0x4000_0000;
const VIRT_UART: u64 = 0x0900_0000;

/// The PL011 of a Raspberry Pi 3, 4 and 5.
const PI3_UART: u64 = 0x3f20_1000;
const PI4_UART: u64 = 0xfe20_1000;
const PI5_UART: u64 = 0x10_7d00_1000;

/// The part numbers of their processors, in MIDR_EL1.
const CORTEX_A53: u64 = 0xd03;
const CORTEX_A72: u64 = 0xd08;
const CORTEX_A76: u64 = 0xd0b;

/// Brings up the console that this machine most likely has, by where the image lies and by the processor. Without a guess
/// there is none.
pub(super) fn console(info: &BootInfo) {
    let processor = MIDR_EL1.read(MIDR_EL1::PartNum);
    let uart = match processor {
        _ if info.image().start >= VIRT_RAM => VIRT_UART,
        CORTEX_A53 => PI3_UART,
        CORTEX_A72 => PI4_UART,
        CORTEX_A76 => PI5_UART,
        _ => return,
    };
    console::init(PhysRange::new(uart, uart + 0x1000), None);
}
