//! What an ELF file asks for, read and checked before anything is mapped.
//!
//! The rules are those of the System V ABI (gABI chapter 5) and of Linux's loader (`fs/binfmt_elf.c`): segments map whole pages
//! of the file, so address and file offset agree modulo the page size. Where Linux is content to map nonsense (segments over each
//! other, an entry point in the void), this loader refuses instead: such a file is broken, and one line that says why
//! serves better than a fault in the program's first instruction.

use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use elf::abi;
use elf::endian::LittleEndian;
use elf::file::{Class, ELF64_EHDR_TAILSIZE, FileHeader, parse_ident};
use elf::parse::{ParseAt, ParseError};
use elf::segment::{ProgramHeader, SegmentTable};
use mm::{PAGE_SIZE, TASK_SIZE};

/// The size of one ELF64 program header, which `e_phentsize` must name.
pub(crate) const PROGRAM_HEADER_SIZE: u64 = 56;

/// The largest alignment of a segment that makes sense: no page is larger.
const LARGEST_ALIGNMENT: u64 = 1 << 30;

/// What a program file asks for. Addresses are the file's own: an image that can lie anywhere gets its base added later.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Image {
    /// Address of the first instruction.
    pub(crate) entry: u64,
    /// Where the program headers lie in memory, if a segment holds them (`AT_PHDR`).
    pub(crate) headers: Option<u64>,
    /// The number of program headers (`AT_PHNUM`).
    pub(crate) header_count: u64,
    /// Whether the image can lie anywhere (`ET_DYN`: static-PIE).
    pub(crate) position_independent: bool,
    /// Whether `PT_GNU_STACK` asks for an executable stack.
    pub(crate) executable_stack: bool,
    /// The largest alignment that a segment asks for, a power of two and at least a page.
    pub(crate) alignment: u64,
    /// The segments to map, in ascending order, apart from each other, never empty.
    pub(crate) segments: Vec<Segment>,
}

/// One `PT_LOAD` segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Address of the first byte.
    pub(crate) start: u64,
    /// Length in memory; what goes beyond the file's part is zero.
    pub(crate) memory_len: u64,
    /// The bytes of the file that are mapped at `start`.
    pub(crate) file: Range<u64>,
    /// May be read, written, executed.
    pub(crate) protection: Protection,
}

/// The protection that a segment's `p_flags` ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Protection {
    /// `PF_R`.
    pub(crate) read: bool,
    /// `PF_W`.
    pub(crate) write: bool,
    /// `PF_X`.
    pub(crate) execute: bool,
}

impl Segment {
    /// One past the last byte in memory.
    pub(crate) fn end(&self) -> u64 {
        self.start + self.memory_len
    }

    /// The first byte that doesn't come from the file.
    pub(crate) fn file_end(&self) -> u64 {
        self.start + (self.file.end - self.file.start)
    }
}

/// Why a file is refused. Displays as one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each reason's text is its documentation")]
pub(crate) enum Refusal {
    NotElf,
    Not64Bit,
    NotLittleEndian,
    BadVersion,
    WrongMachine(u16),
    NotExecutable(u16),
    HeaderSize(u16),
    NoSegments,
    Truncated { needs: u64, has: u64 },
    Dynamic,
    FileLargerThanMemory { segment: usize },
    KernelHalf { segment: usize },
    Misaligned { segment: usize },
    BadAlignment { segment: usize },
    Overlap { segment: usize },
    EntryOutside(u64),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NotElf => write!(f, "not an ELF file"),
            Self::Not64Bit => write!(f, "not a 64-bit ELF file"),
            Self::NotLittleEndian => write!(f, "a big-endian ELF file; little-endian is needed"),
            Self::BadVersion => write!(f, "an ELF file of an unknown version"),
            Self::WrongMachine(machine) => {
                write!(f, "built for another machine (ELF machine {machine}), not arm64")
            }
            Self::NotExecutable(kind) => write!(f, "not an executable (ELF type {kind})"),
            Self::HeaderSize(size) => write!(
                f,
                "program headers of {size} bytes instead of {PROGRAM_HEADER_SIZE}"
            ),
            Self::NoSegments => write!(f, "no segment to load"),
            Self::Truncated { needs, has } => {
                write!(f, "truncated: {needs} bytes are needed, the file has {has}")
            }
            Self::Dynamic => write!(
                f,
                "dynamically linked: it needs an interpreter; link it with -static"
            ),
            Self::FileLargerThanMemory { segment } => {
                write!(f, "segment {segment} is larger in the file than in memory")
            }
            Self::KernelHalf { segment } => write!(f, "segment {segment} lies outside a program's addresses"),
            Self::Misaligned { segment } => write!(
                f,
                "segment {segment}: address and file offset differ modulo the page size"
            ),
            Self::BadAlignment { segment } => {
                write!(
                    f,
                    "segment {segment}: the alignment isn't a power of two up to 1 GiB"
                )
            }
            Self::Overlap { segment } => {
                write!(f, "segment {segment} overlaps or lies below the one before it")
            }
            Self::EntryOutside(entry) => {
                write!(f, "the entry point {entry:#x} isn't in an executable segment")
            }
        }
    }
}

