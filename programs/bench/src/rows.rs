//! What is measured.

use core::fmt::Write;

use heapless::String;
use rt::PAGE;

use crate::many::Fate;
use crate::measure::Samples;
use crate::region::Region;
use crate::stopped::Stopped;
use crate::{GIB, KIB, MIB, calls, losing, many, moves};

/// What a row measures.
#[derive(Clone, Copy)]
pub(crate) enum Work {
    /// One mapping of `length` bytes with a page in every `step`, moved by `distance` mod 1 GiB, or `back`.
    Move {
        length: usize,
        step: usize,
        distance: usize,
        back: bool,
    },
    /// The same of so few pages that the call itself is what counts.
    MovePages(usize),
    /// With the source kept.
    KeepSource {
        length: usize,
        step: usize,
        distance: usize,
    },
    /// Blocks of 2 MiB.
    Blocks {
        length: usize,
        distance: usize,
    },
    /// Many mappings.
    Neighbours {
        fate: Fate,
        count: usize,
        distance: usize,
    },
    Map,
    Unmap,
    Grow,
    Protect,
    Fault,
    GetParent,
    Fork {
        length: usize,
    },
    CopyPage,
    TouchAll {
        length: usize,
        moved: bool,
    },
    TouchHot {
        flushed: bool,
    },
}

impl Work {
    /// Does it.
    pub(crate) fn measure(self, region: &mut Region) -> Result<Samples, Stopped> {
        match self {
            Work::Move {
                length,
                step,
                distance,
                back,
            } => moves::one(region, length, step, distance, back),
            Work::MovePages(count) => losing::move_pages(count),
            Work::KeepSource {
                length,
                step,
                distance,
            } => moves::keep_source(region, length, step, distance),
            Work::Blocks { length, distance } => moves::blocks(region, length, distance),
            Work::Neighbours {
                fate,
                count,
                distance,
            } => many::neighbours(region, fate, count, distance),
            Work::Map => calls::map_anywhere(),
            Work::Unmap => calls::unmap_pages(),
            Work::Grow => calls::grow(),
            Work::Protect => calls::protect(),
            Work::Fault => calls::fault(),
            Work::GetParent => calls::get_parent(),
            Work::Fork { length } => calls::fork(region, length),
            Work::CopyPage => losing::copy_page(),
            Work::TouchAll { length, moved } => losing::touch_all(region, length, moved),
            Work::TouchHot { flushed } => losing::touch_hot(region, flushed),
        }
    }
}

/// A move of a full mapping.
const fn full(length: usize, distance: usize, back: bool) -> Work {
    Work::Move {
        length,
        step: PAGE,
        distance,
        back,
    }
}

/// The rows by name. Those that share a filled region stand beside each other.
const ROWS: [(&str, Work); 24] = [
    ("getppid", Work::GetParent),
    ("fault", Work::Fault),
    ("mmap-16", Work::Map),
    ("munmap-16", Work::Unmap),
    ("mprotect-split", Work::Protect),
    ("grow-16", Work::Grow),
    ("move-1-page", Work::MovePages(1)),
    ("copy-1-page", Work::CopyPage),
    ("move-2-pages", Work::MovePages(2)),
    ("touch-hot", Work::TouchHot { flushed: false }),
    ("flush-then-touch-hot", Work::TouchHot { flushed: true }),
    ("move-1G-by-4K", full(GIB, PAGE, false)),
    ("move-1G-by-4K-back", full(GIB, PAGE, true)),
    ("move-1G-by-2M", full(GIB, 2 * MIB, false)),
    ("move-1G-by-2M-back", full(GIB, 2 * MIB, true)),
    ("move-1G-by-1G", full(GIB, 0, false)),
    ("move-1G-by-1G-back", full(GIB, 0, true)),
    (
        "touch-1G",
        Work::TouchAll {
            length: GIB,
            moved: false,
        },
    ),
    (
        "move-1G-then-touch",
        Work::TouchAll {
            length: GIB,
            moved: true,
        },
    ),
    (
        "dontunmap-256M",
        Work::KeepSource {
            length: 256 * MIB,
            step: PAGE,
            distance: 2 * MIB,
        },
    ),
    (
        "blocks-1G-by-4K",
        Work::Blocks {
            length: GIB,
            distance: PAGE,
        },
    ),
    (
        "blocks-1G-by-2M",
        Work::Blocks {
            length: GIB,
            distance: 2 * MIB,
        },
    ),
    ("fork-512M", Work::Fork { length: 512 * MIB }),
    ("fork-0M", Work::Fork { length: 4 * KIB }),
];

