//! What is in the arena: mappings, which pages are resident, and what they hold.

use core::fmt::{self, Write};

use rt::memory::mincore;
use rt::{Errno, PAGE};

use crate::arena::ARENA;
use crate::maps::{Mapping, Maps};
use crate::probe::{BATCH, Probe};

/// Why nothing could be said.
pub(crate) enum Trouble {
    /// A call failed that can't.
    Call(Errno),
    /// Printing failed.
    Print,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Call(errno) => write!(f, "a call that has to succeed gave {errno}"),
            Trouble::Print => f.write_str("standard output takes nothing"),
        }
    }
}

impl From<Errno> for Trouble {
    fn from(errno: Errno) -> Self {
        Trouble::Call(errno)
    }
}

impl From<fmt::Error> for Trouble {
    fn from(_: fmt::Error) -> Self {
        Trouble::Print
    }
}

/// Writes a line for each mapping in the arena: its pages, protection, offset and kind, and for each resident page the word at
/// its start, `!` if it can't be read.
pub(crate) fn observe(probe: &Probe, out: &mut impl Write) -> Result<(), Trouble> {
    let maps = Maps::read()?;
    for mapping in maps
        .mappings()
        .filter(|mapping| mapping.range.start < ARENA.end && ARENA.start < mapping.range.end)
    {
        let page = |address: u64| address.saturating_sub(ARENA.start) / PAGE as u64;
        write!(
            out,
            "  {:x}-{:x} {} {} {}",
            page(mapping.range.start),
            page(mapping.range.end),
            mapping.permissions,
            mapping.offset,
            kind(mapping.name)
        )?;
        residents(probe, &mapping, out)?;
        out.write_char('\n')?;
    }
    Ok(())
}

/// What kind of object it is: the rest of the name is the system's own.
fn kind(name: &str) -> &str {
    match name {
        "" => "private",
        name if name.starts_with("/memfd:") => "object",
        name if name.starts_with("/dev/zero") => "shared",
        name => name,
    }
}

fn residents(probe: &Probe, mapping: &Mapping<'_>, out: &mut impl Write) -> Result<(), Trouble> {
    let mut at = mapping.range.start.max(ARENA.start);
    let end = mapping.range.end.min(ARENA.end);
    while at < end {
        let length = (BATCH * PAGE).min((end - at) as usize);
        let mut resident = [0; BATCH];
        mincore(at as usize, length, &mut resident)?;
        let mut places = [0; BATCH];
        let mut count = 0;
        for index in (0..length / PAGE).filter(|&index| resident[index] & 1 != 0) {
            places[count] = at + (index * PAGE) as u64;
            count += 1;
        }
        let mut words = [None; BATCH];
        probe.read_all(&places[..count], &mut words)?;
        for (place, word) in places[..count].iter().zip(words) {
            write!(out, " {:x}=", (place - ARENA.start) / PAGE as u64)?;
            match word {
                Some(word) => write!(out, "{word:x}")?,
                None => out.write_char('!')?,
            }
        }
        at += length as u64;
    }
    Ok(())
}
