//! The first two steps of a bracket, the short way: for whole entries of one table. Most edits are of that kind, and many are
//! of a few pages. It does what [`take_out`](PageTables::take_out) does, without recursion; each level has a routine of its own, in which
//! shifts and walks are constant.

use super::PageTables;
use super::descriptor::Descriptor;
use super::level::{ENTRIES, Level};
use super::page::Table;
use crate::machine::{Machine, Reach};
use crate::{PageRange, VirtAddr};
use core::ops::Range;

/// The place in a table where a table of the next level hangs, or would.
#[derive(Clone, Copy)]
pub(super) struct Hook {
    pub(super) parent: Table,
    pub(super) index: usize,
}

/// The way from the root to the table of level `LEVEL` for an address, as far as there are tables.
#[derive(Clone, Copy)]
pub(super) struct Way<const LEVEL: usize> {
    /// One in a table of each level from the root down; those up to `last` are there.
    hooks: [Hook; LEVEL],
    /// The lowest hook on the way. Nothing hangs in it, or `table`.
    last: usize,
    /// The table at the end of the way.
    pub(super) table: Option<Table>,
}

impl<const LEVEL: usize> Way<LEVEL> {
    /// The lowest place on the way: where the table at its end hangs, or the highest that is missing would.
    pub(super) const fn hook(&self) -> Hook {
        self.hooks[self.last]
    }

    /// How many tables are missing above the one of level `LEVEL`.
    pub(super) const fn missing(&self) -> usize {
        LEVEL - 1 - self.last
    }

    /// Whether the way leads through `table`, of the level that `depth` says.
    fn leads_through(&self, depth: usize, table: Table) -> bool {
        self.last >= depth && self.hooks[depth].parent == table
    }
}

/// Neighbouring entries of one table.
pub(super) struct Run {
    pub(super) table: Table,
    pub(super) entries: Range<usize>,
}

/// What became of a table when some of its entries were taken out.
pub(super) enum Few {
    /// Nothing was there.
    Nothing,
    /// It keeps others; so many of the entries were not absent and are detached now.
    Kept(usize),
    /// It held nothing but these, so many of them; it has been taken out itself, and nobody reaches it.
    Emptied(usize),
}

/// Whether all of `range` lies under one table of `level`.
pub(super) fn in_one_table(level: Level, range: PageRange) -> bool {
    (range.start().get() ^ (range.end() - 1).get()) >> level.table_shift() == 0
}

impl<M: Machine> PageTables<M> {
    /// Takes out and flushes the entries of level `LEVEL` that make up `range`, whose table is at the end of `from`, and with them
    /// every table that they leave empty, but for those that `spared` leads through. `None` if the general way must be gone, for
    /// contiguous groups, and nothing has changed.
    #[inline]
    pub(super) fn take_out_few<const LEVEL: usize>(
        &mut self,
        range: PageRange,
        from: &Way<LEVEL>,
        run: &Run,
        spared: Option<&Way<LEVEL>>,
    ) -> Option<Few> {
        let level = const { Level::ALL[LEVEL] };
        let (occupancy, contiguous) = run.table.state(&self.machine);
        if contiguous {
            return None;
        }
        self.counters.read += LEVEL as u64 + run.entries.len() as u64;
        if occupancy <= run.entries.len() {
            let words = self.live(run.table).words(run.entries.clone());
            let count = match occupancy {
                ENTRIES => ENTRIES,
                _ => words.iter().filter(|word| !word.get().is_absent()).count(),
            };
            if count == occupancy {
                self.take_out_tables(range, from, spared);
                return Some(Few::Emptied(count));
            }
        }
        let count = self.detach_few(level, run, range);
        self.counters.written += count as u64;
        Some(if count == 0 {
            Few::Nothing
        } else {
            Few::Kept(count)
        })
    }

    /// Takes out and flushes the table at the end of `from`, all of whose entries lie in `range`, and gives back the tables above that
    /// hold nothing else.
    #[inline]
    fn take_out_tables<const LEVEL: usize>(
        &mut self,
        range: PageRange,
        from: &Way<LEVEL>,
        spared: Option<&Way<LEVEL>>,
    ) {
        let mut top = from.last;
        while top > 0 {
            let above = from.hooks[top].parent;
            let stays = spared.is_some_and(|way| way.leads_through(top, above));
            if stays || above.occupancy(&self.machine) != 1 {
                break;
            }
            top -= 1;
        }
        let Hook { parent, index } = from.hooks[top];
        let entry = self.live(parent).get(index);
        self.live(parent).set(index, entry.detached());
        self.flush(range, Reach::Walk);
        self.live(parent).set(index, Descriptor::ABSENT);
        parent.lose(&self.machine, 1);
        self.counters.written += 2;
        for hook in &from.hooks[top + 1..] {
            self.live(hook.parent).set(hook.index, Descriptor::ABSENT);
            hook.parent.lose(&self.machine, 1);
            self.counters.written += 1;
            self.give_table(hook.parent);
        }
    }

    /// The way to the table of level `LEVEL` for `address`; `None` where a block is in it.
    #[inline(always)]
    pub(super) fn way<const LEVEL: usize>(&self, address: VirtAddr) -> Option<Way<LEVEL>> {
        let root = Hook {
            parent: self.root,
            index: Level::Pgd.index(address),
        };
        let mut way = Way {
            hooks: [root; LEVEL],
            last: 0,
            table: None,
        };
        loop {
            let above = Level::ALL[way.last];
            let Hook { parent, index } = way.hook();
            let entry = self.live(parent).get(index);
            if entry.is_absent() {
                return Some(way);
            }
            if !entry.is_table(above) {
                return None;
            }
            let table = Table::of(entry);
            if way.last + 1 == LEVEL {
                way.table = Some(table);
                return Some(way);
            }
            way.last += 1;
            way.hooks[way.last] = Hook {
                parent: table,
                index: Level::ALL[way.last].index(address),
            };
        }
    }

    /// Detaches and flushes entries of a table that keeps others; answers how many are not absent.
    #[inline]
    fn detach_few(&mut self, level: Level, run: &Run, range: PageRange) -> usize {
        let (mut leaves, mut tables, mut count) = (false, false, 0);
        for word in run.table.live(&self.machine).words(run.entries.clone()) {
            let entry = word.get();
            if entry.is_absent() {
                continue;
            }
            count += 1;
            if entry.is_table(level) {
                word.set(entry.detached());
                tables = true;
            } else if entry.is_valid() {
                leaves |= word.detach();
            }
        }
        if leaves || tables {
            self.flush(range, if tables { Reach::Walk } else { Reach::Leaf });
        }
        count
    }
}