impl Image {
    /// How much of the last segment comes from the file, which is what Linux takes for the initialised data.
    pub(crate) fn data_len(&self) -> u64 {
        self.segments
            .last()
            .map_or(0, |last| last.file_end() - last.start)
    }

    /// Reads `file`'s headers and checks all that they promise.
    ///
    /// Section headers are not looked at: a program runs without them. A segment that is writable and executable is accepted, as on
    /// Linux.
    pub(crate) fn parse(file: &[u8]) -> Result<Self, Refusal> {
        let header = file_header(file)?;
        let table = program_headers(file, &header)?;
        if table.iter().any(|header| header.p_type == abi::PT_INTERP) {
            return Err(Refusal::Dynamic);
        }
        let segments = load_segments(file, &table)?;
        let alignment = alignment(&table)?;
        let runs = |segment: &Segment| {
            segment.protection.execute && (segment.start..segment.end()).contains(&header.e_entry)
        };
        if !segments.iter().any(runs) {
            return Err(Refusal::EntryOutside(header.e_entry));
        }
        Ok(Self {
            entry: header.e_entry,
            headers: headers_in_memory(header.e_phoff, &segments),
            header_count: header.e_phnum.into(),
            position_independent: header.e_type == abi::ET_DYN,
            executable_stack: table
                .iter()
                .any(|header| header.p_type == abi::PT_GNU_STACK && header.p_flags & abi::PF_X != 0),
            alignment,
            segments,
        })
    }

    /// The image `distance` further up, modulo 2^64: what can't lie there is noticed when it is mapped.
    pub(crate) fn moved(mut self, distance: u64) -> Self {
        self.entry = self.entry.wrapping_add(distance);
        self.headers = self.headers.map(|address| address.wrapping_add(distance));
        for segment in &mut self.segments {
            segment.start = segment.start.wrapping_add(distance);
        }
        self
    }

    /// The first page's address and one past the last page's.
    pub(crate) fn span(&self) -> Range<u64> {
        let start = self
            .segments
            .first()
            .map_or(0, |first| first.start & !(PAGE_SIZE - 1));
        let end = self
            .segments
            .last()
            .map_or(0, |last| last.end().next_multiple_of(PAGE_SIZE));
        start..end
    }
}

/// The file header of a little-endian ELF64 file for arm64 that can be run.
fn file_header(file: &[u8]) -> Result<FileHeader<LittleEndian>, Refusal> {
    let truncated = |needs: usize| Refusal::Truncated {
        needs: needs as u64,
        has: file.len() as u64,
    };
    if !file.starts_with(&abi::ELFMAGIC) {
        return Err(Refusal::NotElf);
    }
    let whole = abi::EI_NIDENT + ELF64_EHDR_TAILSIZE;
    let ident = file.get(..abi::EI_NIDENT).ok_or(truncated(whole))?;
    let ident = parse_ident::<LittleEndian>(ident).map_err(|error| match error {
        ParseError::UnsupportedElfClass(_) => Refusal::Not64Bit,
        ParseError::UnsupportedElfEndianness(_) => Refusal::NotLittleEndian,
        ParseError::UnsupportedVersion(_) => Refusal::BadVersion,
        _ => Refusal::NotElf,
    })?;
    if ident.1 != Class::ELF64 {
        return Err(Refusal::Not64Bit);
    }
    let tail = file.get(abi::EI_NIDENT..whole).ok_or(truncated(whole))?;
    let header = FileHeader::parse_tail(ident, tail).map_err(|_| truncated(whole))?;
    if header.e_machine != abi::EM_AARCH64 {
        return Err(Refusal::WrongMachine(header.e_machine));
    }
    if header.e_type != abi::ET_EXEC && header.e_type != abi::ET_DYN {
        return Err(Refusal::NotExecutable(header.e_type));
    }
    Ok(header)
}

