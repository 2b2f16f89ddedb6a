//! One call of a script, and its text.

use core::fmt::{self, Display, Formatter};

use crate::arena::ARENA;

/// The calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `mmap(2)`: address, length, protection, flags, object, offset.
    Mmap,
    /// `munmap(2)`: address, length.
    Munmap,
    /// `mprotect(2)`: address, length, protection.
    Mprotect,
    /// `mremap(2)`: old address, old length, new length, flags, new address.
    Mremap,
    /// `madvise(2)`: address, length, advice.
    Madvise,
    /// `mincore(2)`: address, length.
    Mincore,
    /// Writes to a page: address, index of the value.
    Write,
    /// Reads from a page: address.
    Read,
}

/// Each with its name in scripts and how many words follow it.
pub(crate) const KINDS: [(Kind, &str, usize); 8] = [
    (Kind::Mmap, "mmap", 6),
    (Kind::Munmap, "munmap", 2),
    (Kind::Mprotect, "mprotect", 3),
    (Kind::Mremap, "mremap", 5),
    (Kind::Madvise, "madvise", 3),
    (Kind::Mincore, "mincore", 2),
    (Kind::Write, "write", 2),
    (Kind::Read, "read", 1),
];

impl Kind {
    /// Its place in [`KINDS`].
    pub(crate) fn index(self) -> usize {
        self as usize
    }
}

/// A call with its arguments, those that it does not have being 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    /// Which call.
    pub(crate) kind: Kind,
    /// Its arguments.
    pub(crate) words: [u64; 6],
}

impl Call {
    /// Reads a line as [`Display`] writes it; `None` if it is none.
    pub(crate) fn parse(line: &str) -> Option<Call> {
        let mut parts = line.split_ascii_whitespace();
        let name = parts.next()?;
        let &(kind, _, count) = KINDS.iter().find(|kind| kind.1 == name)?;
        let mut words = [0; 6];
        for word in &mut words[..count] {
            *word = parse_word(parts.next()?)?;
        }
        parts.next().is_none().then_some(Call { kind, words })
    }
}

impl Display for Call {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (_, name, count) = KINDS[self.kind.index()];
        f.write_str(name)?;
        for &word in &self.words[..count] {
            write!(f, " {}", Word(word))?;
        }
        Ok(())
    }
}

/// A number in hexadecimal; an address in the arena is `a+` and its distance from the arena's start.
pub(crate) struct Word(pub(crate) u64);

impl Display for Word {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match ARENA.contains(&self.0) {
            true => write!(f, "a+{:x}", self.0 - ARENA.start),
            false => write!(f, "{:x}", self.0),
        }
    }
}

fn parse_word(text: &str) -> Option<u64> {
    let (base, digits) = match text.strip_prefix("a+") {
        Some(rest) => (ARENA.start, rest),
        None => (0, text),
    };
    base.checked_add(u64::from_str_radix(digits, 16).ok()?)
}