/// How far places differ, and the level of the entries that move then.
const LEVELS: [(&str, usize); 3] = [("4K", PAGE), ("2M", 2 * MIB), ("1G", 0)];

/// What happens to many mappings by 2 MiB, but for their plain move.
const FATES: [(&str, Fate); 7] = [
    ("passing", Fate::Passing),
    ("filling", Fate::Filling),
    ("replacing", Fate::Replacing),
    ("cut", Fate::Cut),
    ("kept", Fate::Kept),
    ("unmapped", Fate::Unmapped),
    ("shrunk", Fate::Shrunk),
];

/// Calls `visit` with the name and the work of every row; `full` adds what takes long on Linux.
pub(crate) fn each(full: bool, mut visit: impl FnMut(&str, Work)) {
    ROWS.iter().for_each(|(name, work)| visit(name, *work));
    let mut named = |name: core::fmt::Arguments<'_>, work| {
        let mut text = String::<64>::new();
        // All names are shorter.
        text.write_fmt(name).ok();
        visit(&text, work);
    };
    each_of_neighbours(full, &mut named);
    each_move(full, &mut named);
}

/// Rows with many mappings next to each other.
fn each_of_neighbours(full: bool, named: &mut impl FnMut(core::fmt::Arguments<'_>, Work)) {
    for (by, distance) in [("2M", 2 * MIB), ("4K", PAGE)] {
        for count in [1, 10, 100, 1000, 10_000, 100_000] {
            if full || count < 100_000 {
                let work = Work::Neighbours {
                    fate: Fate::Moved,
                    count,
                    distance,
                };
                named(format_args!("mappings-{count}-by-{by}"), work);
            }
        }
    }
    for (name, fate) in FATES {
        for count in [1, 100, 10_000] {
            let work = Work::Neighbours {
                fate,
                count,
                distance: 2 * MIB,
            };
            named(format_args!("{name}-{count}"), work);
        }
    }
}

/// Rows with one mapping that moves: 4 KiB to 2 GiB with every page there, and 2 MiB to 64 GiB with a page in each 2 MiB.
fn each_move(full: bool, named: &mut impl FnMut(core::fmt::Arguments<'_>, Work)) {
    let most = if full { usize::MAX } else { GIB };
    let lengths = [4 * KIB, 64 * KIB, MIB, 16 * MIB, 256 * MIB, GIB, 2 * GIB];
    let lengths = lengths.into_iter().filter(|&length| length <= most);
    let full = lengths.map(|length| ("full", length, PAGE));
    let lengths = [2 * MIB, 16 * MIB, 256 * MIB, GIB, 8 * GIB, 64 * GIB];
    let sparse = lengths.map(|length| ("sparse", length, 2 * MIB));
    for (name, length, step) in full.chain(sparse) {
        for (by, distance) in LEVELS {
            let work = Work::Move {
                length,
                step,
                distance,
                back: false,
            };
            named(format_args!("{name}-{}-by-{by}", Size(length)), work);
        }
    }
}

/// A number of bytes in the largest unit that divides it.
struct Size(usize);

impl core::fmt::Display for Size {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let units = [(30, 'G'), (20, 'M'), (10, 'K')];
        let unit = units
            .into_iter()
            .find(|&(shift, _)| self.0.is_multiple_of(1 << shift));
        let (shift, name) = unit.unwrap_or((0, 'B'));
        write!(f, "{}{name}", self.0 >> shift)
    }
}
