//! The short way for whole entries of one table, to a place in one table: a few pages, or gibibytes that agree. Most moves
//! are of that kind. It does what the general way does, without recursion.

use super::graft::graft_words;
use crate::machine::Machine;
use crate::table::PageTables;
use crate::table::descriptor::Descriptor;
use crate::table::detach::Met;
use crate::table::few::{Few, Keeper, Way, in_one_table};
use crate::table::level::Level;
use crate::table::page::{Table, Word};
use crate::table::pool::OutOfMemory;
use crate::{PageRange, VirtAddr};
use core::cmp::Ordering;
use core::ops::Range;

/// Up to so many entries are shifted within their table one by one; setting out to copy a run costs about as much.
const SINGLY: usize = 8;

/// What a relocation may use.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Supply {
    /// The tables that were reserved for it.
    Promised,
    /// Whatever there is: what it needs is to be reserved first.
    Open,
}

/// What is known of the entries that are moved.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// All were valid, and were detached by themselves.
    Detached,
    /// They hang in a table that was taken out, and none is absent.
    Hanging,
    /// Nothing.
    Any,
}

impl Kind {
    /// What is known of the entries of a table that was taken out and held nothing but `count` of them.
    #[inline(always)]
    pub(super) fn of_hanging(count: usize, entries: &Range<usize>) -> Self {
        if count == entries.len() {
            Self::Hanging
        } else {
            Self::Any
        }
    }
}

impl Met {
    /// What is known of entries that were detached.
    #[inline(always)]
    pub(super) fn kind(&self, entries: &Range<usize>) -> Kind {
        if self.valid() == entries.len() {
            Kind::Detached
        } else {
            Kind::Any
        }
    }
}

/// Where entries go.
struct Goal {
    /// The address of the first.
    address: VirtAddr,
    /// The lowest table on the way there, the level of that, and the index there.
    end: Table,
    depth: usize,
    index: usize,
}

impl<M: Machine> PageTables<M> {
    /// Makes a relocation the short way, if that leads there; `None` if it does not, and nothing has changed.
    ///
    /// # Errors
    /// Where there is no memory for the tables that it needs; nothing has changed.
    #[inline(never)]
    pub(super) fn relocate_few(
        &mut self,
        source: PageRange,
        target: PageRange,
        supply: Supply,
    ) -> Option<Result<(), OutOfMemory>> {
        // The highest level of whose whole entries both ranges consist. There is one routine a level, in which shifts and walks
        // are constant.
        let ends = source.start().get() | source.end().get() | target.start().get();
        if ends & (Level::Pmd.size() - 1) != 0 {
            self.relocate_entries::<{ Level::Pte as usize }>(source, target, supply)
        } else if ends & (Level::Pud.size() - 1) != 0 {
            self.relocate_entries::<{ Level::Pmd as usize }>(source, target, supply)
        } else {
            self.relocate_entries::<{ Level::Pud as usize }>(source, target, supply)
        }
    }

    #[inline(always)]
    fn relocate_entries<const LEVEL: usize>(
        &mut self,
        source: PageRange,
        target: PageRange,
        supply: Supply,
    ) -> Option<Result<(), OutOfMemory>> {
        let level = const { Level::ALL[LEVEL] };
        if !in_one_table(level, source) || !in_one_table(level, target) {
            return None;
        }
        let way = self.way::<LEVEL>(source.start())?;
        let (end, depth, index) = self.end_of_way(target.start(), &way)?;
        let first = level.index(source.start());
        let entries = first..first + (source.len() >> level.shift()) as usize;
        if depth == LEVEL {
            self.relocate_between(source, &way, &entries, end, target.start())
        } else {
            let goal = Goal {
                address: target.start(),
                end,
                depth,
                index,
            };
            self.relocate_hanging(source, &way, &entries, &goal, supply)
        }
    }

    /// Relocates to a table that is there, `target`: that takes no other.
    #[inline(always)]
    fn relocate_between<const LEVEL: usize>(
        &mut self,
        source: PageRange,
        way: &Way<LEVEL>,
        entries: &Range<usize>,
        target: Table,
        address: VirtAddr,
    ) -> Option<Result<(), OutOfMemory>> {
        let level = const { Level::ALL[LEVEL] };
        let (held, table, at) = (self.held(way)?, way.table(), level.index(address));
        let count = match self.few(way, held, entries, Some(address)) {
            Few::Part => {
                let met = self.detach_few(level, table, entries, source);
                if met.present() > 0 {
                    self.graft_few(table, entries, target, at, met.kind(entries));
                    self.publish();
                }
                met.present()
            }
            Few::All { count, keeper } => {
                self.take_out_all(source, way, &keeper);
                if target == table {
                    // This very table hangs at the target: it is put back where it was.
                    self.shift_few(table, entries, at);
                    self.show(table, way.step(LEVEL - 1));
                } else {
                    self.graft_few(table, entries, target, at, Kind::of_hanging(count, entries));
                    self.publish();
                    self.give_above(way, &keeper);
                    self.give_table(table);
                }
                count
            }
        };
        self.note::<LEVEL>(entries, count);
        Some(Ok(()))
    }

