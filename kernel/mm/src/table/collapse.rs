//! A leaf table that becomes a block.

use super::PageTables;
use super::descriptor::{Descriptor, Entry, Leaf};
use super::gone::Gone;
use super::level::{ENTRIES, Level};
use super::page::Table;
use crate::machine::{Machine, Reach};
use crate::{PageRange, VirtAddr};

impl<M: Machine> PageTables<M> {
    /// Puts a block in the place of all pages in the 2 MiB from `base` (2 MiB-aligned), if a leaf table hangs there; answers whether
    /// one does.
    ///
    /// Each place in the block, in ascending order, is handed to `fill` with the page that was mapped there, or with none; guards
    /// count as none. By then the pages are in no table and no TLB, and nobody can store to them: their contents may be copied to
    /// the block, and they may be given back. The table is set aside for the block, so this needs no memory.
    pub fn collapse(
        &mut self,
        base: VirtAddr,
        block: Leaf,
        mut fill: impl FnMut(usize, Option<Leaf>),
    ) -> bool {
        let Some(way) = self.way::<{ Level::Pte as usize }>(base) else {
            return false;
        };
        let (table, (parent, index)) = (way.table(), way.step(Level::Pmd as usize));
        self.live(parent).set(index, table.entry().detached());
        let range =
            PageRange::from_len(base, Level::Pmd.size()).expect("what is mapped lies below TASK_SIZE");
        let gone = Gone {
            level: Level::Pte,
            table,
            free: true,
        };
        self.flush(range, Reach::Walk, Some(gone));
        self.empty(table, &mut fill);
        self.give_table(table);
        self.pool.keep_for_block();
        let entry = Descriptor::leaf(Level::Pmd, block);
        self.live(parent).set(index, entry);
        self.counters.written += 2;
        self.publish();
        true
    }

    /// Takes all entries out of a detached leaf table.
    fn empty(&mut self, table: Table, fill: &mut impl FnMut(usize, Option<Leaf>)) {
        for index in 0..ENTRIES {
            let page = match self.live(table).get(index).decode(Level::Pte) {
                Entry::Leaf(leaf) => Some(leaf),
                _ => None,
            };
            fill(index, page);
        }
        let gone = table.occupancy(&self.machine);
        self.plain(table).clear(&self.machine, 0..ENTRIES);
        table.lose(&self.machine, gone);
        self.counters.read += ENTRIES as u64;
        self.counters.written += gone as u64;
    }
}
