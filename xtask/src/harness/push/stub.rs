//! A kernel of a few instructions, which looks at the state that it is entered in and says on the serial line what it finds.

use crate::qemu::machine::Machine;
use crate::qemu::raspi::Model;

/// What it says if everything is as a kernel may expect. Else the letter tells what isn't: L the exception level, M MMU or caches,
/// X the other registers, T the device tree.
pub(super) const FINE: &str = "=\n";

/// The header of an arm64 image (Linux's `Documentation/arch/arm64/booting.rst`).
const HEADER: usize = 64;
const BRANCH: u32 = 0x1400_0000 | (HEADER as u32 / 4);
/// 4 KiB pages, anywhere in memory.
const FLAGS: u64 = 0xa;
/// What it needs behind its file.
const MORE: u64 = 0x3000;

/// The instructions; the console's address and the magic number of a device tree follow.
const CODE: [u32; 24] = [
    0x5280_0986, // mov  w6, #'L'
    0xd538_4245, // mrs  x5, currentel
    0xf100_10bf, // cmp  x5, #4
    0x5400_01e1, // b.ne 1f
    0x5280_09a6, // mov  w6, #'M'
    0xd538_1005, // mrs  x5, sctlr_el1
    0x3700_0185, // tbnz w5, #0, 1f
    0x3710_0165, // tbnz w5, #2, 1f
    0x5280_0b06, // mov  w6, #'X'
    0xaa02_0025, // orr  x5, x1, x2
    0xaa03_00a5, // orr  x5, x5, x3
    0xb500_00e5, // cbnz x5, 1f
    0x5280_0a86, // mov  w6, #'T'
    0xb940_0005, // ldr  w5, [x0]
    0x1800_0188, // ldr  w8, 3f + 8
    0x6b08_00bf, // cmp  w5, w8
    0x5400_0041, // b.ne 1f
    0x5280_07a6, // mov  w6, #'='
    0x5800_00c7, // 1: ldr x7, 3f
    0xb900_00e6, // str  w6, [x7]
    0x5280_0146, // mov  w6, #'\n'
    0xb900_00e6, // str  w6, [x7]
    0xd503_207f, // 2: wfi
    0x17ff_ffff, // b    2b
                 // 3:
];
const TREE_MAGIC: u32 = 0xedfe_0dd0;

/// The image for a machine, filled up to `length` bytes, no two parts of which are the same.
pub(super) fn image(machine: &Machine, length: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length);
    bytes.extend(BRANCH.to_le_bytes());
    bytes.extend([0; 4]);
    for field in [0, length as u64 + MORE, FLAGS, 0, 0, 0] {
        bytes.extend(field.to_le_bytes());
    }
    bytes.extend(b"ARM\x64\0\0\0\0");
    for instruction in CODE {
        bytes.extend(instruction.to_le_bytes());
    }
    bytes.extend(console(machine).to_le_bytes());
    bytes.extend(TREE_MAGIC.to_le_bytes());
    bytes.extend(filling(length - bytes.len()));
    bytes
}

/// Bytes of which any piece is found once, zeros among them.
pub(super) fn filling(length: usize) -> Vec<u8> {
    let words = (0_u32..).flat_map(|number| (number.wrapping_mul(0x9e37_79b1) & 0x00ff_ffff).to_le_bytes());
    words.take(length).collect()
}

/// Where a machine's console takes a byte.
fn console(machine: &Machine) -> u64 {
    match machine.raspi.as_ref().map(|raspi| raspi.model) {
        None => 0x0900_0000,
        Some(Model::Raspi3b) => 0x3f21_5040,
        Some(Model::Raspi4b) => 0xfe21_5040,
    }
}
