//! Entries that move as they are, with all that is below them.

use super::{Place, Relocation};
use crate::VirtAddr;
use crate::machine::Machine;
use crate::table::descriptor::Descriptor;
use crate::table::level::Level;
use crate::table::page::{Table, Word};
use core::ops::Range;

impl<M: Machine> Relocation<'_, M> {
    /// Moves a run of entries that lie in the source as a whole, all of them detached, by themselves or, if `free`, with a
    /// table above; answers how many there were. `dense` says that none of them is absent.
    pub(super) fn graft_run(&mut self, place: &Place, run: Range<usize>, free: bool, dense: bool) -> usize {
        let (mut end, mut moved) = (run.end, 0);
        let from = place.table;
        if !self.keeps_groups(place.level) && from.may_be_contiguous(&self.tables.machine) {
            self.tables.unfold_all(place.level, from, run.clone());
        }
        while end > run.start {
            // Holes cost a test each, and make no table at the target.
            if self.tables.live(from).get(end - 1).is_absent() {
                end -= 1;
                continue;
            }
            let top = self.destination(place.base_of(end - 1));
            let (to, live) = self.target_table(place.level, top);
            let last = place.level.index(top);
            let count = (end - run.start).min(last + 1);
            let (source, target) = (end - count..end, last + 1 - count..last + 1);
            let grafted = match (free, live) {
                (true, false) if dense => self.graft_plain(from, source, to, target.start),
                (true, _) => self.graft_atomic::<true>(from, source, to, target),
                (false, _) => self.graft_atomic::<false>(from, source, to, target),
            };
            to.gain_from(&self.tables.machine, from, grafted);
            moved += grafted;
            end -= count;
        }
        self.tables.counters.written += moved as u64;
        self.tables.counters.moved(place.level, moved);
        moved
    }

    /// Moves entries one by one between tables of which a walker may reach one or both; answers how many there were.
    fn graft_atomic<const FREE: bool>(
        &self,
        from: Table,
        source: Range<usize>,
        to: Table,
        target: Range<usize>,
    ) -> usize {
        let machine = &self.tables.machine;
        graft_words::<FREE>(from.live(machine).words(source), to.live(machine).words(target))
    }

    /// Moves entries, all of them present, between tables that nobody else reaches.
    fn graft_plain(&self, from: Table, source: Range<usize>, to: Table, at: usize) -> usize {
        let (entries, count) = (self.tables.plain(from), source.len());
        let room = self.tables.plain(to);
        let machine = &self.tables.machine;
        assert!(
            to.occupancy(machine) == 0 || room.is_empty(at..at + count),
            "the target of a relocation is in use"
        );
        entries.move_to(machine, source.clone(), room, at);
        entries.clear(machine, source);
        count
    }

    /// Whether a contiguous group of `level` is one at the target too.
    pub(super) fn keeps_groups(&self, level: Level) -> bool {
        self.destination(VirtAddr::new(0)).is_aligned(level.group_size())
    }

    /// Moves the table in an entry that reaches out of the source, though nothing that lies there hangs in it; false if
    /// something already has the place at the target.
    pub(super) fn graft(&mut self, level: Level, entry: Descriptor, base: VirtAddr) -> bool {
        let target = self.destination(base);
        let (to, _) = self.target_table(level, target);
        let index = level.index(target);
        if !self.tables.live(to).get(index).is_absent() {
            return false;
        }
        self.tables.live(to).set(index, entry.attached());
        to.gain(&self.tables.machine, 1);
        self.tables.counters.written += 1;
        self.tables.counters.moved(level, 1);
        true
    }

    /// The target's table of `level` for `address`, and whether a walker can reach it. Tables that are not there yet are
    /// made; the first of them stays pending in the live table that it hangs in.
    pub(super) fn target_table(&mut self, level: Level, address: VirtAddr) -> (Table, bool) {
        let gib = address.get() >> Level::Pud.shift();
        let (mut at, mut table, mut live) = match self.recent {
            Some((recent, table, live)) if recent == gib && level >= Level::Pmd => (Level::Pmd, table, live),
            _ => (Level::Pgd, self.tables.root, true),
        };
        while let Some(below) = at.below().filter(|_| at < level) {
            (table, live) = self.child(at, table, address, live);
            at = below;
            if at == Level::Pmd {
                self.recent = Some((gib, table, live));
            }
        }
        (table, live)
    }

    /// The table that hangs in the entry of `table` for `address`; made if there is none.
    fn child(&mut self, level: Level, table: Table, address: VirtAddr, live: bool) -> (Table, bool) {
        let index = level.index(address);
        let entry = self.tables.live(table).get(index);
        if entry.is_absent() {
            let new = self.tables.take_promised();
            self.attach(level, table, index, new, live);
            return (new, false);
        }
        assert!(entry.is_table(level), "the target of a relocation is in use");
        (Table::of(entry), live && entry.is_valid())
    }

    /// Hangs a table that is new or was changed into an absent entry: pending if a walker can reach that.
    pub(super) fn attach(&mut self, level: Level, table: Table, index: usize, new: Table, live: bool) {
        debug_assert!(
            self.tables.live(table).get(index).is_absent(),
            "{level:?} entry {index} is taken"
        );
        let entry = if live { new.entry().detached() } else { new.entry() };
        self.tables.live(table).set(index, entry);
        table.gain(&self.tables.machine, 1);
        self.tables.counters.written += 1;
        if live {
            self.pend(table, index);
        }
    }
}

/// Moves entries to where nothing is, and answers how many there were. What hangs in them has been visible to walkers
/// before, so they are valid at once; `FREE` ones are still, and others were detached one by one.
#[inline(always)]
pub(super) fn graft_words<const FREE: bool>(source: &[Word], target: &[Word]) -> usize {
    // An index into slices of one length, counted by hand: ten instructions an entry, and an iterator takes fifteen.
    let target = &target[..source.len()];
    let (mut moved, mut index) = (0, 0);
    while index < source.len() {
        let entry = source[index].get();
        if !entry.is_absent() {
            assert!(
                target[index].get().is_absent(),
                "the target of a relocation is in use"
            );
            target[index].set(if FREE { entry } else { entry.attached() });
            source[index].set(Descriptor::ABSENT);
            moved += 1;
        }
        index += 1;
    }
    moved
}
