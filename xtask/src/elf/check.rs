//! Is a file something that Inarch executes? The kernel asks the same and has the last word; to be told before the boot
//! is quicker, and the message can say what to do.

use object::LittleEndian;
use object::elf::{
    EM_AARCH64, ET_DYN, ET_EXEC, FileHeader64, PT_DYNAMIC, PT_INTERP, PT_LOAD, ProgramHeader64,
};
use object::read::elf::{FileHeader, ProgramHeader};

/// Where the half of the address space that belongs to programs ends: 48-bit addresses.
const USER_END: u64 = 1 << 48;
/// The page size. The kernel maps whole pages of the file.
const PAGE: u64 = 4096;

/// Why a file can't be run, in one line without the file's name.
pub(crate) type Reason = String;

/// Checks that `file` holds a static executable for Linux on arm64 whose segments can all be mapped.
pub(crate) fn check(file: &[u8]) -> Result<(), Reason> {
    check_identity(file)?;
    let endian = LittleEndian;
    let header = FileHeader64::<LittleEndian>::parse(file).map_err(|_| "the ELF header is truncated")?;
    let machine = header.e_machine(endian);
    if machine != EM_AARCH64 {
        return Err(format!(
            "it is an executable for {}, not for arm64",
            machine_name(machine)
        ));
    }
    let kind = header.e_type(endian);
    if kind != ET_EXEC && kind != ET_DYN {
        return Err("it is an object file or a core dump, not an executable".to_owned());
    }
    let segments = header
        .program_headers(endian, file)
        .map_err(|_| "it is truncated: its program headers lie outside the file")?;
    if segments.iter().any(|s| s.p_type(endian) == PT_INTERP) {
        return Err("it is dynamically linked and needs an interpreter; link it with -static".to_owned());
    }
    let loads: Vec<_> = segments.iter().filter(|s| s.p_type(endian) == PT_LOAD).collect();
    if loads.is_empty() {
        let dynamic = segments.iter().any(|s| s.p_type(endian) == PT_DYNAMIC);
        return Err(if dynamic {
            "it is a shared library"
        } else {
            "it has no segment to load"
        }
        .to_owned());
    }
    for segment in &loads {
        check_segment(segment, file)?;
    }
    check_overlap(&loads)?;
    check_entry(header.e_entry(endian), &loads)
}

/// The first bytes: an ELF file, of 64 bits, little-endian.
fn check_identity(file: &[u8]) -> Result<(), Reason> {
    if file.is_empty() {
        return Err("the file is empty".to_owned());
    }
    if file.starts_with(b"#!") {
        return Err("it is a script, not an executable; run its interpreter instead".to_owned());
    }
    if !file.starts_with(b"\x7fELF") {
        return Err("it is not an ELF file".to_owned());
    }
    match file.get(4..6) {
        None => Err("the ELF header is truncated".to_owned()),
        Some([1, _]) => Err("it is a 32-bit executable, not one for arm64".to_owned()),
        Some([_, 2]) => Err("it is a big-endian executable".to_owned()),
        Some([2, 1]) => Ok(()),
        Some(_) => Err("the ELF header is broken".to_owned()),
    }
}

fn check_segment(segment: &ProgramHeader64<LittleEndian>, file: &[u8]) -> Result<(), Reason> {
    let endian = LittleEndian;
    let (start, size) = (segment.p_vaddr(endian), segment.p_memsz(endian));
    let (offset, in_file) = (segment.p_offset(endian), segment.p_filesz(endian));
    // With nothing in the file, as of .bss alone, its place there means nothing.
    if in_file > 0
        && offset
            .checked_add(in_file)
            .is_none_or(|end| end > file.len() as u64)
    {
        return Err(format!(
            "it is truncated: the segment at {start:#x} ends after the file"
        ));
    }
    if in_file > size {
        return Err(format!(
            "the segment at {start:#x} is longer in the file than in memory"
        ));
    }
    if start.checked_add(size).is_none_or(|end| end > USER_END) {
        return Err(format!(
            "the segment at {start:#x} lies in the kernel's half of the address space"
        ));
    }
    if in_file > 0 && (start ^ offset) % PAGE != 0 {
        return Err(format!(
            "the segment at {start:#x} can't be mapped: its place in the file differs modulo a page"
        ));
    }
    Ok(())
}

