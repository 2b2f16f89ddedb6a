//! The instructions that run before the MMU is on, as they are in the image.
//!
//! Until then all memory is Device memory: an exclusive or atomic access may fault, DC ZVA and an unaligned access do (Arm ARM, B2.7.2).
//! QEMU lets most of that pass, boards don't.

use std::path::Path;

use anyhow::{Context, Result, bail};
use libtest_mimic::Trial;
use object::{Object, ObjectSection};

use super::code::{self, Code, Instruction};

/// The section that holds what runs before the MMU is on.
const SECTION: &str = ".text.boot";

/// The check as a trial. `kernel` is the kernel's ELF file.
pub(crate) fn trial(kernel: &Path, print_times: bool) -> Trial {
    code::trial("boot::before-the-mmu", kernel, print_times, check)
}

fn check(file: &[u8]) -> Result<()> {
    let elf = object::File::parse(file)?;
    let section = elf
        .section_by_name(SECTION)
        .with_context(|| format!("the kernel has no section {SECTION}"))?;
    let range = section.address()..section.address() + section.size();
    let code = Code::of(&elf, &section)?;
    let mut jumps = 0;
    for &instruction in &code.instructions {
        if let Err(why) = instruction.check(range.clone()) {
            let Instruction { word, address } = instruction;
            bail!("{}: {word:#010x}: {why}", code.place(address));
        }
        jumps += usize::from(instruction.is_jump_by_register());
    }
    let seen = code.instructions.len();
    if seen < 200 {
        bail!("only {seen} instructions were found: the file has no symbols that tell code from data");
    }
    if jumps != 2 {
        bail!(
            "{jumps} jumps by a register: there are two, with which the MMU is on, and with which it was off again"
        );
    }
    Ok(())
}

impl Instruction {
    /// Whether it may run before the MMU is on. `code` is all that may.
    fn check(self, code: std::ops::Range<u64>) -> Result<(), &'static str> {
        if self.is(0x0e00_0000, 0x0e00_0000) || self.is(0x1e00_0000, 0x0400_0000) {
            return Err("floating point or vectors: they may trap");
        }
        if self.is_access() {
            return self.check_access();
        }
        if self.is(0xffff_ffe0, 0xd50b_7420) {
            return Err("DC ZVA: faults on Device memory");
        }
        // DC ISW, CSW and CISW.
        if [0xd508_7640, 0xd508_7a40, 0xd508_7e40]
            .iter()
            .any(|&operation| self.is(0xffff_ffe0, operation))
        {
            return Err("cache maintenance by set and way: reaches only some caches");
        }
        match self.target() {
            Some(target) if !code.contains(&target) => Err("leads to code that needs the MMU"),
            _ => Ok(()),
        }
    }

    /// A load or store (C4.1.94).
    fn check_access(self) -> Result<(), &'static str> {
        const UNALIGNED: Result<(), &str> = Err("may be unaligned: faults on Device memory");
        let size = self.word >> 30;
        if self.is(1 << 26, 1 << 26) {
            return Err("a vector register: it may trap");
        }
        if self.is(0x3f00_0000, 0x0800_0000) {
            return Err("exclusive, ordered, or compare and swap: may fault on Device memory");
        }
        // Pairs, and offsets that are scaled by the size: as aligned as their base.
        if self.is(0x3a00_0000, 0x2800_0000) || self.is(0x3b00_0000, 0x3900_0000) {
            return Ok(());
        }
        // By a distance from here, in words; a doubleword where bit 30 is set.
        if self.is(0x3b00_0000, 0x1800_0000) {
            let aligned = self.target().is_some_and(|at| at % (4 << (size & 1)) == 0);
            return if aligned { Ok(()) } else { UNALIGNED };
        }
        if !self.is(0x3b00_0000, 0x3800_0000) {
            return Err("a load or store of another kind");
        }
        match (self.bits(21, 1), self.bits(10, 2)) {
            // An offset in bytes, perhaps added to the base.
            (0, _) if self.bits(12, 9).is_multiple_of(1 << size) => Ok(()),
            // An index, scaled by the size.
            (1, 2) if size == 0 || self.bits(12, 1) == 1 => Ok(()),
            (1, 0) => Err("atomic: may fault on Device memory"),
            (1, 1 | 3) => Err("a load or store of another kind"),
            _ => UNALIGNED,
        }
    }

    /// Where a branch by a distance leads, or what a load by a distance reads.
    fn target(self) -> Option<u64> {
        let (shift, width) = if self.is(0x7c00_0000, 0x1400_0000) {
            (0, 26)
        } else if self.is(0xff00_0010, 0x5400_0000)
            || self.is(0x7e00_0000, 0x3400_0000)
            || self.is(0x3b00_0000, 0x1800_0000)
        {
            (5, 19)
        } else if self.is(0x7e00_0000, 0x3600_0000) {
            (5, 14)
        } else {
            return None;
        };
        let distance = i64::from(self.bits(shift, width)) << (64 - width) >> (64 - width);
        Some(self.address.wrapping_add_signed(4 * distance))
    }

    /// BR or BLR.
    fn is_jump_by_register(self) -> bool {
        self.is(0xffdf_fc1f, 0xd61f_0000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(word: u32) -> Result<(), &'static str> {
        Instruction {
            word,
            address: 0x1000,
        }
        .check(0x1000..0x2000)
    }

    #[test]
    fn what_boards_refuse_is_found() {
        for (word, assembly) in [
            (0x885f_fc20, "ldaxr w0, [x1]"),
            (0x8802_7c20, "stxr w2, w0, [x1]"),
            (0x889f_fc20, "stlr w0, [x1]"),
            (0x88e2_fc20, "casal w2, w0, [x1]"),
            (0xb822_0020, "ldadd w2, w0, [x1]"),
            (0xb8e2_8020, "swpal w2, w0, [x1]"),
            (0xd50b_7420, "dc zva, x0"),
            (0xd508_7e40, "dc cisw, x0"),
            (0xb840_1020, "ldur w0, [x1, #1]"),
            (0xf800_4420, "str x0, [x1], #4"),
            (0xf862_6820, "ldr x0, [x1, x2]"),
            (0x5800_0020, "ldr x0, [pc, #4]"),
            (0x3dc0_0020, "ldr q0, [x1]"),
            (0xad00_0400, "stp q0, q1, [x0]"),
            (0x6f00_e400, "movi v0.2d, #0"),
            (0x1e62_2820, "fadd d0, d1, d2"),
            (0x9400_0400, "bl, 4 KiB on"),
            (0x17ff_ffff, "b, an instruction back"),
        ] {
            assert!(check(word).is_err(), "{assembly}");
        }
    }

    #[test]
    fn what_boards_take_is_let_through() {
        for (word, assembly) in [
            (0xf940_0420, "ldr x0, [x1, #8]"),
            (0xa900_7c1f, "stp xzr, xzr, [x0]"),
            (0xf800_8404, "str x4, [x0], #8"),
            (0xb822_7804, "str w4, [x0, x2, lsl #2]"),
            (0x5800_0040, "ldr x0, [pc, #8]"),
            (0x1800_0020, "ldr w0, [pc, #4]"),
            (0x9400_0001, "bl, an instruction on"),
            (0xb400_0040, "cbz x0, two on"),
            (0x3720_0040, "tbnz w0, #4, two on"),
            (0xd508_7620, "dc ivac, x0"),
            (0xd65f_03c0, "ret"),
            (0x9100_0400, "add x0, x0, #1"),
        ] {
            assert_eq!(check(word), Ok(()), "{assembly}");
        }
    }
}
