//! The short way for whole entries of one table, to a place in one table: a few pages, or gibibytes that agree. Most moves
//! are of that kind. It does what the general way does, without recursion.

use super::graft::graft_words;
use crate::machine::{Machine, Reach};
use crate::table::PageTables;
use crate::table::descriptor::Descriptor;
use crate::table::level::Level;
use crate::table::page::Table;
use crate::{PageRange, VirtAddr};
use core::cmp::Ordering;
use core::ops::Range;

/// The place in a table where a table of the next level hangs, or would.
#[derive(Clone, Copy)]
struct Hook {
    parent: Table,
    index: usize,
}

/// Neighbouring entries of one table.
struct Run {
    table: Table,
    entries: Range<usize>,
}

/// The highest level of whose whole entries both ranges consist, if they are of one table on either side.
fn level_of_few(source: PageRange, target: PageRange) -> Option<Level> {
    let alignment = (source.start().get() | source.end().get() | target.start().get()).trailing_zeros();
    let level = [Level::Pud, Level::Pmd, Level::Pte]
        .into_iter()
        .find(|level| alignment >= level.shift())?;
    let region = level.table_shift();
    let in_one = |range: PageRange| (range.start().get() ^ (range.end() - 1).get()) >> region == 0;
    (in_one(source) && in_one(target)).then_some(level)
}

impl<M: Machine> PageTables<M> {
    /// Makes a relocation the short way, if that leads there; `None` if it does not, and nothing has changed.
    pub(super) fn relocate_few(&mut self, source: PageRange, target: PageRange) -> Option<()> {
        // One routine a level, in which shifts and walks are constant.
        match level_of_few(source, target)? {
            Level::Pud => self.relocate_entries::<{ Level::Pud as usize }>(source, target),
            Level::Pmd => self.relocate_entries::<{ Level::Pmd as usize }>(source, target),
            _ => self.relocate_entries::<{ Level::Pte as usize }>(source, target),
        }
    }

    fn relocate_entries<const LEVEL: usize>(&mut self, source: PageRange, target: PageRange) -> Option<()> {
        let level = const { Level::ALL[LEVEL] };
        let (from, to) = (
            self.hook(level, source.start())?,
            self.hook(level, target.start())?,
        );
        let first = level.index(source.start());
        let entries = first..first + (source.len() >> level.shift()) as usize;
        let run = Run {
            table: self.hanging(from)?,
            entries,
        };
        let at = level.index(target.start());

        let (occupancy, contiguous) = run.table.state(&self.machine);
        if contiguous {
            return None;
        }
        self.counters.read += 6 + 2 * run.entries.len() as u64;
        if occupancy <= run.entries.len() {
            let words = self.live(run.table).words(run.entries.clone());
            let count = words.iter().filter(|word| !word.get().is_absent()).count();
            if count == occupancy {
                // Without this table the one above could be empty too: that is for the general way.
                if from.parent != to.parent && from.parent.occupancy(&self.machine) == 1 {
                    return None;
                }
                self.move_all(from, &run, to, at, source);
                self.counters.written += 2 * count as u64;
                self.counters.moved(level, count);
                return Some(());
            }
        }
        let count = self.detach_few(level, &run, source);
        if count > 0 {
            self.move_few(&run, to, at);
            self.counters.written += 3 * count as u64;
            self.counters.moved(level, count);
        }
        Some(())
    }

    /// Where the table of `level` for `address` hangs; `None` if the tables above are not there.
    #[inline(always)]
    fn hook(&self, level: Level, address: VirtAddr) -> Option<Hook> {
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

    #[inline]
    fn hanging(&self, hook: Hook) -> Option<Table> {
        let entry = self.live(hook.parent).get(hook.index);
        (!entry.is_absent()).then(|| Table::of(entry))
    }

    /// Detaches and flushes entries of a table that keeps others; answers how many are not absent.
    #[inline]
    fn detach_few(&mut self, level: Level, run: &Run, source: PageRange) -> usize {
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
            self.flush(source, if tables { Reach::Walk } else { Reach::Leaf });
        }
        count
    }

    /// Moves detached entries to index `at` of the table that hangs at the target, or of a new one.
    #[inline]
    fn move_few(&mut self, run: &Run, to: Hook, at: usize) {
        let hanging = self.hanging(to);
        let target = match hanging {
            Some(table) => table,
            None => self.take_promised(),
        };
        let machine = &self.machine;
        let source = run.table.live(machine).words(run.entries.clone());
        let moved = graft_words::<false>(source, target.live(machine).words(at..at + run.entries.len()));
        if target != run.table {
            run.table.lose(machine, moved);
            target.gain(machine, moved);
        }
        match hanging {
            Some(_) => self.publish(),
            None => self.hang(to, target),
        }
    }

    /// Moves all that a table holds, and the table with it if there is none at the target.
    fn move_all(&mut self, from: Hook, run: &Run, to: Hook, at: usize, source: PageRange) {
        let entry = run.table.entry();
        self.live(from.parent).set(from.index, entry.detached());
        self.flush(source, Reach::Walk);
        self.live(from.parent).set(from.index, Descriptor::ABSENT);
        from.parent.lose(&self.machine, 1);
        if self.hanging(to).is_none() {
            self.shift_few(run, at);
            self.hang(to, run.table);
        } else {
            self.move_few(run, to, at);
            self.give_table(run.table);
        }
    }

    /// Moves the entries of a detached table, all that it holds, to index `at` of the same table, in the order in which
    /// nothing is overwritten that has still to move.
    fn shift_few(&mut self, run: &Run, at: usize) {
        let Range { start, end } = run.entries;
        let words = run.table.live(&self.machine);
        match at.cmp(&start) {
            Ordering::Less => {
                for index in run.entries.clone() {
                    let entry = words.get(index);
                    words.set(index, Descriptor::ABSENT);
                    words.set(at + index - start, entry);
                }
            }
            Ordering::Equal => {}
            Ordering::Greater => {
                let plain = self.plain(run.table);
                plain.move_to(&self.machine, run.entries.clone(), plain, at);
                plain.clear(start..at.min(end));
            }
        }
    }

    /// Hangs a table that nobody reaches at the target, and publishes it.
    fn hang(&mut self, to: Hook, table: Table) {
        self.order_stores();
        self.live(to.parent).set(to.index, table.entry());
        to.parent.gain(&self.machine, 1);
        self.publish();
    }
}