/// Two segments that claim the same bytes.
fn check_overlap(loads: &[&ProgramHeader64<LittleEndian>]) -> Result<(), Reason> {
    let endian = LittleEndian;
    let mut ranges: Vec<_> = loads
        .iter()
        .map(|s| (s.p_vaddr(endian), s.p_vaddr(endian) + s.p_memsz(endian)))
        .filter(|(start, end)| start < end)
        .collect();
    ranges.sort_unstable();
    for pair in ranges.windows(2) {
        let [(first, end), (second, _)] = [pair[0], pair[1]];
        if second < end {
            return Err(format!("the segments at {first:#x} and {second:#x} overlap"));
        }
    }
    Ok(())
}

/// The first instruction must lie in a segment.
fn check_entry(entry: u64, loads: &[&ProgramHeader64<LittleEndian>]) -> Result<(), Reason> {
    let endian = LittleEndian;
    let inside = |s: &&&ProgramHeader64<LittleEndian>| {
        entry
            .checked_sub(s.p_vaddr(endian))
            .is_some_and(|offset| offset < s.p_memsz(endian))
    };
    match loads.iter().find(inside) {
        Some(_) => Ok(()),
        None => Err(format!("its entry point {entry:#x} lies in none of its segments")),
    }
}

/// What people call a machine.
fn machine_name(machine: u16) -> String {
    use object::elf::{EM_386, EM_ARM, EM_PPC64, EM_RISCV, EM_S390, EM_X86_64};
    match machine {
        EM_X86_64 => "x86-64".to_owned(),
        EM_386 => "32-bit x86".to_owned(),
        EM_ARM => "32-bit Arm".to_owned(),
        EM_RISCV => "RISC-V".to_owned(),
        EM_PPC64 => "POWER".to_owned(),
        EM_S390 => "s390".to_owned(),
        other => format!("machine number {other}"),
    }
}

/// ELF files made for tests.
#[cfg(test)]
pub(crate) mod sample {
    use object::elf::{EM_AARCH64, ET_EXEC, PT_LOAD};

    /// One program header and its bytes.
    pub(crate) struct Segment {
        pub(crate) kind: u32,
        pub(crate) vaddr: u64,
        pub(crate) paddr: u64,
        pub(crate) data: Vec<u8>,
        pub(crate) size: Option<u64>,
    }

    impl Segment {
        /// A segment of one word at `vaddr`, physical address the same.
        pub(crate) fn load(vaddr: u64) -> Self {
            Segment {
                kind: PT_LOAD,
                vaddr,
                paddr: vaddr,
                data: vec![0; 4],
                size: None,
            }
        }
    }

    /// A file of these segments, entered at the first. Each lies in a page of the file of its own, at the same place modulo a page.
    pub(crate) fn elf(segments: &[Segment]) -> Vec<u8> {
        let mut file = vec![0; 4096];
        file[..16].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        file[16..18].copy_from_slice(&ET_EXEC.to_le_bytes());
        file[18..20].copy_from_slice(&EM_AARCH64.to_le_bytes());
        file[20..24].copy_from_slice(&1u32.to_le_bytes());
        file[24..32].copy_from_slice(&segments.first().map_or(0, |s| s.vaddr).to_le_bytes());
        file[32..40].copy_from_slice(&64u64.to_le_bytes());
        file[52..54].copy_from_slice(&64u16.to_le_bytes());
        file[54..56].copy_from_slice(&56u16.to_le_bytes());
        file[56..58].copy_from_slice(&u16::try_from(segments.len()).unwrap().to_le_bytes());
        for (index, segment) in segments.iter().enumerate() {
            let page = file.len().next_multiple_of(4096);
            let offset = page + usize::try_from(segment.vaddr % 4096).unwrap();
            file.resize(offset, 0);
            file.extend_from_slice(&segment.data);
            let size = segment.size.unwrap_or(segment.data.len() as u64);
            let at = 64 + 56 * index;
            file[at..at + 4].copy_from_slice(&segment.kind.to_le_bytes());
            file[at + 4..at + 8].copy_from_slice(&5u32.to_le_bytes());
            let words = [
                offset as u64,
                segment.vaddr,
                segment.paddr,
                segment.data.len() as u64,
                size,
                4096,
            ];
            for (i, word) in words.into_iter().enumerate() {
                file[at + 8 + 8 * i..at + 16 + 8 * i].copy_from_slice(&word.to_le_bytes());
            }
        }
        file
    }
}

