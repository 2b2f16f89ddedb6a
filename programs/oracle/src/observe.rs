//! What is in a script's places: mappings, which pages are resident, and what they hold.

use core::fmt::{self, Write};

use rt::{Errno, PAGE};

use crate::maps::Mapping;
use crate::output::Output;
use crate::places::{Place, Starts};
use crate::snapshot::Snapshot;
use crate::system::System;

/// How many pages are looked at together.
pub const BATCH: usize = 64;

/// Why nothing could be said.
pub enum Trouble {
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
pub fn observe(system: &impl System, also: &[Place], out: &mut Output) -> Result<Snapshot, Trouble> {
    let mut snapshot = Snapshot::default();
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
    })?;
    Ok(snapshot)
}

/// All of a mapping's line but its pages' contents.
fn line(out: &mut Output, mapping: &Mapping<'_>, place: &str, starts: &Starts, start: u64) -> fmt::Result {
    // Private mappings of `/dev/zero` have offsets that are addresses.
    let offset = u64::from_str_radix(mapping.offset, 16).unwrap_or(u64::MAX);
    let offset = match starts.range(Place::Arena).contains(&offset) {
        true => starts.nominal(offset),
        false => offset,
    };
    let page = |address: u64| address.saturating_sub(start) / PAGE as u64;
    write!(
        out,
        "  {place}{:x}-{:x} {} {:08x} {}",
        page(mapping.range.start),
        page(mapping.range.end),
        mapping.permissions,
        offset,
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
    system: &impl System,
    mapping: &Mapping<'_>,
    arena: &core::ops::Range<u64>,
    out: &mut Output,
) -> Result<(), Trouble> {
    let mut at = mapping.range.start.max(arena.start);
    let end = mapping.range.end.min(arena.end);
    while at < end {
        let length = (BATCH * PAGE).min((end - at) as usize);
        let mut resident = [0; BATCH];
        system.resident(at, &mut resident[..length / PAGE])?;
        let mut places = [0; BATCH];
        let mut count = 0;
        for index in (0..length / PAGE).filter(|&index| resident[index] & 1 != 0) {
            places[count] = at + (index * PAGE) as u64;
            count += 1;
        }
        let mut words = [None; BATCH];
        if count > 0 {
            system.words(&places[..count], &mut words[..count])?;
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
