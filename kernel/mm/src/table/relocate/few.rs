//! The short way for whole entries of one table, to a place in one table: a few pages, or gibibytes that agree. Most moves
//! are of that kind. It does what the general way does, without recursion.

use super::graft::graft_words;
use crate::machine::Machine;
use crate::table::PageTables;
use crate::table::descriptor::Descriptor;
use crate::table::few::{Few, Hook, Run, Way, in_one_table};
use crate::table::level::Level;
use crate::table::page::Table;
use crate::{PageRange, VirtAddr};
use core::cmp::Ordering;
use core::ops::Range;

/// The highest level of whose whole entries both ranges consist, if they are of one table on either side.
fn level_of_few(source: PageRange, target: PageRange) -> Option<Level> {
    let alignment = (source.start().get() | source.end().get() | target.start().get()).trailing_zeros();
    let level = [Level::Pud, Level::Pmd, Level::Pte]
        .into_iter()
        .find(|level| alignment >= level.shift())?;
    (in_one_table(level, source) && in_one_table(level, target)).then_some(level)
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
        let from = self.way::<LEVEL>(source.start())?;
        let to = self.way::<LEVEL>(target.start())?;
        let first = level.index(source.start());
        let run = Run {
            table: from.table?,
            entries: first..first + (source.len() >> level.shift()) as usize,
        };
        let count = match self.take_out_few(source, &from, &run, Some(&to))? {
            Few::Nothing => return Some(()),
            Few::Kept(count) => {
                self.move_few(&run, &to, target.start());
                count
            }
            Few::Emptied(count) => {
                self.move_all(&run, &to, target.start());
                count
            }
        };
        self.counters.written += 2 * count as u64;
        self.counters.moved(level, count);
        Some(())
    }

    /// Moves detached entries to `target`, in the table that hangs there or in a new one.
    #[inline]
    fn move_few<const LEVEL: usize>(&mut self, run: &Run, to: &Way<LEVEL>, target: VirtAddr) {
        let at = const { Level::ALL[LEVEL] }.index(target);
        let table = match to.table {
            Some(table) => table,
            None => self.take_promised(),
        };
        let machine = &self.machine;
        let source = run.table.live(machine).words(run.entries.clone());
        let moved = graft_words::<false>(source, table.live(machine).words(at..at + run.entries.len()));
        if table != run.table {
            run.table.lose(machine, moved);
            table.gain(machine, moved);
        }
        match to.table {
            Some(_) => self.publish(),
            None => self.hang(to, table, target),
        }
    }

    /// Moves all that a table holds that was taken out, and the table with it if there is none at the target.
    fn move_all<const LEVEL: usize>(&mut self, run: &Run, to: &Way<LEVEL>, target: VirtAddr) {
        // What hung at the target may have been this very table.
        if to.table.is_none_or(|table| table == run.table) {
            self.shift_few(run, const { Level::ALL[LEVEL] }.index(target));
            self.hang(to, run.table, target);
        } else {
            self.move_few(run, to, target);
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
                plain.clear(&self.machine, start..at.min(end));
            }
        }
    }

    /// Hangs a table that nobody reaches at the target, with those above it that are missing there, and publishes it.
    #[inline]
    fn hang<const LEVEL: usize>(&mut self, to: &Way<LEVEL>, mut table: Table, target: VirtAddr) {
        for depth in (LEVEL - to.missing()..LEVEL).rev() {
            let above = self.take_promised();
            self.live(above)
                .set(Level::ALL[depth].index(target), table.entry());
            above.gain(&self.machine, 1);
            self.counters.written += 1;
            table = above;
        }
        self.order_stores();
        let Hook { parent, index } = to.hook();
        self.live(parent).set(index, table.entry());
        parent.gain(&self.machine, 1);
        self.publish();
    }
}
