//! The first step of a bracket: everything in a range loses its valid bit, at the highest level that nobody shares.

use super::PageTables;
use super::level::Level;
use super::page::Table;
use crate::machine::{Machine, Reach};
use crate::{PageRange, VirtAddr};

/// What a detach met.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Found {
    /// Anything at all that is not absent.
    pub(super) anything: bool,
    /// Pages or blocks that were valid.
    pub(super) leaves: bool,
    /// Tables that hang in no other range.
    pub(super) tables: bool,
    /// A block or contiguous group that reaches out of the range; it was detached as a whole.
    pub(super) cut: bool,
    /// If not 0, the flush must reach to multiples of this, a power of two: a group reaches out of the range.
    pub(super) flush_unit: u64,
}

impl Found {
    /// What the flush must reach; `None` if no TLB can hold anything of the range.
    pub(super) fn reach(self) -> Option<Reach> {
        match (self.tables, self.leaves) {
            (true, _) => Some(Reach::Walk),
            (false, true) => Some(Reach::Leaf),
            (false, false) => None,
        }
    }
}

/// The part of `range` that lies in the entry around its page `at`, and whether that is the whole entry.
pub(super) fn part(level: Level, range: PageRange, base: VirtAddr) -> (PageRange, bool) {
    let start = base.max(range.start());
    let end = (base + level.size()).min(range.end());
    let part = PageRange::new(start, end).expect("a part of a range of pages");
    (part, part.len() == level.size())
}

/// The indices of the entries of `level` that `range` meets: the first and the last. The range lies in one table.
pub(super) fn indices(level: Level, range: PageRange) -> (usize, usize) {
    (level.index(range.start()), level.index(range.end() - 1))
}

impl<M: Machine> PageTables<M> {
    /// Detaches everything in `range`, which is not empty, and flushes it: the first two steps of a bracket. Blocks and
    /// groups that reach out of the range are whole again outside of it, and detached inside.
    pub(super) fn take_out(&mut self, range: PageRange) -> Found {
        let found = self.detach(range);
        self.flush_found(range, found);
        if found.cut {
            self.split_in(Level::Pgd, self.root, range, Some(range));
        }
        found
    }

    /// Detaches everything in `range`, and the rest of blocks and groups that it cuts.
    pub(super) fn detach(&mut self, range: PageRange) -> Found {
        let mut found = Found::default();
        self.detach_in(Level::Pgd, self.root, range, &mut found);
        found
    }

    /// Flushes what a detach of `range` met, if a TLB can hold any of it.
    pub(super) fn flush_found(&mut self, range: PageRange, found: Found) {
        let Some(reach) = found.reach() else { return };
        if found.flush_unit == 0 {
            return self.flush(range, reach);
        }
        let start = range.start().align_down(found.flush_unit);
        let end = range
            .end()
            .align_up(found.flush_unit)
            .and_then(|end| PageRange::new(start, end));
        self.flush(end.expect("groups end below TASK_SIZE"), reach);
    }

    /// Detaches what `table` holds of `range`.
    fn detach_in(&mut self, level: Level, table: Table, range: PageRange, found: &mut Found) {
        let Some(below) = level.below() else {
            return self.detach_pages(table, range, found);
        };
        let (first, last) = indices(level, range);
        self.counters.read += (last - first + 1) as u64;
        let mut base = range.start().align_down(level.size());
        for index in first..=last {
            let entry = self.live(table).get(index);
            if !entry.is_absent() {
                found.anything = true;
                let (part, whole) = part(level, range, base);
                if !entry.is_table(level) {
                    if (index == first || index == last) && entry.is_contiguous(level) {
                        self.detach_group_ends(level, table, (first, last), found);
                    }
                    self.detach_leaf(table, index, found);
                    found.cut |= !whole;
                } else if whole || self.holds_only(below, Table::of(entry), part) {
                    // The hardware does not update table entries: there is no need for an atomic.
                    self.live(table).set(index, entry.detached());
                    self.counters.written += 1;
                    found.tables = true;
                } else {
                    self.detach_in(below, Table::of(entry), part, found);
                }
            }
            base = base + level.size();
        }
    }

    /// Detaches the pages in `range`, which lies in one table.
    fn detach_pages(&mut self, table: Table, range: PageRange, found: &mut Found) {
        let (first, last) = indices(Level::Pte, range);
        self.detach_group_ends(Level::Pte, table, (first, last), found);
        let mut met = 0;
        for index in first..=last {
            if !self.live(table).get(index).is_absent() {
                self.detach_leaf(table, index, found);
                met += 1;
            }
        }
        found.anything |= met > 0;
        self.counters.read += (last - first + 1) as u64;
    }

    pub(super) fn detach_leaf(&mut self, table: Table, index: usize, found: &mut Found) {
        let entry = self.live(table).get(index);
        if entry.is_valid() {
            self.live(table).detach(index);
            self.counters.written += 1;
            found.leaves = true;
        }
    }

    /// Whether everything below `table` lies in `range`, so that the table itself can be detached. Tables that are shared
    /// with a neighbour mostly say so by their occupancy, without a look at an entry.
    fn holds_only(&mut self, level: Level, table: Table, range: PageRange) -> bool {
        let occupancy = table.occupancy(&self.machine);
        let (first, last) = indices(level, range);
        if occupancy > last - first + 1 {
            return false;
        }
        // The ends first: they alone can be shared, and decide without a look at what lies between.
        let ends_belong = self.end_belongs(level, table, range, range.start())
            && (first == last || self.end_belongs(level, table, range, range.end() - 1));
        if !ends_belong {
            return false;
        }
        let entries = self.live(table);
        let count = (first..=last)
            .filter(|index| !entries.get(*index).is_absent())
            .count();
        self.counters.read += (last - first + 1) as u64;
        count == occupancy
    }

    /// Whether what lies below the entry around `address`, at one end of `range`, lies in the range.
    fn end_belongs(&mut self, level: Level, table: Table, range: PageRange, address: VirtAddr) -> bool {
        let Some(below) = level.below() else { return true };
        let (part, whole) = part(level, range, address.align_down(level.size()));
        let entry = self.live(table).get(level.index(address));
        if whole || entry.is_absent() {
            return true;
        }
        entry.is_table(level) && self.holds_only(below, Table::of(entry), part)
    }
}
