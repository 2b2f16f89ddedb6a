//! How many tables a relocation can need: the only step of it that can fail.

use super::agreement;
use crate::machine::Machine;
use crate::table::PageTables;
use crate::table::detach::{indices, part};
use crate::table::level::{ENTRIES, Level};
use crate::table::page::Table;
use crate::table::pool::OutOfMemory;
use crate::{PageRange, VirtAddr};

/// What is present in the source, counted down to the level that decides.
#[derive(Default)]
struct Census {
    /// Entries of the root, and of PUD tables.
    roots: usize,
    gibs: usize,
    /// 1 GiB blocks, which need a table for their pieces.
    blocks: usize,
    /// Leaf tables that the target may need beyond those that are shifted in place.
    leaf_tables: usize,
    /// Whether the last PMD entry was present: a run of leaf tables goes on.
    running: bool,
}

impl<M: Machine> PageTables<M> {
    /// Takes the tables that [`Self::relocate`] of `source` to `target` needs at most, so that it cannot fail. It counts on
    /// no table that is at the target now, so that the target may be unmapped in between. Several relocations of one call
    /// may be reserved one after the other, before the first of them is made.
    ///
    /// # Errors
    /// Where there is no memory for them; nothing has changed.
    pub fn reserve_relocation(&mut self, source: PageRange, target: VirtAddr) -> Result<(), OutOfMemory> {
        let tables = self.relocation_tables(source, target);
        self.pool.reserve(&self.machine, tables)
    }

    fn relocation_tables(&mut self, source: PageRange, target: VirtAddr) -> usize {
        let cuts = self.cut_tables(source.start()) + self.cut_tables(source.end());
        if source.pages() <= ENTRIES as u64 {
            // At most two entries of each level at the target, and one leaf table more if two of them meet a third.
            return cuts + 2 + 2 + 3;
        }
        let agree = agreement(source, target);
        let mut census = Census::default();
        if agree > Level::Pgd {
            self.count_in(Level::Pgd, self.root, source, agree, &mut census);
        }
        // An entry of the source meets at most two of the target; where the levels agree only the ends need tables.
        let puds = if agree <= Level::Pgd { 2 } else { 2 * census.roots };
        let pmds = if agree <= Level::Pud { 2 } else { 2 * census.gibs };
        let ptes = if agree <= Level::Pmd {
            2
        } else {
            census.leaf_tables
        };
        cuts + census.blocks + puds + pmds + ptes
    }

    /// Counts what `table` holds of `range`, down to the level above that of agreement.
    fn count_in(&mut self, level: Level, table: Table, range: PageRange, agree: Level, census: &mut Census) {
        let (first, last) = indices(level, range);
        let mut base = range.start().align_down(level.size());
        self.counters.read += (last - first + 1) as u64;
        for index in first..=last {
            let entry = self.live(table).get(index);
            let (part, whole) = part(level, range, base);
            base = base + level.size();
            if entry.is_absent() {
                census.running = false;
                continue;
            }
            match level {
                Level::Pgd => census.roots += 1,
                Level::Pud => census.gibs += 1,
                Level::Pmd | Level::Pte => {
                    // A run of tables that are shifted needs one more than it has; whatever cannot be shifted, one each.
                    let shifted = whole && entry.is_table(level);
                    census.leaf_tables += !census.running as usize + !shifted as usize;
                    census.running = true;
                    continue;
                }
            }
            match level.below() {
                Some(below) if entry.is_table(level) && below < agree => {
                    self.count_in(below, Table::of(entry), part, agree, census);
                }
                _ if !entry.is_table(level) && agree > level => {
                    // A 1 GiB block in pieces, of which each may have to be a leaf table.
                    census.blocks += 1;
                    census.leaf_tables += 1 + ENTRIES;
                    census.running = true;
                }
                _ => {}
            }
        }
    }
}
