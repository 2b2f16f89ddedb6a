//! What is in a script's places: mappings, which pages are resident, and what they hold.

use core::fmt::{self, Write};

use rt::{Errno, PAGE};

use crate::maps::Mapping;
use crate::output::Output;
use crate::places::{Place, Starts};
use crate::snapshot::Snapshot;
use crate::system::System;

/// How many pages' contents are looked at together.
pub const BATCH: usize = 64;
/// Pages of the arena.
const PAGES: usize = ((Place::Arena.range().end - Place::Arena.range().start) / PAGE as u64) as usize;

/// Why nothing could be said.
pub enum Trouble {
    /// A call failed that can't.
    Call(Errno),
    /// Printing failed.
    Print,
    /// This line behind the name of a script is no call.
    Unread(usize),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Call(errno) => write!(f, "a call that has to succeed gave {errno}"),
            Trouble::Print => f.write_str("standard output takes nothing"),
            Trouble::Unread(line) => write!(f, "line {line} of a script is no call"),
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
/// mappings only. `snapshot` gets the arena's mappings.
///
/// # Errors
/// What the calls say that look.
pub fn observe(
    system: &impl System,
    also: &[Place],
    snapshot: &mut Snapshot,
    out: &mut Output,
) -> Result<(), Trouble> {
    snapshot.clear();
    let starts = system.starts();
    let arena = starts.range(Place::Arena);
    system.mappings(arena.end, &mut |mapping| {
        if mapping.range.end > arena.start {
            snapshot.add(mapping);
            line(out, mapping, "", &starts, arena.start)?;
            residents(system, mapping, &arena, out)?;
            return Ok(out.write_char('\n')?);
        }
        if mapping.range.start == 0 {
            // How far it goes is a matter of what it merges with.
            writeln!(out, "  null {}", mapping.permissions)?;
        }
        for &place in also {
            let range = starts.range(place);
            if mapping.range.start < range.end && range.start < mapping.range.end {
                let is_heap = place == Place::Heap;
                let mut mapping = mapping.clone();
                // What merges with the fence may reach to where the heap would be.
                if mapping.name == "[heap]" && !is_heap {
                    mapping.name = "";
                }
                let name = if is_heap { "heap " } else { "annex " };
                line(out, &mapping, name, &starts, range.start)?;
                out.write_char('\n')?;
            }
        }
        Ok(())
    })
}

/// All of a mapping's line but its pages' contents.
fn line(out: &mut Output, mapping: &Mapping<'_>, place: &str, starts: &Starts, start: u64) -> fmt::Result {
    // Private mappings of `/dev/zero` have offsets that are addresses.
    let offset = match starts.range(Place::Arena).contains(&mapping.offset) {
        true => starts.nominal(mapping.offset),
        false => mapping.offset,
    };
    let page = |address: u64| address.saturating_sub(start) / PAGE as u64;
    out.write_str("  ")?;
    out.write_str(place)?;
    out.hex(page(mapping.range.start), 1)?;
    out.write_char('-')?;
    out.hex(page(mapping.range.end), 1)?;
    out.write_char(' ')?;
    out.write_str(mapping.permissions)?;
    out.write_char(' ')?;
    out.hex(offset, 8)?;
    out.write_char(' ')?;
    out.write_str(kind(mapping.name))
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
    system: &impl System,
    mapping: &Mapping<'_>,
    arena: &core::ops::Range<u64>,
    out: &mut Output,
) -> Result<(), Trouble> {
    let start = mapping.range.start.max(arena.start);
    let pages = (mapping.range.end.min(arena.end) - start) as usize / PAGE;
    let mut resident = [0; PAGES];
    let resident = &mut resident[..pages];
    system.resident(start, resident)?;
    let (mut places, mut count) = ([0; BATCH], 0);
    for (index, _) in resident.iter().enumerate().filter(|(_, page)| **page & 1 != 0) {
        places[count] = start + (index * PAGE) as u64;
        count += 1;
        if count == BATCH {
            contents(system, &places, arena, out)?;
            count = 0;
        }
    }
    contents(system, &places[..count], arena, out)
}

/// Writes what some pages hold.
fn contents(
    system: &impl System,
    places: &[u64],
    arena: &core::ops::Range<u64>,
    out: &mut Output,
) -> Result<(), Trouble> {
    if places.is_empty() {
        return Ok(());
    }
    let mut words = [None; BATCH];
    let words = &mut words[..places.len()];
    system.words(places, words)?;
    for (place, word) in places.iter().zip(words) {
        out.write_char(' ')?;
        out.hex((place - arena.start) / PAGE as u64, 1)?;
        out.write_char('=')?;
        match word {
            Some(word) => out.hex(*word, 1)?,
            None => out.write_char('!')?,
        }
    }
    Ok(())
}
