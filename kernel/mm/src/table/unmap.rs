//! Taking everything out of a range.

use super::PageTables;
use super::descriptor::{Descriptor, Entry, Leaf};
use super::detach::Extent;
use super::few::{Few, in_one_table};
use super::level::Level;
use super::page::Table;
use crate::machine::Machine;
use crate::{PAGE_SIZE, PageRange, VirtAddr};

impl<M: Machine> PageTables<M> {
    /// Takes out everything in `range` and hands each page and block to `sink`, with its address and as the hardware left
    /// it, once no TLB remembers it and every access to it is complete: the frame may be given back at once. Tables that
    /// become empty are taken out too. Guards vanish silently.
    ///
    /// Blocks that reach out of the range are split.
    pub fn unmap(&mut self, range: PageRange, mut sink: impl FnMut(VirtAddr, Level, Leaf)) {
        if range.is_empty() {
            return;
        }
        if in_one_table(Level::Pte, range) && self.unmap_few(range, &mut sink).is_some() {
            return;
        }
        let Some((start, found)) = self.take_out(range) else {
            return;
        };
        self.drain_in(start.level, start.table, range, false, &mut sink);
        if found.cut {
            self.publish();
        }
    }

    /// Unmaps pages of one leaf table the short way; `None` if that is not to be gone, and nothing has changed.
    fn unmap_few(&mut self, range: PageRange, sink: &mut impl FnMut(VirtAddr, Level, Leaf)) -> Option<()> {
        const PTE: usize = Level::Pte as usize;
        let way = self.way::<PTE>(range.start())?;
        let table = way.table();
        let first = Level::Pte.index(range.start());
        let entries = first..first + range.pages() as usize;
        let few = self.few(&way, &entries, None)?;
        self.counters.read += PTE as u64 + range.pages();
        match few {
            Few::Part => {
                if self.detach_few(Level::Pte, table, &entries, range) > 0 {
                    self.drain_pages(table, range, sink);
                }
            }
            Few::All { keeper, .. } => {
                self.take_out_all(range, &way, keeper);
                self.give_above(&way, keeper);
                self.drain_pages(table, range, sink);
                self.give_table(table);
            }
        }
        Some(())
    }

    /// Empties what `table` holds of `range`, all of it detached; `free` says that the table itself is. Answers how many
    /// entries are left in it.
    fn drain_in(
        &mut self,
        level: Level,
        table: Table,
        range: PageRange,
        free: bool,
        sink: &mut impl FnMut(VirtAddr, Level, Leaf),
    ) -> usize {
        if level == Level::Pte {
            return self.drain_pages(table, range, sink);
        }
        let extent = Extent::new(level, range);
        self.counters.read += extent.len() as u64;
        let mut base = range.start().align_down(level.size());
        let (mut gone, occupancy) = (0, table.occupancy(&self.machine));
        for index in extent.first..=extent.last {
            if gone == occupancy {
                break;
            }
            let word = table.live(&self.machine).word(index);
            let entry = word.get();
            if !entry.is_absent() && self.drain_entry(level, entry, base, range, free, sink) {
                table.live(&self.machine).set(index, Descriptor::ABSENT);
                gone += 1;
            }
            base = base + level.size();
        }
        self.counters.written += gone as u64;
        table.lose(&self.machine, gone)
    }

    /// Takes the pages in `range` out of a leaf table; answers how many entries are left in it.
    fn drain_pages(
        &mut self,
        table: Table,
        range: PageRange,
        sink: &mut impl FnMut(VirtAddr, Level, Leaf),
    ) -> usize {
        let extent = Extent::new(Level::Pte, range);
        let occupancy = table.occupancy(&self.machine);
        let (mut left, mut address) = (occupancy, range.start());
        for word in self.live(table).words(extent.whole) {
            let entry = word.get();
            if !entry.is_absent() {
                word.set(Descriptor::ABSENT);
                left -= 1;
                if entry != Descriptor::GUARD {
                    sink(
                        address,
                        Level::Pte,
                        Leaf {
                            address: entry.address(),
                            attributes: entry.attributes(),
                        },
                    );
                }
                if left == 0 {
                    break;
                }
            }
            address = address + PAGE_SIZE;
        }
        self.counters.read += range.pages();
        self.counters.written += (occupancy - left) as u64;
        table.lose(&self.machine, occupancy - left)
    }

    /// Empties what an entry, the one at `base`, holds of `range`; answers whether nothing is left of it.
    fn drain_entry(
        &mut self,
        level: Level,
        entry: Descriptor,
        base: VirtAddr,
        range: PageRange,
        free: bool,
        sink: &mut impl FnMut(VirtAddr, Level, Leaf),
    ) -> bool {
        let Some(below) = level.below().filter(|_| entry.is_table(level)) else {
            if let Entry::Leaf(leaf) = entry.decode(level) {
                self.pool.withdraw(level.tables_for_pages());
                sink(base, level, leaf);
            }
            return true;
        };
        let free = free || !entry.is_valid();
        let child = Table::of(entry);
        let empty = self.drain_in(below, child, range.within(base, level.size()), free, sink) == 0;
        debug_assert_eq!(
            empty, free,
            "the tables that an edit empties are those that it detached"
        );
        if empty {
            self.give_table(child);
        }
        empty
    }
}
