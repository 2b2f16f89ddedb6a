//! The instructions of an ELF file for arm64, told from the data between them.

use std::path::Path;

use anyhow::Result;
use libtest_mimic::Trial;
use object::{Object, ObjectSection, ObjectSymbol};

use super::report;

/// A check of the kernel's ELF file, which is at `kernel`, as a trial.
pub(super) fn trial(
    name: &str,
    kernel: &Path,
    print_times: bool,
    check: impl FnOnce(&[u8]) -> Result<()> + Send + 'static,
) -> Trial {
    let kernel = kernel.to_owned();
    report::trial(name, print_times, move || check(&fs_err::read(&kernel)?))
}

/// One instruction (encodings: Arm ARM, C4.1).
#[derive(Clone, Copy, Debug)]
pub(super) struct Instruction {
    /// Its four bytes.
    pub(super) word: u32,
    /// Where it lies.
    pub(super) address: u64,
}

impl Instruction {
    /// Whether the bits in `mask` are those of `value`.
    pub(super) fn is(self, mask: u32, value: u32) -> bool {
        self.word & mask == value
    }

    /// The `width` bits from `shift` on.
    pub(super) fn bits(self, shift: u32, width: u32) -> u32 {
        self.word >> shift & ((1 << width) - 1)
    }

    /// Whether it is a load, a store or a prefetch (C4.1.94).
    pub(super) fn is_access(self) -> bool {
        self.is(0x0a00_0000, 0x0800_0000)
    }
}

/// A section's instructions.
#[derive(Debug)]
pub(super) struct Code {
    /// In the order of their addresses, without the data between them.
    pub(super) instructions: Vec<Instruction>,
    names: Vec<(u64, String)>,
}

impl Code {
    /// The instructions of a section, of which the symbols `$x` and `$d` tell where code and data begin (ELF for the Arm 64-bit
    /// Architecture, 5.5). What no symbol speaks of is left out.
    pub(super) fn of<'a>(elf: &object::File<'a>, section: &impl ObjectSection<'a>) -> Result<Self> {
        let (start, bytes) = (section.address(), section.data()?);
        let (mut names, mut kinds) = (Vec::new(), Vec::new());
        for symbol in elf.symbols() {
            let (address, Ok(name)) = (symbol.address(), symbol.name()) else {
                continue;
            };
            if !(start..start + bytes.len() as u64).contains(&address) {
                continue;
            }
            match name.as_bytes() {
                [b'$', b'x', ..] => kinds.push((address, true)),
                [b'$', b'd', ..] => kinds.push((address, false)),
                _ => names.push((address, name.to_owned())),
            }
        }
        names.sort();
        kinds.sort();
        let words = bytes.chunks_exact(4).zip((start..).step_by(4));
        let instructions = words
            .filter(|(_, address)| last(&kinds, *address).is_some_and(|(_, is_code)| *is_code))
            .map(|(word, address)| Instruction {
                word: u32::from_le_bytes([word[0], word[1], word[2], word[3]]),
                address,
            })
            .collect();
        Ok(Code { instructions, names })
    }

    /// `SYMBOL+OFFSET`.
    pub(super) fn place(&self, address: u64) -> String {
        match last(&self.names, address) {
            Some((start, name)) => format!("{name}+{:#x}", address - start),
            None => format!("{address:#x}"),
        }
    }
}

/// The last entry at or before an address.
fn last<T>(list: &[(u64, T)], address: u64) -> Option<&(u64, T)> {
    list[..list.partition_point(|(start, _)| *start <= address)].last()
}
