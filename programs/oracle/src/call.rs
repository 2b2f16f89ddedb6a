//! One call of a script, and its text.

use core::fmt::{self, Display, Formatter};

use crate::names::{self, Bits, Names, Value};
use crate::places::{Address, number};

/// The calls, and a few things of the scripts' own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `mmap(2)`.
    Mmap,
    /// `munmap(2)`.
    Munmap,
    /// `mprotect(2)`.
    Mprotect,
    /// `mremap(2)`.
    Mremap,
    /// `madvise(2)`.
    Madvise,
    /// `mincore(2)`.
    Mincore,
    /// Writes to a page: address, index of the value.
    Write,
    /// Reads from a page.
    Read,
    /// `mlock(2)`.
    Mlock,
    /// `mlock2(2)`.
    Mlock2,
    /// `munlock(2)`.
    Munlock,
    /// `mlockall(2)`.
    Mlockall,
    /// `munlockall(2)`.
    Munlockall,
    /// `mseal(2)`.
    Mseal,
    /// `msync(2)`.
    Msync,
    /// `remap_file_pages(2)`.
    RemapFilePages,
    /// `mbind(2)` without nodes: address, length, mode, flags.
    Mbind,
    /// `pkey_mprotect(2)`.
    PkeyMprotect,
    /// `process_madvise(2)` of the process itself and one range.
    ProcessMadvise,
    /// `brk(2)`; the heap's place is opened before.
    Brk,
    /// `ftruncate(2)` of an object: which, bytes.
    Truncate,
    /// `setrlimit(2)`: resource; how many pages more than are in use now. Locked memory: how many at all.
    Limit,
    /// Goes on as root, as a user, or as root without capabilities.
    Become,
    /// Sets `vm.max_map_count` to so many more than there are mappings.
    Room,
    /// Maps pages one by one, alternating between two protections: address, count, protections, flags.
    Stripes,
    /// Opens the annex.
    Annex,
    /// Transparent huge pages may be used from now on.
    Huge,
    /// Looks at the flags of all mappings, and at the sums.
    Look,
    /// A system call by its number, with six words.
    Raw,
}

