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
    /// Takes out and flushes the entries of level `LEVEL` that make up `range`, whose table hangs in `from`. `None` if the
    /// general way must be gone, and nothing has changed: for contiguous groups, and where the table above would be empty
    /// too, unless `refilled` says that it is not left so.
    #[inline]
    pub(super) fn take_out_few<const LEVEL: usize>(
        &mut self,
        range: PageRange,
        from: Hook,
        run: &Run,
        refilled: bool,
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
                if !refilled && from.parent.occupancy(&self.machine) == 1 {
                    return None;
                }
                self.live(from.parent)
                    .set(from.index, run.table.entry().detached());
                self.flush(range, Reach::Walk);
                self.live(from.parent).set(from.index, Descriptor::ABSENT);
                from.parent.lose(&self.machine, 1);
                self.counters.written += 2;
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

    /// Where the table of `level` for `address` hangs; `None` if the tables above are not there.
    #[inline(always)]
    pub(super) fn hook(&self, level: Level, address: VirtAddr) -> Option<Hook> {
        let (mut above, mut parent) = (Level::Pgd, self.root);
        while let Some(next) = above.below().filter(|next| *next != level) {
            let entry = self.live(parent).get(above.index(address));
            if !entry.is_table(above) {
                return None;
            }
            (above, parent) = (next, Table::of(entry));
        }
        let index = above.index(address);
        let entry = self.live(parent).get(index);
        (entry.is_absent() || entry.is_table(above)).then_some(Hook { parent, index })
    }

    /// The table that hangs there.
    #[inline]
    pub(super) fn hanging(&self, hook: Hook) -> Option<Table> {
        let entry = self.live(hook.parent).get(hook.index);
        (!entry.is_absent()).then(|| Table::of(entry))
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
