//! What a Cortex-A53 (Raspberry Pi 3) computes wrong: sequences of instructions that must not be in the kernel.
//!
//! For one the compiler is asked to leave them out, for the other the linker; neither says whether it did, and the compiler can't for what
//! it compiled before, as the library `core`.

use std::path::Path;

use anyhow::{Result, bail};
use libtest_mimic::Trial;
use object::{Object, ObjectSection};

use super::code::{self, Code, Instruction};

/// The check as a trial. `kernel` is the kernel's ELF file.
pub(crate) fn trial(kernel: &Path, print_times: bool) -> Trial {
    code::trial("boot::errata", kernel, print_times, check)
}

fn check(file: &[u8]) -> Result<()> {
    let elf = object::File::parse(file)?;
    let mut seen = 0;
    for section in elf.sections().filter(|section| section.address() != 0) {
        let code = Code::of(&elf, &section)?;
        for window in (0..code.instructions.len()).map(|at| &code.instructions[at..]) {
            if let Some(erratum) = erratum_at(window) {
                bail!(
                    "{}: erratum {erratum} of the Cortex-A53",
                    code.place(window[0].address)
                );
            }
        }
        seen += code.instructions.len();
    }
    if seen < 10_000 {
        bail!("only {seen} instructions were found: the file has no symbols that tell code from data");
    }
    Ok(())
}

/// The number of the erratum whose sequence begins here.
fn erratum_at(code: &[Instruction]) -> Option<u32> {
    let next = |index: usize| {
        let instruction = code.get(index)?;
        (instruction.address == code[0].address + 4 * index as u64).then_some(*instruction)
    };
    let (first, second) = (next(0)?, next(1)?);
    if first.is_access() && accumulates(second) {
        return Some(835_769);
    }
    let third = next(2)?;
    let fourth = next(3).filter(|_| !is_branch(third));
    let ends = |last: Instruction| is_access_by(last, first.bits(0, 5));
    let misread = is_late_adrp(first)
        && is_early_access(second, first.bits(0, 5))
        && (ends(third) || fourth.is_some_and(ends));
    misread.then_some(843_419)
}

/// Whether it is a 64-bit multiply-accumulate: MADD, MSUB, and those of 32 by 32 bits, but for plain products, which add XZR. (LLVM's
/// rule, which also counts what the erratum spares: a product that waits for the load.)
fn accumulates(instruction: Instruction) -> bool {
    let kind = instruction.bits(21, 3);
    instruction.is(0xff00_0000, 0x9b00_0000) && matches!(kind, 0 | 1 | 5) && instruction.bits(10, 5) != 31
}

/// Whether it is an ADRP in the last two words of a page.
fn is_late_adrp(instruction: Instruction) -> bool {
    instruction.is(0x9f00_0000, 0x9000_0000) && matches!(instruction.address & 0xfff, 0xff8 | 0xffc)
}

/// Whether it is a load or store of the kind that comes second, and leaves `register` alone: a single register, exclusive or by a distance
/// from here, or a store of a pair. (The rule of lld, `AArch64ErrataFix.cpp`, but for vectors.)
fn is_early_access(instruction: Instruction, register: u32) -> bool {
    let by_distance = instruction.is(0x3b00_0000, 0x1800_0000);
    let single = instruction.is(0x3a00_0000, 0x3800_0000);
    let exclusive = instruction.is(0x3f00_0000, 0x0800_0000);
    let stores_pair = instruction.is(0x3a40_0000, 0x2800_0000);
    let loads = by_distance || (single || exclusive) && instruction.bits(22, 2) != 0;
    let changes_base = (single
        && instruction.bits(24, 1) == 0
        && instruction.bits(21, 1) == 0
        && instruction.bits(10, 1) == 1)
        || (stores_pair && instruction.bits(23, 1) == 1);
    let overwrites =
        loads && instruction.bits(0, 5) == register || changes_base && instruction.bits(5, 5) == register;
    (by_distance || single || exclusive || stores_pair) && !overwrites
}