/// How an argument is written.
#[derive(Clone, Copy)]
pub enum Format {
    /// A place and a distance, or a number.
    Address,
    /// A number in hexadecimal.
    Hex,
    /// A number in decimal, or in hexadecimal if it is large.
    Number,
    /// Names of bits.
    Bits(&'static Names),
    /// The name of a value.
    Value(&'static Names),
    /// The name of a value of which the kernel takes the lower half; the upper one is joined to it by `|`.
    Half(&'static Names),
}

use Format::{Hex, Number};
const ADDRESS: Format = Format::Address;
const PROT: Format = Format::Bits(names::PROT);
const MAP: Format = Format::Bits(names::MAP);
const ADVICE: Format = Format::Half(names::ADVICE);
const OBJECT: Format = Format::Value(names::OBJECT);

/// Each with its name in scripts and what follows it.
pub const KINDS: [(Kind, &str, &[Format]); 29] = [
    (Kind::Mmap, "mmap", &[ADDRESS, Hex, PROT, MAP, OBJECT, Hex]),
    (Kind::Munmap, "munmap", &[ADDRESS, Hex]),
    (Kind::Mprotect, "mprotect", &[ADDRESS, Hex, PROT]),
    (
        Kind::Mremap,
        "mremap",
        &[ADDRESS, Hex, Hex, Format::Bits(names::MREMAP), ADDRESS],
    ),
    (Kind::Madvise, "madvise", &[ADDRESS, Hex, ADVICE]),
    (Kind::Mincore, "mincore", &[ADDRESS, Hex]),
    (Kind::Write, "write", &[ADDRESS, Number]),
    (Kind::Read, "read", &[ADDRESS]),
    (Kind::Mlock, "mlock", &[ADDRESS, Hex]),
    (Kind::Mlock2, "mlock2", &[ADDRESS, Hex, Format::Bits(names::LOCK)]),
    (Kind::Munlock, "munlock", &[ADDRESS, Hex]),
    (Kind::Mlockall, "mlockall", &[Format::Bits(names::LOCK_ALL)]),
    (Kind::Munlockall, "munlockall", &[]),
    (Kind::Mseal, "mseal", &[ADDRESS, Hex, Hex]),
    (Kind::Msync, "msync", &[ADDRESS, Hex, Format::Bits(names::SYNC)]),
    (
        Kind::RemapFilePages,
        "remap_file_pages",
        &[ADDRESS, Hex, PROT, Hex, MAP],
    ),
    (Kind::Mbind, "mbind", &[ADDRESS, Hex, Number, Hex]),
    (Kind::PkeyMprotect, "pkey_mprotect", &[ADDRESS, Hex, PROT, Hex]),
    (
        Kind::ProcessMadvise,
        "process_madvise",
        &[ADDRESS, Hex, ADVICE, Hex],
    ),
    (Kind::Brk, "brk", &[ADDRESS]),
    (Kind::Truncate, "truncate", &[OBJECT, Hex]),
    (Kind::Limit, "limit", &[Format::Value(names::RESOURCE), Number]),
    (Kind::Become, "become", &[Format::Value(names::WHO)]),
    (Kind::Room, "room", &[Number]),
    (Kind::Stripes, "stripes", &[ADDRESS, Number, PROT, PROT, MAP]),
    (Kind::Annex, "annex", &[]),
    (Kind::Huge, "huge", &[]),
    (Kind::Look, "look", &[]),
    (Kind::Raw, "raw", &[Number, Hex, Hex, Hex, Hex, Hex, Hex]),
];

/// How many words a call has at most: a number and six arguments.
pub const WORDS: usize = 7;

impl Kind {
    /// Its place in [`KINDS`].
    pub fn index(self) -> usize {
        self as usize
    }

    /// How its arguments are written.
    pub fn formats(self) -> &'static [Format] {
        KINDS[self.index()].2
    }

    /// The kind with a name.
    pub fn named(name: &str) -> Option<Kind> {
        KINDS.iter().find(|kind| kind.1 == name).map(|kind| kind.0)
    }
}

/// A call with its arguments, those that it does not have being 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Which call.
    pub kind: Kind,
    /// Its arguments, with nominal addresses.
    pub words: [u64; WORDS],
}

impl Call {
    /// A call with these arguments.
    pub fn new(kind: Kind, arguments: &[u64]) -> Call {
        let mut words = [0; WORDS];
        words[..arguments.len()].copy_from_slice(arguments);
        Call { kind, words }
    }

    /// Reads a line as [`Display`] writes it; `None` if it is none.
    pub fn parse(line: &str) -> Option<Call> {
        let mut parts = line.split_ascii_whitespace();
        let kind = Kind::named(parts.next()?)?;
        let mut words = [0; WORDS];
        for (word, format) in words.iter_mut().zip(kind.formats()) {
            *word = format.parse(parts.next()?)?;
        }
        parts.next().is_none().then_some(Call { kind, words })
    }
}

impl Display for Call {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (_, name, formats) = KINDS[self.kind.index()];
        f.write_str(name)?;
        for (&word, format) in self.words.iter().zip(formats) {
            f.write_str(" ")?;
            format.write(word, f)?;
        }
        Ok(())
    }
}

impl Format {
    fn write(self, word: u64, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Format::Address => Address(word).fmt(f),
            Format::Number if word < 1 << 20 => write!(f, "{word}"),
            Format::Hex | Format::Number => write!(f, "{word:#x}"),
            Format::Bits(names) => Bits(names, word).fmt(f),
            Format::Value(names) => Value(names, word).fmt(f),
            Format::Half(names) => {
                let lower = u64::from(word as u32);
                Value(names, lower).fmt(f)?;
                match word - lower {
                    0 => Ok(()),
                    upper => write!(f, "|{upper:#x}"),
                }
            }
        }
    }

    fn parse(self, text: &str) -> Option<u64> {
        match self {
            Format::Address => Address::parse(text),
            Format::Hex | Format::Number => number(text),
            Format::Bits(names) | Format::Half(names) => Bits::parse(names, text),
            Format::Value(names) => names::value(names, text),
        }
    }
}
