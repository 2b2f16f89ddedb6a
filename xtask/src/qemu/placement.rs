//! The image at another address than QEMU's boot loader would choose, and with something else in `x0`, as other loaders do it.
//!
//! QEMU's boot loader gets a few instructions in the kernel's place, which jump to the image; that a generic loader puts into
//! memory.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::raspi::Raspi;
use crate::workspace::{self, short};

/// Where the image is put, and what it finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Placement {
    /// Physical address.
    pub(crate) address: u64,
    /// What `x0` holds at its first instruction.
    pub(crate) x0: X0,
}

/// What `x0` holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum X0 {
    /// What QEMU's boot loader puts there: the address of the device tree.
    DeviceTree,
    /// This.
    Value(u64),
    /// The address of a Raspberry Pi's tree as Linux has it: without memory, command line and archive, which firmware fills in.
    BareTree,
}

/// `ldr x16, [pc, #16]`, `ldr x0, [pc, #20]`, `nop`, `br x16`.
const LOAD_ADDRESS: u32 = 0x5800_0090;
const LOAD_X0: u32 = 0x5800_00a0;
const NOP: u32 = 0xd503_201f;
const JUMP: u32 = 0xd61f_0200;
/// Where the code begins: behind the header of an arm64 image, whose first instruction, `b`, leads there.
const CODE: u64 = 64;
const BRANCH: u32 = 0x1400_0000 | (CODE as u32 / 4);
/// How far into memory it is loaded: away from all addresses that tests put the image to.
const OFFSET: u64 = 48 << 20;
/// Where a bare tree is put: away from what QEMU's boot loader puts into memory.
const BARE_TREE: u64 = 96 << 20;

impl Placement {
    /// Adds the image and what leads to it to a command line.
    pub(super) fn load(&self, command: &mut Command, image: &Path, raspi: Option<&Raspi>) -> Result<()> {
        command.arg("-kernel").arg(short(&self.write()?));
        command.arg("-device").arg(loader(image, self.address));
        if self.x0 == X0::BareTree {
            let raspi = raspi.context("only a Raspberry Pi's tree is a file")?;
            command.arg("-device").arg(loader(&raspi.tree, BARE_TREE));
        }
        Ok(())
    }

    /// Writes the instructions into a file.
    fn write(&self) -> Result<PathBuf> {
        let name = match self.x0 {
            X0::DeviceTree => format!("jump-{:x}.img", self.address),
            X0::Value(x0) => format!("jump-{:x}-{x0:x}.img", self.address),
            X0::BareTree => format!("jump-{:x}-bare.img", self.address),
        };
        let path = workspace::scratch("placement")?.join(name);
        fs_err::write(&path, self.code())?;
        Ok(path)
    }

    /// The header (Linux's `Documentation/arch/arm64/booting.rst`), the instructions, and the two numbers that they load.
    fn code(&self) -> Vec<u8> {
        let (load_x0, x0) = match self.x0 {
            X0::DeviceTree => (NOP, 0),
            X0::Value(value) => (LOAD_X0, value),
            X0::BareTree => (LOAD_X0, BARE_TREE),
        };
        let size = CODE + 32;
        let mut bytes = Vec::new();
        bytes.extend(BRANCH.to_le_bytes());
        bytes.extend([0; 4]);
        // Where to load it, its size, its flags (4 KiB pages, anywhere), three reserved.
        for field in [OFFSET, size, 0xa, 0, 0, 0] {
            bytes.extend(field.to_le_bytes());
        }
        bytes.extend(b"ARM\x64\0\0\0\0");
        for instruction in [LOAD_ADDRESS, load_x0, JUMP, NOP] {
            bytes.extend(instruction.to_le_bytes());
        }
        for number in [self.address, x0] {
            bytes.extend(number.to_le_bytes());
        }
        bytes
    }
}

/// The generic loader that puts a file to an address.
pub(crate) fn loader(file: &Path, address: u64) -> String {
    let file = comma_doubled(&short(file));
    format!("loader,file={file},addr={address:#x},force-raw=on")
}

/// A path inside one of QEMU's lists of options, where a comma is written twice.
pub(super) fn comma_doubled(path: &Path) -> String {
    path.to_string_lossy().replace(',', ",,")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_lie_where_the_instructions_look() {
        let placement = Placement {
            address: 0x4123_4000,
            x0: X0::Value(0x100),
        };
        let code = placement.code();
        let number = |at: usize| u64::from_le_bytes(code[at..at + 8].try_into().unwrap());
        assert_eq!(&code[56..60], b"ARM\x64");
        // A load's distance in words stands in its bits 5 to 23.
        let target = |at: usize| {
            let word = u32::from_le_bytes(code[at..at + 4].try_into().unwrap());
            at + (word >> 5 & 0x7_ffff) as usize * 4
        };
        assert_eq!((number(target(64)), number(target(68))), (0x4123_4000, 0x100));
        assert_eq!(code.len() as u64, number(16));
    }
}