    /// Relocates to where a table is missing.
    #[inline(always)]
    fn relocate_hanging<const LEVEL: usize>(
        &mut self,
        source: PageRange,
        way: &Way<LEVEL>,
        entries: &Range<usize>,
        goal: &Goal,
        supply: Supply,
    ) -> Option<Result<(), OutOfMemory>> {
        let level = const { Level::ALL[LEVEL] };
        let (held, table, at) = (self.held(way)?, way.table(), level.index(goal.address));
        let few = self.few(way, held, entries, Some(goal.address));
        if supply == Supply::Open
            && let Err(error) = self.reserve_few::<LEVEL>(goal, &few)
        {
            return Some(Err(error));
        }
        let count = match few {
            Few::Part => {
                let met = self.detach_few(level, table, entries, source);
                if met.present() > 0 {
                    let new = self.take_promised();
                    self.graft_few(table, entries, new, at, met.kind(entries));
                    self.hang::<LEVEL>(new, None, goal);
                }
                met.present()
            }
            // The table comes along.
            Few::All { count, keeper } => {
                self.take_out_all(source, way, &keeper);
                self.shift_few(table, entries, at);
                self.hang(table, Some((way, &keeper)), goal);
                count
            }
        };
        self.note::<LEVEL>(entries, count);
        Some(Ok(()))
    }

    /// Counts what was done for `entries` of level `LEVEL`, of which `count` moved.
    #[inline(always)]
    pub(super) fn note<const LEVEL: usize>(&mut self, entries: &Range<usize>, count: usize) {
        self.counters.read += (2 * LEVEL + entries.len()) as u64;
        self.counters.written += 2 * count as u64;
        self.counters.moved(const { Level::ALL[LEVEL] }, count);
    }

    /// Makes sure of the tables that are missing on the way to the goal, but for those that come along.
    #[inline(always)]
    fn reserve_few<const LEVEL: usize>(&mut self, goal: &Goal, few: &Few) -> Result<(), OutOfMemory> {
        let there = match few {
            Few::Part => goal.depth,
            Few::All { keeper, .. } => goal.depth + (LEVEL - keeper.depth),
        };
        if there >= LEVEL {
            return Ok(());
        }
        self.pool.reserve(&self.machine, LEVEL - there)
    }

    /// Moves detached entries from one table to another, or within one.
    #[inline(always)]
    pub(super) fn graft_few(&self, from: Table, entries: &Range<usize>, to: Table, at: usize, kind: Kind) {
        let machine = &self.machine;
        let source = from.live(machine).words(entries.clone());
        let target = to.live(machine).words(at..at + entries.len());
        let moved = if kind == Kind::Any {
            graft_words::<false>(source, target)
        } else {
            Word::attach(machine, source, target, kind == Kind::Detached);
            source.len()
        };
        if to != from {
            from.lose(machine, moved);
            to.gain(machine, moved);
        }
    }

    /// Moves the entries of a detached table, all that it holds, to index `at` of the same table, in the order in which
    /// nothing is overwritten that has still to move.
    #[inline(always)]
    pub(super) fn shift_few(&self, table: Table, entries: &Range<usize>, at: usize) {
        let Range { start, end } = *entries;
        let words = table.live(&self.machine);
        let shift_one = |index: usize| {
            let entry = words.get(index);
            words.set(index, Descriptor::ABSENT);
            words.set(at + index - start, entry);
        };
        match at.cmp(&start) {
            Ordering::Less => entries.clone().for_each(shift_one),
            Ordering::Equal => {}
            Ordering::Greater if entries.len() <= SINGLY => entries.clone().rev().for_each(shift_one),
            Ordering::Greater => {
                let plain = self.plain(table);
                plain.move_to(&self.machine, entries.clone(), plain, at);
                plain.clear(&self.machine, start..at.min(end));
            }
        }
    }

    /// Hangs a table of level `LEVEL` that nobody reaches at the goal, and publishes it. The tables that are missing above it are those
    /// that were taken out of the `keeper` with it, as far as they go; what of them is too much is given back.
    #[inline(always)]
    fn hang<const LEVEL: usize>(
        &mut self,
        mut table: Table,
        taken: Option<(&Way<LEVEL>, &Keeper)>,
        goal: &Goal,
    ) {
        for depth in (1..LEVEL).rev() {
            let step = taken
                .filter(|(_, keeper)| depth > keeper.depth)
                .map(|(way, _)| way.step(depth));
            let at = Level::ALL[depth].index(goal.address);
            table = match step {
                Some(step) if depth <= goal.depth => {
                    self.give_step(step);
                    table
                }
                None if depth <= goal.depth => table,
                Some((above, index)) => {
                    self.live(above).set(index, Descriptor::ABSENT);
                    self.live(above).set(at, table.entry());
                    self.counters.written += 2;
                    above
                }
                None => {
                    let above = self.take_promised();
                    self.live(above).set(at, table.entry());
                    above.gain(&self.machine, 1);
                    self.counters.written += 1;
                    above
                }
            };
        }
        self.show(table, (goal.end, goal.index));
    }

    /// Puts a table that nobody reaches into an absent entry of one that walkers may reach, and publishes it.
    #[inline(always)]
    pub(super) fn show(&mut self, table: Table, (above, index): (Table, usize)) {
        self.order_stores();
        self.live(above).set(index, table.entry());
        above.gain(&self.machine, 1);
        self.publish();
    }
}
