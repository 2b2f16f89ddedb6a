//! What is in a script's places: mappings, which pages are resident, and what they hold.

use core::fmt::{self, Write};

use rt::memory::mincore;
use rt::{Errno, PAGE};

use crate::maps::{self, Mapping};
use crate::output::Output;
use crate::places::{Place, Starts};
use crate::probe::{BATCH, Probe};
use crate::snapshot::Snapshot;

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
/// its start, `!` if it can't be read. Of the annex, which is large, of the heap, and of the page at 0 the
/// mappings only.
///
/// # Errors
/// What the calls say that look.
pub(crate) fn observe(
    probe: &Probe,
    starts: &Starts,
    also: &[Place],
    out: &mut Output,
) -> Result<Snapshot, Trouble> {
    let mut snapshot = Snapshot::default();
    let arena = starts.range(Place::Arena);
    maps::each::<Trouble>(arena.end, |mapping| {
        if mapping.range.end > arena.start {
            snapshot.add(mapping);
            line(out, mapping, "", arena.start)?;
            residents(probe, mapping, &arena, out)?;
            return Ok(out.write_char('\n')?);
        }
        if mapping.range.start == 0 {
            line(out, mapping, "null ", 0)?;
            out.write_char('\n')?;
        }
        for &place in also {
            let range = starts.range(place);
            if mapping.range.start < range.end && range.start < mapping.range.end {
                let name = if place == Place::Heap { "heap " } else { "annex " };
                line(out, mapping, name, range.start)?;
                out.write_char('\n')?;
            }
        }
        Ok(())
    })?;
    Ok(snapshot)
}

/// All of a mapping's line but its pages' contents.
fn line(out: &mut Output, mapping: &Mapping<'_>, place: &str, start: u64) -> fmt::Result {
    let page = |address: u64| address.saturating_sub(start) / PAGE as u64;
    write!(
        out,
        "  {place}{:x}-{:x} {} {} {}",
        page(mapping.range.start),
        page(mapping.range.end),
        mapping.permissions,
        mapping.offset,
        kind(mapping.name)
    )
}

/// What kind of object it is: the rest of the name is the system's own.
fn kind(name: &str) -> &str {
    match name {
        "" => "private",
        name if name.starts_with("/memfd:") => "object",
        name if name.starts_with("/dev/zero") => "zero",
        name => name,
    }
}

fn residents(
    probe: &Probe,
    mapping: &Mapping<'_>,
    arena: &core::ops::Range<u64>,
    out: &mut Output,
) -> Result<(), Trouble> {
    let mut at = mapping.range.start.max(arena.start);
    let end = mapping.range.end.min(arena.end);
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
        if count > 0 {
            probe.read_all(&places[..count], &mut words)?;
        }
        for (place, word) in places[..count].iter().zip(words) {
            write!(out, " {:x}=", (place - arena.start) / PAGE as u64)?;
            match word {
                Some(word) => write!(out, "{word:x}")?,
                None => out.write_char('!')?,
            }
        }
        at += length as u64;
    }
    Ok(())
}