/// The table of program headers, which must lie in the file.
fn program_headers<'f>(
    file: &'f [u8],
    header: &FileHeader<LittleEndian>,
) -> Result<SegmentTable<'f, LittleEndian>, Refusal> {
    if header.e_phnum == 0 {
        return Err(Refusal::NoSegments);
    }
    ProgramHeader::validate_entsize(Class::ELF64, header.e_phentsize.into())
        .map_err(|_| Refusal::HeaderSize(header.e_phentsize))?;
    let len = u64::from(header.e_phnum) * PROGRAM_HEADER_SIZE;
    let bytes = file_part(file, header.e_phoff, len)?;
    Ok(SegmentTable::new(LittleEndian, Class::ELF64, bytes))
}

/// The `len` bytes of the file from `offset`.
fn file_part(file: &[u8], offset: u64, len: u64) -> Result<&[u8], Refusal> {
    let end = offset.saturating_add(len);
    file.get(offset as usize..end as usize).ok_or(Refusal::Truncated {
        needs: end,
        has: file.len() as u64,
    })
}

/// The segments to load, checked one by one and against the one before.
fn load_segments(file: &[u8], table: &SegmentTable<'_, LittleEndian>) -> Result<Vec<Segment>, Refusal> {
    let mut segments: Vec<Segment> = Vec::new();
    for (index, header) in table.iter().enumerate() {
        if header.p_type != abi::PT_LOAD || header.p_memsz == 0 {
            continue;
        }
        let segment = load_segment(file, index, &header)?;
        if segments.last().is_some_and(|before| segment.start < before.end()) {
            return Err(Refusal::Overlap { segment: index });
        }
        segments.push(segment);
    }
    if segments.is_empty() {
        Err(Refusal::NoSegments)
    } else {
        Ok(segments)
    }
}

/// One segment, checked by itself.
fn load_segment(file: &[u8], index: usize, header: &ProgramHeader) -> Result<Segment, Refusal> {
    if header.p_filesz > header.p_memsz {
        return Err(Refusal::FileLargerThanMemory { segment: index });
    }
    let last_page = header
        .p_vaddr
        .checked_add(header.p_memsz)
        .filter(|&end| end <= TASK_SIZE - PAGE_SIZE);
    if last_page.is_none() {
        return Err(Refusal::KernelHalf { segment: index });
    }
    // With nothing in the file, as of .bss alone, where it would lie there means nothing.
    let in_file = if header.p_filesz == 0 {
        0..0
    } else {
        file_part(file, header.p_offset, header.p_filesz)?;
        header.p_offset..header.p_offset + header.p_filesz
    };
    if header.p_filesz != 0 && header.p_vaddr % PAGE_SIZE != header.p_offset % PAGE_SIZE {
        return Err(Refusal::Misaligned { segment: index });
    }
    let flag = |flag: u32| header.p_flags & flag != 0;
    Ok(Segment {
        start: header.p_vaddr,
        memory_len: header.p_memsz,
        file: in_file,
        protection: Protection {
            read: flag(abi::PF_R),
            write: flag(abi::PF_W),
            execute: flag(abi::PF_X),
        },
    })
}

/// The largest alignment that a segment asks for.
fn alignment(table: &SegmentTable<'_, LittleEndian>) -> Result<u64, Refusal> {
    let mut largest = PAGE_SIZE;
    for (index, header) in table
        .iter()
        .enumerate()
        .filter(|(_, header)| header.p_type == abi::PT_LOAD)
    {
        if header.p_align > LARGEST_ALIGNMENT || header.p_align > 1 && !header.p_align.is_power_of_two() {
            return Err(Refusal::BadAlignment { segment: index });
        }
        largest = largest.max(header.p_align);
    }
    Ok(largest)
}

/// Where the program headers at `offset` of the file come to lie, if a segment maps them.
fn headers_in_memory(offset: u64, segments: &[Segment]) -> Option<u64> {
    let holder = segments.iter().find(|segment| segment.file.contains(&offset))?;
    Some(holder.start + (offset - holder.file.start))
}
