//! Pages whose place in their leaf table changes: source and target differ modulo 2 MiB.
//!
//! With the difference `d` in pages, a leaf table's entries below `512 - d` go to one 2 MiB region of the target, from index
//! `d` on, and the others to the beginning of the next. A table that nobody shares is shifted upwards in place and becomes
//! the table of the first; its upper end has gone to the next region before, into the table that was shifted just then.
//! The lower end of a shifted table is *stale* until the next lower neighbour fills it, or is found to be absent.

use super::{Relocation, sparse};
use crate::machine::Machine;
use crate::table::attributes::Attributes;
use crate::table::descriptor::{Descriptor, Leaf};
use crate::table::level::{ENTRIES, Level};
use crate::table::page::Table;
use crate::{PAGE_SIZE, PageRange, VirtAddr};
use core::ops::Range;

/// A shifted leaf table whose first `count` entries are still what they were before the shift.
pub(super) struct Stale {
    table: Table,
    /// Where in the target the table lies.
    region: VirtAddr,
    count: usize,
}

impl<M: Machine> Relocation<'_, M> {
    /// How many entries later in its leaf table a page comes to lie, modulo the table.
    pub(super) fn distance(&self) -> usize {
        Level::Pte.index(self.destination(VirtAddr::new(0)))
    }

    /// Moves all pages of a detached leaf table, which are those that it holds of `range`, and uses the table again or does
    /// away with it.
    pub(super) fn shift_table(&mut self, table: Table, range: PageRange) {
        let start = Level::Pte.index(range.start());
        let pages = start..start + range.pages() as usize;
        let cut = (ENTRIES - self.distance()).clamp(pages.start, pages.end);
        let (low, high) = (pages.start..cut, cut..pages.end);
        let total = table.occupancy(&self.tables.machine);
        self.tables.counters.written += total as u64;
        self.tables.counters.moved(Level::Pte, total);
        if table.may_be_contiguous(&self.tables.machine) && !self.keeps_groups(Level::Pte) {
            self.tables.unfold_all(Level::Pte, table, pages.clone());
        }
        if total <= sparse::FEW && pages.len() > ENTRIES / 4 {
            return self.shift_sparse(table, pages, cut, range.start().align_down(Level::Pmd.size()));
        }
        self.tables.counters.read += pages.len() as u64;

        // A table that holds all that it can need not be counted.
        let full = total == pages.len();
        let above = if full {
            high.len()
        } else {
            self.tables.plain(table).count(high.clone())
        };
        let middle = self.destination(range.start() + low.len() as u64 * PAGE_SIZE);
        self.move_high(table, high, above, middle);
        self.settle();
        if above == total || !self.shift_in_place(table, &pages, low.clone(), total - above, range.start()) {
            self.copy_run(table, low, total - above, self.destination(range.start()));
            self.tables.plain(table).clear(&self.tables.machine, pages);
            self.tables.give_table(table);
        }
    }

    /// Moves the upper end of a detached table, of which `count` entries are not absent, to `destination`.
    fn move_high(&mut self, table: Table, pages: Range<usize>, count: usize, destination: VirtAddr) {
        let region = destination.align_down(Level::Pmd.size());
        let Some(stale) = self.stale.take_if(|stale| count > 0 && stale.region == region) else {
            self.settle();
            return self.copy_run(table, pages, count, destination);
        };
        let index = Level::Pte.index(destination);
        debug_assert_eq!(index + pages.len(), stale.count);
        let (from, to) = (self.tables.plain(table), self.tables.plain(stale.table));
        if index > 0 {
            to.clear(&self.tables.machine, 0..index);
        }
        from.move_to(&self.tables.machine, pages, to, index);
        stale.table.gain_from(&self.tables.machine, table, count);
    }

    /// Makes a detached table the target's table for its lower end, `low`, of which `count` entries are not absent and which
    /// is all that is left to move; `pages` is what it held, the first of them at `start`. False if the target has a table
    /// there already.
    fn shift_in_place(
        &mut self,
        table: Table,
        pages: &Range<usize>,
        low: Range<usize>,
        count: usize,
        start: VirtAddr,
    ) -> bool {
        let destination = self.destination(start);
        let (parent, live) = self.target_table(Level::Pmd, destination);
        let index = Level::Pmd.index(destination);
        if !self.tables.live(parent).get(index).is_absent() {
            return false;
        }
        let distance = self.distance();
        let entries = self.tables.plain(table);
        let at = low.start + distance;
        entries.move_to(&self.tables.machine, low, entries, at);
        if pages.start == 0 {
            let region = destination.align_down(Level::Pmd.size());
            self.stale = Some(Stale {
                table,
                region,
                count: distance,
            });
        } else {
            entries.clear(&self.tables.machine, pages.start..at.min(pages.end));
        }
        let gone = table.occupancy(&self.tables.machine) - count;
        table.lose(&self.tables.machine, gone);
        self.attach(Level::Pmd, parent, index, table, live);
        true
    }

    /// Copies entries of a detached table, of which `count` are not absent, to the leaf table for `destination`.
    pub(super) fn copy_run(&mut self, from: Table, run: Range<usize>, count: usize, destination: VirtAddr) {
        if count == 0 {
            return;
        }
        let (to, live) = self.target_table(Level::Pte, destination);
        let index = Level::Pte.index(destination);
        let machine = &self.tables.machine;
        debug_assert!(
            to.plain(machine).is_empty(index..index + run.len()),
            "the target is in use"
        );
        if live {
            let (source, target) = (from.live(machine), to.live(machine));
            for (step, at) in run.enumerate() {
                target.set(index + step, source.get(at));
            }
        } else {
            from.plain(machine)
                .move_to(machine, run, to.plain(machine), index);
        }
        to.gain_from(machine, from, count);
    }

    /// Moves a block, detached, that cannot be a block at the target.
    pub(super) fn move_block(&mut self, level: Level, block: Descriptor, base: VirtAddr) {
        self.settle();
        let Some(below) = level.below().filter(|below| *below != Level::Pte) else {
            return self.scatter(block, base);
        };
        let pieces = self.tables.expand(level, block);
        let range = PageRange::from_len(base, level.size()).expect("a mapped block");
        self.move_in(below, pieces, range, true);
        self.tables.give_table(pieces);
    }

    /// Makes the 512 pages of a PMD block where they belong.
    fn scatter(&mut self, block: Descriptor, base: VirtAddr) {
        self.tables.pool.redeem();
        let cut = ENTRIES - self.distance();
        let leaf = Leaf {
            address: block.address(),
            attributes: block.attributes() - Attributes::CONTIGUOUS,
        };
        let first = Descriptor::leaf(Level::Pte, leaf);
        let offset = cut as u64 * PAGE_SIZE;
        self.fill_run(
            Descriptor::from_raw(first.raw() + offset),
            ENTRIES - cut,
            base + offset,
        );
        self.fill_run(first, cut, base);
        self.tables.counters.written += ENTRIES as u64;
        self.tables.counters.moved(Level::Pte, ENTRIES);
    }

    /// Writes entries for `count` neighbouring pages, the first of which is `first` and was at `source`.
    #[inline(always)]
    fn fill_run(&mut self, first: Descriptor, count: usize, source: VirtAddr) {
        let destination = self.destination(source);
        let (to, live) = self.target_leaf_table(destination);
        let index = Level::Pte.index(destination);
        let machine = &self.tables.machine;
        if live {
            for step in 0..count {
                let entry = Descriptor::from_raw(first.raw() + step as u64 * PAGE_SIZE);
                to.live(machine).set(index + step, entry);
            }
        } else {
            to.plain(machine).fill::<PAGE_SIZE>(index..index + count, first);
        }
        to.gain(machine, count);
    }

    /// The target's leaf table for `address`: two blocks that are neighbours meet in one.
    fn target_leaf_table(&mut self, address: VirtAddr) -> (Table, bool) {
        let region = address.get() >> Level::Pmd.shift();
        match self.recent_leaf {
            Some((recent, table, live)) if recent == region => (table, live),
            _ => {
                let (table, live) = self.target_table(Level::Pte, address);
                self.recent_leaf = Some((region, table, live));
                (table, live)
            }
        }
    }

    /// Ends the wait of a shifted table for its lower neighbour: nothing comes from there.
    pub(super) fn settle(&mut self) {
        if let Some(stale) = self.stale.take() {
            self.tables
                .plain(stale.table)
                .clear(&self.tables.machine, 0..stale.count);
        }
    }
}
