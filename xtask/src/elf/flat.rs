//! The flat image: what the kernel's ELF file looks like in memory, without the file around it. It begins with the arm64
//! Linux image header, so that QEMU, U-Boot and the firmware of boards load it.

use anyhow::{Context, Result, bail};
use object::LittleEndian;
use object::elf::{FileHeader64, PT_LOAD};
use object::read::elf::{FileHeader, ProgramHeader};

/// More than this between the first and the last byte means that the addresses are wrong, not that the kernel is large.
const LARGEST: u64 = 64 << 20;
/// Where the magic number lies in the arm64 Linux image header, and what it is
/// (Linux's `Documentation/arch/arm64/booting.rst`).
const MAGIC_OFFSET: usize = 56;
const MAGIC: &[u8] = b"ARM\x64";
/// Where the header keeps the size of the image in memory: its bytes in the file, and what follows them.
const SIZE_OFFSET: usize = 16;

/// The bytes of the flat image: each LOAD segment's part of the file at its physical address, from the lowest on, with
/// zeros between them.
pub(crate) fn flatten(elf: &[u8]) -> Result<Vec<u8>> {
    let header = FileHeader64::<LittleEndian>::parse(elf).context("the kernel is no ELF file")?;
    let endian = header.endian()?;
    let segments = header
        .program_headers(endian, elf)
        .context("the kernel's program headers can't be read")?;
    let loads = || {
        segments
            .iter()
            .filter(|s| s.p_type(endian) == PT_LOAD && s.p_filesz(endian) > 0)
    };

    let start = loads()
        .map(|s| s.p_paddr(endian))
        .min()
        .context("the kernel has nothing to load")?;
    let end = loads()
        .map(|s| s.p_paddr(endian).saturating_add(s.p_filesz(endian)))
        .max()
        .unwrap_or(start);
    if end - start > LARGEST {
        bail!("the kernel's segments lie too far apart: {start:#x} to {end:#x}");
    }
    let mut image = vec![0; usize::try_from(end - start)?];
    for segment in loads() {
        let Ok(data) = segment.data(endian, elf) else {
            bail!("a segment of the kernel lies outside its file")
        };
        let at = usize::try_from(segment.p_paddr(endian) - start)?;
        image[at..at + data.len()].copy_from_slice(data);
    }
    if image.get(MAGIC_OFFSET..MAGIC_OFFSET + MAGIC.len()) != Some(MAGIC) {
        bail!("the kernel doesn't begin with an arm64 image header: nothing would load it");
    }
    Ok(image)
}

/// How much memory the image takes, as its header says, in bytes.
pub(crate) fn size_in_memory(image: &[u8]) -> Option<u64> {
    let field = image.get(SIZE_OFFSET..SIZE_OFFSET + 8)?;
    Some(u64::from_le_bytes(field.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elf::check::sample::{Segment, elf};

    fn header() -> Vec<u8> {
        let mut bytes = vec![0; 64];
        bytes[SIZE_OFFSET] = 99;
        bytes[MAGIC_OFFSET..60].copy_from_slice(MAGIC);
        bytes
    }

    #[test]
    fn segments_lie_at_their_physical_addresses() {
        let high = 0xffff_8000_0000_0000;
        let file = elf(&[
            Segment {
                paddr: 0x4020_0000,
                data: header(),
                ..Segment::load(high)
            },
            Segment {
                paddr: 0x4020_0080,
                data: vec![7; 3],
                ..Segment::load(high + 0x1000)
            },
        ]);
        let image = flatten(&file).unwrap();
        assert_eq!(image.len(), 0x83);
        assert_eq!(image[0x7f..], [0, 7, 7, 7]);
        assert_eq!(size_in_memory(&image), Some(99));
    }

    #[test]
    fn a_kernel_without_image_header_is_no_kernel() {
        let file = elf(&[Segment {
            data: vec![1; 64],
            ..Segment::load(0)
        }]);
        assert!(flatten(&file).unwrap_err().to_string().contains("image header"));
    }

    #[test]
    fn wild_addresses_do_not_fill_the_memory() {
        let file = elf(&[
            Segment {
                data: header(),
                ..Segment::load(0)
            },
            Segment {
                paddr: 1 << 50,
                data: vec![1],
                ..Segment::load(0x1000)
            },
        ]);
        assert!(flatten(&file).unwrap_err().to_string().contains("too far apart"));
        assert!(flatten(b"nothing").is_err());
    }
}
