//! Taking everything out of a range.

use super::PageTables;
use super::descriptor::{Descriptor, Entry, Leaf};
use super::detach::{indices, part};
use super::level::{ENTRIES, Level};
use super::page::Table;
use crate::machine::Machine;
use crate::{PageRange, VirtAddr};

impl<M: Machine> PageTables<M> {
    /// Takes out everything in `range` and hands each page and block to `sink`, with its address and as the hardware left
    /// it, once no TLB remembers it and every access to it is complete: the frame may be given back at once. Tables that
    /// become empty are taken out too. Guards vanish silently.
    ///
    /// Blocks that reach out of the range are split; the tables for that come from [`Self::reserve_edges`] beforehand.
    pub fn unmap(&mut self, range: PageRange, mut sink: impl FnMut(VirtAddr, Level, Leaf)) {
        if range.is_empty() {
            return;
        }
        let found = self.take_out(range);
        if !found.anything {
            return;
        }
        self.drain_in(Level::Pgd, self.root, range, false, &mut sink);
        if found.cut {
            self.publish();
        }
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
        let (first, last) = indices(level, range);
        let mut base = range.start().align_down(level.size());
        let (mut gone, occupancy) = (0, table.occupancy(&self.machine));
        for index in first..=last {
            if gone == occupancy {
                break;
            }
            let entry = self.live(table).get(index);
            let leaves = match (entry.decode(level), level.below()) {
                (Entry::Absent, _) => false,
                (Entry::Table(_), Some(below)) => {
                    let (part, _) = part(level, range, base);
                    let child = Table::of(entry);
                    let free = free || !entry.is_valid();
                    let empty = self.drain_in(below, child, part, free, sink) == 0;
                    if empty {
                        self.give_table(child);
                    }
                    debug_assert_eq!(
                        empty, free,
                        "the tables that an edit empties are those that it detached"
                    );
                    empty
                }
                (Entry::Leaf(leaf), _) => {
                    sink(base, level, leaf);
                    true
                }
                _ => true,
            };
            if leaves {
                self.live(table).set(index, Descriptor::ABSENT);
                gone += 1;
            }
            base = base + level.size();
        }
        self.counters.read += (last - first + 1).min(ENTRIES) as u64;
        self.counters.written += gone as u64;
        table.lose(&self.machine, gone)
    }
}
