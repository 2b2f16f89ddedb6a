//! What `/proc/self/maps` and `/proc/self/smaps` would tell of the address space.

use std::fmt::Write;
use std::ops::Range;

use mm::{Footprint, Mapping, PAGE_SIZE, Proportional};
use oracle::maps;
use oracle::observe::Trouble;
use oracle::output::Output;
use oracle::places::Place;

use super::World;

/// The rights of a mapping, by its bits: writable 1, readable 2, executable 4, shared 8.
const PERMISSIONS: [&str; 16] = [
    "---p", "-w-p", "r--p", "rw-p", "--xp", "-wxp", "r-xp", "rwxp", "---s", "-w-s", "r--s", "rw-s", "--xs",
    "-wxs", "r-xs", "rwxs",
];
/// The names that mappings have here, to their first space.
const NAMES: [&str; 6] = [
    "",
    "/memfd:object",
    "/memfd:border",
    "/dev/zero",
    "[heap]",
    "[vdso]",
];

/// A line of `/proc/self/maps`.
pub(super) struct Listed {
    range: Range<u64>,
    permissions: &'static str,
    offset: u64,
    name: &'static str,
}

impl Listed {
    fn of(mapping: &Mapping<'_>) -> Self {
        let rights = [mapping.write, mapping.read, mapping.execute, mapping.shared];
        let rights = rights
            .into_iter()
            .rev()
            .fold(0, |bits, right| 2 * bits + usize::from(right));
        let first = mapping.name.split(' ').next().unwrap_or("");
        let name = NAMES.into_iter().find(|name| *name == first);
        Listed {
            range: mapping.range.start().get()..mapping.range.end().get(),
            permissions: PERMISSIONS[rights],
            offset: mapping.offset,
            name: name.unwrap_or_else(|| panic!("a mapping of {first}, of which there is none here")),
        }
    }

    pub(super) fn as_line(&self) -> maps::Mapping<'static> {
        maps::Mapping {
            range: self.range.clone(),
            permissions: self.permissions,
            offset: self.offset,
            name: self.name,
        }
    }
}

impl World {
    /// Lists the mappings that begin below `end`.
    pub(super) fn list(&self, end: u64, listed: &mut Vec<Listed>) {
        listed.clear();
        let space = self.space();
        let below = space
            .mappings()
            .take_while(|mapping| mapping.range.start().get() < end);
        listed.extend(below.map(|mapping| Listed::of(&mapping)));
    }

    /// Writes what the library of the program `oracle` makes of `/proc/self/smaps`: a line for each mapping in the arena.
    ///
    /// # Errors
    /// What can't be printed.
    pub(super) fn tell_flags(&self, out: &mut Output) -> Result<(), Trouble> {
        let arena = Place::Arena.range();
        let space = self.space();
        for mapping in space.mappings_from(arena.start) {
            let (start, end) = (mapping.range.start().get(), mapping.range.end().get());
            if start >= arena.end {
                break;
            }
            let page = |address: u64| address.saturating_sub(arena.start) / PAGE_SIZE;
            write!(out, "  {:x}-{:x}:", page(start), page(end))?;
            let mut footprint = Footprint::default();
            let mut at = start;
            while at < end {
                at = space.measure(at, end, &mut footprint);
            }
            tell_figures(&footprint, out)?;
            let rights = [
                (mapping.read, " rd"),
                (mapping.write, " wr"),
                (mapping.execute, " ex"),
            ];
            rights
                .iter()
                .filter(|right| right.0)
                .try_for_each(|right| out.write_str(right.1))?;
            mapping
                .flags
                .letters()
                .try_for_each(|letters| write!(out, " {letters}"))?;
            out.write_char('\n')?;
        }
        Ok(())
    }
}

/// The figures that are the same everywhere, in kB, where they are not 0.
fn tell_figures(footprint: &Footprint, out: &mut Output) -> Result<(), Trouble> {
    let figures = [
        ("Rss", footprint.resident()),
        ("Anonymous", footprint.anonymous),
        ("Locked", footprint.proportional.locked / Proportional::UNIT),
    ];
    for (name, bytes) in figures {
        match bytes >> 10 {
            0 => {}
            size => write!(out, " {name}:{size}")?,
        }
    }
    Ok(())
}