#[cfg(test)]
mod tests {
    use super::sample::{Segment, elf};
    use super::*;

    fn reason(file: &[u8]) -> Reason {
        check(file).unwrap_err()
    }

    #[test]
    fn static_executables_pass() {
        check(&elf(&[Segment::load(0x40_0000)])).unwrap();
        let large_bss = Segment {
            size: Some(1 << 40),
            ..Segment::load(0x50_0000)
        };
        check(&elf(&[Segment::load(0x40_0000), large_bss])).unwrap();
    }

    #[test]
    fn what_is_no_program_is_named() {
        assert_eq!(reason(b""), "the file is empty");
        assert_eq!(reason(b"hello, world"), "it is not an ELF file");
        assert!(reason(b"#!/bin/sh\n").contains("script"));
        assert!(reason(b"\x7fELF").contains("truncated"));
        assert!(reason(b"\x7fELF\x01\x01\x01").contains("32-bit"));
        assert!(reason(b"\x7fELF\x02\x02\x01").contains("big-endian"));
    }

    #[test]
    fn this_very_test_is_for_another_machine_or_dynamic() {
        let own = fs_err::read(std::env::current_exe().unwrap()).unwrap();
        let reason = reason(&own);
        assert!(
            reason.contains("x86-64") || reason.contains("dynamically linked"),
            "{reason}"
        );
    }

    #[test]
    fn dynamic_executables_are_refused_with_a_remedy() {
        let interpreter = Segment {
            kind: PT_INTERP,
            ..Segment::load(0x40_0100)
        };
        assert!(reason(&elf(&[Segment::load(0x40_0000), interpreter])).contains("-static"));
    }

    #[test]
    fn objects_and_libraries_are_refused() {
        let mut object = elf(&[Segment::load(0x40_0000)]);
        object[16] = 1;
        assert!(reason(&object).contains("object file"));
        assert!(
            reason(&elf(&[Segment {
                kind: PT_DYNAMIC,
                ..Segment::load(0)
            }]))
            .contains("shared library")
        );
        assert!(reason(&elf(&[])).contains("no segment"));
    }

    #[test]
    fn every_truncation_is_refused_and_none_panics() {
        let file = elf(&[
            Segment::load(0x40_0000),
            Segment {
                data: vec![1; 5000],
                ..Segment::load(0x50_0000)
            },
        ]);
        check(&file).unwrap();
        for length in 0..file.len() {
            assert!(
                check(&file[..length]).is_err(),
                "{length} bytes of {}",
                file.len()
            );
        }
        assert!(reason(&file[..file.len() - 1]).contains("truncated"));
        assert!(reason(&file[..100]).contains("truncated"));
    }

    #[test]
    fn overlaps_are_refused_in_any_order() {
        let long = || Segment {
            size: Some(0x2000),
            ..Segment::load(0x40_0000)
        };
        let inside = || Segment::load(0x40_1000);
        assert_eq!(
            reason(&elf(&[long(), inside()])),
            "the segments at 0x400000 and 0x401000 overlap"
        );
        assert_eq!(
            reason(&elf(&[inside(), long()])),
            "the segments at 0x400000 and 0x401000 overlap"
        );
        check(&elf(&[long(), Segment::load(0x40_2000)])).unwrap();
    }

    #[test]
    fn the_kernels_half_is_refused() {
        for start in [1 << 48, 0xffff_8000_0000_0000, u64::MAX - 3, (1 << 48) - 2] {
            let reason = reason(&elf(&[Segment::load(0x40_0000), Segment::load(start)]));
            assert!(reason.contains("kernel's half"), "{start:#x}: {reason}");
        }
        let wraps = Segment {
            size: Some(u64::MAX),
            ..Segment::load(0x50_0000)
        };
        assert!(reason(&elf(&[Segment::load(0x40_0000), wraps])).contains("kernel's half"));
    }

    #[test]
    fn the_entry_point_lies_in_a_segment() {
        let mut file = elf(&[Segment::load(0x40_0000)]);
        file[24] = 4;
        assert!(reason(&file).contains("entry point 0x400004"));
    }
}