/// Whether it is a load or store at `register` and an unsigned offset.
fn is_access_by(instruction: Instruction, register: u32) -> bool {
    instruction.is(0x3b00_0000, 0x3900_0000) && instruction.bits(5, 5) == register
}

/// Whether it may go on elsewhere than at the next instruction.
fn is_branch(instruction: Instruction) -> bool {
    instruction.is(0xfe00_0000, 0xd600_0000)
        || instruction.is(0xfe00_0000, 0x5400_0000)
        || instruction.is(0x7c00_0000, 0x1400_0000)
        || instruction.is(0x7c00_0000, 0x3400_0000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOP: u32 = 0xd503_201f;
    const LDR_X0_X1: u32 = 0xf940_0020;
    const STR_X0_X1: u32 = 0xf900_0020;
    const ADRP_X2: u32 = 0x9000_0002;

    fn erratum(start: u64, words: &[u32]) -> Option<u32> {
        let code: Vec<_> = words
            .iter()
            .zip((start..).step_by(4))
            .map(|(&word, address)| Instruction { word, address })
            .collect();
        erratum_at(&code)
    }

    #[test]
    fn accumulating_right_behind_an_access_is_found() {
        for (second, assembly) in [
            (0x9b04_0c62, "madd x2, x3, x4, x3"),
            (0x9b04_8c62, "msub x2, x3, x4, x3"),
            (0x9ba4_0c62, "umaddl x2, w3, w4, x3"),
            (0x9b24_8c62, "smsubl x2, w3, w4, x3"),
        ] {
            for first in [LDR_X0_X1, STR_X0_X1, 0xf980_0020, 0xa940_0440, 0x3dc0_0020] {
                assert_eq!(erratum(0, &[first, second]), Some(835_769), "{assembly}");
            }
            assert_eq!(erratum(0, &[NOP, second]), None, "{assembly}");
        }
        for (second, assembly) in [
            (0x9b04_7c62, "mul x2, x3, x4"),
            (0x9ba4_7c62, "umull x2, w3, w4"),
            (0x9bc4_7c62, "umulh x2, x3, x4"),
            (0x1b04_0c62, "madd w2, w3, w4, w3"),
            (NOP, "nop"),
        ] {
            assert_eq!(erratum(0, &[LDR_X0_X1, second]), None, "{assembly}");
        }
    }

    #[test]
    fn data_between_two_instructions_parts_them() {
        let code = [(LDR_X0_X1, 0), (0x9b04_0c62, 8)].map(|(word, address)| Instruction { word, address });
        assert_eq!(erratum_at(&code), None);
    }

    #[test]
    fn an_adrp_at_the_end_of_a_page_is_found() {
        const LDR_X3_X2: u32 = 0xf940_0443;
        for start in [0xff8, 0x7ffc] {
            assert_eq!(erratum(start, &[ADRP_X2, STR_X0_X1, LDR_X3_X2]), Some(843_419));
            assert_eq!(
                erratum(start, &[ADRP_X2, LDR_X0_X1, NOP, LDR_X3_X2]),
                Some(843_419)
            );
        }
        for (start, words, why) in [
            (0xff4, [ADRP_X2, STR_X0_X1, LDR_X3_X2, NOP], "earlier in the page"),
            (0xff8, [ADRP_X2, NOP, LDR_X3_X2, NOP], "no access in between"),
            (0xff8, [ADRP_X2, 0xf940_0022, LDR_X3_X2, NOP], "ldr x2, [x1]"),
            (0xff8, [ADRP_X2, 0xa940_0420, LDR_X3_X2, NOP], "ldp x0, x1, [x1]"),
            (0xff8, [ADRP_X2, 0xf800_8440, LDR_X3_X2, NOP], "str x0, [x2], #8"),
            (
                0xff8,
                [ADRP_X2, STR_X0_X1, 0x1400_0001, LDR_X3_X2],
                "a branch in between",
            ),
            (0xff8, [ADRP_X2, STR_X0_X1, NOP, LDR_X0_X1], "another base"),
        ] {
            assert_eq!(erratum(start, &words), None, "{why}");
        }
    }
}
