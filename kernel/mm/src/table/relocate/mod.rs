//! Moving everything that is mapped in a range to another range: the descriptors move, the memory stays where it is.
//!
//! What moves as one is decided by *agreement*: the highest level whose size divides the distance. An entry of that level
//! that lies in the range as a whole moves by one load and two stores, whatever is below it ([`graft`]): a table with all
//! that hangs in it, or a block. Above that level tables are walked through, below it only the ragged ends of the range
//! are touched. Where the ranges do not even agree modulo 2 MiB every page's entry moves by itself, but not one by one:
//! whole leaf tables are shifted by plain paired copies and used again at the target ([`shift`]).
//!
//! Everything runs from high to low addresses, so that a leaf table can be shifted upwards in place: what falls out at its
//! upper end has just found room at the lower end of its upper neighbour.
//!
//! A table that hangs in a live table and was built or changed here becomes reachable only when its contents are complete:
//! until then its entry is a detached one, *pending*. `DSB ISHST` stands between the contents and the valid bit. What
//! is grafted as it was has been visible to walkers long since and is published at once.

mod few;
mod graft;
mod onto;
mod reserve;
mod shift;
mod sparse;

use super::PageTables;
use super::descriptor::Descriptor;
use super::detach::{Extent, Start};
use super::level::Level;
use super::page::Table;
use super::pool::OutOfMemory;
use crate::machine::Machine;
use crate::{PageRange, VirtAddr};
use core::ops::Range;
use few::Supply;
use shift::Stale;

/// One relocation under way: the bracket's third and fourth step.
struct Relocation<'t, M: Machine> {
    tables: &'t mut PageTables<M>,
    source: PageRange,
    target: PageRange,
    /// The highest level whose entries can move as they are.
    agree: Level,
    /// The PMD table of the target that was last used: the 1 GiB that it covers, and whether a walker can reach it.
    recent: Option<(u64, Table, bool)>,
    /// The same of leaf tables, for what is made of blocks: the 2 MiB that it covers.
    recent_leaf: Option<(u64, Table, bool)>,
    /// A shifted leaf table whose first entries are still those of before.
    stale: Option<Stale>,
    pending: Pending,
}

/// The highest level at which source and target are at the same place in their entries.
fn agreement(source: PageRange, target: VirtAddr) -> Level {
    let distance = source.start().get() ^ target.get();
    let agrees = |level: &Level| distance & (level.size() - 1) == 0;
    Level::ALL.into_iter().find(agrees).unwrap_or(Level::Pte)
}

impl<M: Machine> PageTables<M> {
    /// Moves everything that is mapped in `source` to the range of the same length at `target`: afterwards each page and
    /// block, guards included, is at the same distance from `target` as it was from the start of `source`, in the same state,
    /// and `source` holds nothing. What is mapped around both ranges is not touched. One flush, however much moves; nothing
    /// but the entries that must change is read or written.
    ///
    /// Nothing may be mapped in the target; the ranges must not overlap. [`Self::reserve_relocation`] was called before,
    /// in the same call, and so this cannot fail.
    ///
    /// # Panics
    /// If the ranges overlap, or something is found in the target where there must be nothing.
    pub fn relocate(&mut self, source: PageRange, target: VirtAddr) {
        let target = PageRange::from_len(target, source.len()).expect("a target below TASK_SIZE");
        assert!(
            !source.overlaps(target),
            "a relocation of {source:?} onto itself, to {target:?}"
        );
        if source.is_empty() || self.relocate_few(source, target, Supply::Promised).is_some() {
            return;
        }
        self.relocate_all(source, target);
    }

    /// [`Self::relocate`] of a range that is not empty, with the reservation that it needs.
    ///
    /// # Errors
    /// Where there is no memory for tables; nothing has changed.
    #[inline(always)]
    pub fn try_relocate(&mut self, source: PageRange, target: PageRange) -> Result<(), OutOfMemory> {
        debug_assert!(!source.is_empty() && source.len() == target.len() && !source.overlaps(target));
        match self.relocate_few(source, target, Supply::Open) {
            Some(done) => done,
            None => self.try_relocate_all(source, target),
        }
    }

