//! Leaf tables with next to nothing in them: what is there is looked for, and the rest not copied.

use super::Relocation;
use crate::machine::Machine;
use crate::table::descriptor::Descriptor;
use crate::table::level::Level;
use crate::table::page::Table;
use crate::{PAGE_SIZE, VirtAddr};
use core::ops::Range;

/// Up to so many entries move one by one. Each costs less than a hundred instructions, and shifting a whole table six hundred.
pub(super) const FEW: usize = 4;

impl<M: Machine> Relocation<'_, M> {
    /// What `shift_table` does, for a table with at most [`FEW`] entries, all of them in `pages`. Those from `cut` on go to the
    /// target's next table. The table's first entry is for `base`.
    pub(super) fn shift_sparse(&mut self, table: Table, pages: Range<usize>, cut: usize, base: VirtAddr) {
        self.settle();
        let total = table.occupancy(&self.tables.machine);
        let (found, read) = self.tables.plain(table).find::<FEW>(pages, total);
        self.tables.counters.read += read as u64;
        let found = &found[..total];
        let low = found.iter().take_while(|index| **index < cut).count();
        for index in &found[low..] {
            self.move_single(table, *index, base);
        }
        if low == 0 || !self.spread_in_place(table, &found[..low], base) {
            for index in &found[..low] {
                self.move_single(table, *index, base);
            }
            self.tables.give_table(table);
        }
    }

    /// Moves one entry to another table.
    fn move_single(&mut self, table: Table, index: usize, base: VirtAddr) {
        let destination = self.destination(base + index as u64 * PAGE_SIZE);
        self.copy_run(table, index..index + 1, 1, destination);
        self.tables.live(table).set(index, Descriptor::ABSENT);
        table.lose(&self.tables.machine, 1);
    }

    /// Makes a detached table the target's table for the entries of `indices`, in ascending order, which are all that it still
    /// holds. False if the target has a table there already.
    fn spread_in_place(&mut self, table: Table, indices: &[usize], base: VirtAddr) -> bool {
        let destination = self.destination(base);
        let (parent, live) = self.target_table(Level::Pmd, destination);
        let at = Level::Pmd.index(destination);
        if !self.tables.live(parent).get(at).is_absent() {
            return false;
        }
        let distance = self.distance();
        let entries = self.tables.live(table);
        for index in indices.iter().rev() {
            let entry = entries.get(*index);
            entries.set(*index, Descriptor::ABSENT);
            entries.set(index + distance, entry);
        }
        self.attach(Level::Pmd, parent, at, table, live);
        true
    }
}
