//! What only `/proc/self/smaps` and `/proc/self/status` tell: the flags of mappings, and sums.

use core::fmt::Write;

use rt::PAGE;

use crate::lines::Lines;
use crate::maps::Mapping;
use crate::observe::Trouble;
use crate::output::Output;
use crate::places::{Place, Starts};

/// Figures of a mapping that are the same everywhere.
const FIGURES: [&str; 3] = ["Rss:", "Anonymous:", "Locked:"];
/// Flags that only Linux sets, and only some of its builds.
const IGNORED: [&str; 1] = ["sd"];

/// Writes a line for each mapping in the arena: its flags, and its figures that are not 0.
///
/// # Errors
/// What the calls say that look.
pub(crate) fn look(starts: &Starts, out: &mut Output) -> Result<(), Trouble> {
    let arena = starts.range(Place::Arena);
    let mut lines = Lines::open(c"/proc/self/smaps")?;
    let mut inside = false;
    while let Some(line) = lines.next()? {
        if let Some(mapping) = Mapping::parse(line) {
            if mapping.range.start >= arena.end {
                break;
            }
            inside = mapping.range.end > arena.start;
            if inside {
                let page = |address: u64| address.saturating_sub(arena.start) / PAGE as u64;
                let (start, end) = (page(mapping.range.start), page(mapping.range.end));
                write!(out, "  {start:x}-{end:x}:")?;
            }
        } else if inside {
            entry(line, out)?;
        }
    }
    Ok(())
}

/// One line about a mapping; the flags are the last one.
fn entry(line: &str, out: &mut Output) -> Result<(), Trouble> {
    let mut words = line.split_ascii_whitespace();
    let Some(name) = words.next() else {
        return Ok(());
    };
    if name == "VmFlags:" {
        for flag in words.filter(|flag| !IGNORED.contains(flag)) {
            write!(out, " {flag}")?;
        }
        out.write_char('\n')?;
    } else if FIGURES.contains(&name) {
        let figure = words.next().unwrap_or("");
        if figure != "0" {
            write!(out, " {name}{figure}")?;
        }
    }
    Ok(())
}

/// Whether the kernel tells such things.
pub(crate) fn is_there() -> bool {
    matches!(
        Lines::open(c"/proc/self/smaps").map(|mut lines| lines.next().is_ok()),
        Ok(true)
    )
}