    #[inline(never)]
    fn try_relocate_all(&mut self, source: PageRange, target: PageRange) -> Result<(), OutOfMemory> {
        self.reserve_relocation(source, target.start())?;
        self.relocate_all(source, target);
        Ok(())
    }

    /// The general way.
    #[inline(never)]
    fn relocate_all(&mut self, source: PageRange, target: PageRange) {
        if let Some((start, _)) = self.take_out(source) {
            self.relocate_detached(source, target, start);
        }
    }

    /// Moves what a detach of `source`, which began at `start`, met and flushed.
    #[inline(always)]
    fn relocate_detached(&mut self, source: PageRange, target: PageRange, start: Start) {
        let agree = agreement(source, target.start());
        let mut relocation = Relocation {
            tables: self,
            source,
            target,
            agree,
            recent: None,
            recent_leaf: None,
            stale: None,
            pending: Pending::default(),
        };
        relocation.run(start);
    }
}

impl<M: Machine> Relocation<'_, M> {
    fn run(&mut self, start: Start) {
        self.move_in(start.level, start.table, self.source, false);
        self.settle();
        if self.pending.count > 0 {
            self.tables.order_stores();
            self.publish_pending();
        }
        self.tables.publish();
    }

    /// Where the byte at `address` goes. The base of an entry that begins before the source wraps with it.
    fn destination(&self, address: VirtAddr) -> VirtAddr {
        let distance = self.target.start().get().wrapping_sub(self.source.start().get());
        VirtAddr::new(address.get().wrapping_add(distance))
    }

    /// Moves what `table` holds of `range`. `free` says that this table or one above was detached: nobody reaches it, and
    /// what it held when the relocation began lies in the source.
    fn move_in(&mut self, level: Level, table: Table, range: PageRange, free: bool) {
        let extent = Extent::new(level, range);
        self.tables.counters.read += extent.len() as u64;
        let place = Place { level, table, range };
        let moved = if level >= self.agree {
            let dense = free && self.is_dense(&place, &extent);
            // Entries that lie in the range as a whole move as they are; there is at most one at either end that does not.
            self.move_entries(&place, extent.tail(), free)
                + self.graft_run(&place, extent.whole.clone(), free, dense)
                + self.move_entries(&place, extent.head(), free)
        } else {
            self.move_entries(&place, extent.first..extent.last + 1, free)
        };
        self.tables.counters.written += moved as u64;
        table.lose(&self.tables.machine, moved);
    }

    /// Whether none of the entries of a detached table that lie in the range as a whole is absent: said by the occupancy, which
    /// counts those at the ends as well, and where the target reaches into the table says nothing.
    fn is_dense(&self, place: &Place, extent: &Extent) -> bool {
        let entries = self.tables.live(place.table);
        let ends = extent.head().chain(extent.tail());
        let ends = ends.filter(|&index| !entries.get(index).is_absent()).count();
        place.table.occupancy(&self.tables.machine) == extent.whole.len() + ends && !place.spans(self.target)
    }

    /// Moves entries each in its own way, the last one first; answers how many of them are gone.
    fn move_entries(&mut self, place: &Place, indices: Range<usize>, free: bool) -> usize {
        let mut moved = 0;
        for index in indices.rev() {
            let entry = self.tables.live(place.table).get(index);
            if !entry.is_absent() && self.move_entry(place, index, entry, free || !entry.is_valid()) {
                self.tables.live(place.table).set(index, Descriptor::ABSENT);
                moved += 1;
            }
        }
        moved
    }

    /// Moves one entry that cannot simply move as it is: it reaches out of the source, or the two do not agree at its level.
    /// `free` says that it was detached. Answers whether nothing is left of it here.
    fn move_entry(&mut self, place: &Place, index: usize, entry: Descriptor, free: bool) -> bool {
        let (level, base) = (place.level, place.base_of(index));
        // The target may lie in the same entry as an end of the source: then that entry comes to hold both.
        let alone = free && (self.target.end() <= base || base + level.size() <= self.target.start());
        let Some(below) = level.below() else {
            unreachable!("pages move as they are")
        };
        if !entry.is_table(level) {
            self.move_block(level, entry, base);
            return true;
        }
        if alone && level >= self.agree && self.graft(level, entry, base) {
            return true;
        }
        let child = Table::of(entry);
        let part = place.range.within(base, level.size());
        if alone && below == Level::Pte && self.agree == Level::Pte {
            self.shift_table(child, part);
            return true;
        }
        if below == Level::Pte {
            self.settle();
        }
        self.move_in(below, child, part, free);
        let empty = child.occupancy(&self.tables.machine) == 0;
        debug_assert!(free || !empty, "a table that a relocation empties is detached");
        if empty {
            self.tables.give_table(child);
        }
        // What is left of a detached table is the target's.
        if free && !empty {
            self.pend(place.table, index);
        }
        empty
    }

    /// Notes that an entry of a table that may be live was made or left without its valid bit.
    fn pend(&mut self, table: Table, index: usize) {
        self.pending.add((table, index));
    }

    /// Makes the pending entries valid.
    fn publish_pending(&mut self) {
        let Pending { places, count } = self.pending;
        if count > places.len() {
            return self.publish_in(Level::Pgd, self.tables.root, self.target);
        }
        for (table, index) in places.into_iter().flatten() {
            let word = self.tables.live(table).word(index);
            word.set(word.get().attached());
        }
        self.tables.counters.written += count as u64;
    }

    /// Makes the pending entries in `range`, the target, valid: all are in live tables.
    fn publish_in(&mut self, level: Level, table: Table, range: PageRange) {
        let Some(below) = level.below() else { return };
        let extent = Extent::new(level, range);
        self.tables.counters.read += extent.len() as u64;
        let mut written = 0;
        for word in table
            .live(&self.tables.machine)
            .words(extent.first..extent.last + 1)
        {
            let entry = word.get();
            if entry.is_table(level) && !entry.is_valid() {
                word.set(entry.attached());
                written += 1;
            }
        }
        self.tables.counters.written += written;
        // What hangs in an entry of the target alone was published with it, if it was not grafted.
        for index in extent.head().chain(extent.tail()) {
            let entry = self.tables.live(table).get(index);
            if entry.is_table(level) {
                let part = range.within(level.base(range, index), level.size());
                self.publish_in(below, Table::of(entry), part);
            }
        }
    }
}

/// Entries of one table: those that a range meets.
struct Place {
    level: Level,
    table: Table,
    range: PageRange,
}

impl Place {
    /// The address where the entry of `index` begins.
    fn base_of(&self, index: usize) -> VirtAddr {
        self.level.base(self.range, index)
    }

    /// Whether part of `range` lies under the table.
    fn spans(&self, range: PageRange) -> bool {
        let table = |address: VirtAddr| address.get() >> self.level.table_shift();
        (table(range.start())..=table(range.end() - 1)).contains(&table(self.range.start()))
    }
}

/// The entries of tables that wait for their valid bit.
#[derive(Clone, Copy, Default)]
struct Pending {
    /// The first of them; what has no room here is found again in the target.
    places: [Option<(Table, usize)>; Self::ROOM],
    /// How many there are, some perhaps counted twice where there is no room.
    count: usize,
}

impl Pending {
    /// Enough for the tables at both ends of a target that is wholly new there, and of what is left at the source.
    const ROOM: usize = 4;

    fn add(&mut self, place: (Table, usize)) {
        if self.places.contains(&Some(place)) {
            return;
        }
        if let Some(free) = self.places.get_mut(self.count) {
            *free = Some(place);
        }
        self.count += 1;
    }
}
