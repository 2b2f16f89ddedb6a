//! The short way for whole entries of one table, to a place in one table: a few pages, or gibibytes that agree. Most moves
//! are of that kind. It does what the general way does, without recursion.

use super::graft::graft_words;
use crate::PageRange;
use crate::machine::Machine;
use crate::table::PageTables;
use crate::table::descriptor::Descriptor;
use crate::table::few::{Few, Hook, Run, in_one_table};
use crate::table::level::Level;
use crate::table::page::Table;
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

        let refilled = from.parent == to.parent;
        let count = match self.take_out_few::<LEVEL>(source, from, &run, refilled)? {
            Few::Nothing => return Some(()),
            Few::Kept(count) => {
                self.move_few(&run, to, at);
                count
            }
            Few::Emptied(count) => {
                self.move_all(&run, to, at);
                count
            }
        };
        self.counters.written += 2 * count as u64;
        self.counters.moved(level, count);
        Some(())
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

    /// Moves all that a table holds that was taken out, and the table with it if there is none at the target.
    fn move_all(&mut self, run: &Run, to: Hook, at: usize) {
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
