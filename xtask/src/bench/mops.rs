//! No instruction of FEAT_MOPS in the kernel: one of them copies or clears a page and counts as one, which would make the
//! figures a lie.

use std::path::Path;

use anyhow::{Result, bail};
use object::{Object, ObjectSection, SectionKind};

use crate::elf::symbols::Symbols;

/// The bits that all of `CPY*`, `CPYF*`, `SET*` and `SETG*` share (Arm ARM C4.1.94, "Memory Copy and Memory Set"), and what they are.
const MASK: u32 = 0xfb20_0c00;
const VALUE: u32 = 0x1900_0400;

/// Whether a word is such an instruction.
fn is_memory_copy(word: u32) -> bool {
    word & MASK == VALUE
}

/// Looks through all code of a kernel.
pub(super) fn check(elf: &Path) -> Result<()> {
    let data = fs_err::read(elf)?;
    let file = object::File::parse(&*data)?;
    let mut words = 0;
    for section in file
        .sections()
        .filter(|section| section.kind() == SectionKind::Text)
    {
        for (index, bytes) in section.data()?.chunks_exact(4).enumerate() {
            words += 1;
            if is_memory_copy(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])) {
                let address = section.address() + 4 * index as u64;
                let place = Symbols::load(elf)?.of(address).unwrap_or_default();
                bail!("{address:#x} holds an instruction of FEAT_MOPS: {place}");
            }
        }
    }
    if words == 0 {
        bail!("{} holds no code", elf.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn such_instructions_are_told_from_others() {
        // cpyfp, cpyfm, cpye, setp, sete, as GNU as assembles them.
        for word in [0x1901_0440, 0x1941_0440, 0x1d81_0440, 0x19c2_0420, 0x19c5_8483] {
            assert!(is_memory_copy(word), "{word:#x}");
        }
        // ldapurb w0, [x1]; stlurb w0, [x1]; ldr x0, literal; nop; udf.
        for word in [0x1940_0020, 0x1900_0020, 0x5800_0040, 0xd503_201f, 0] {
            assert!(!is_memory_copy(word), "{word:#x}");
        }
    }

    #[test]
    fn a_file_that_has_none_passes_and_junk_does_not() {
        assert!(check(Path::new("/nowhere")).is_err());
    }
}
