//! How many tables a relocation can need: the only step of it that can fail.

use super::agreement;
use crate::machine::Machine;
use crate::table::PageTables;
use crate::table::detach::Extent;
use crate::table::level::{ENTRIES, Level};
use crate::table::page::{Live, Table, Word};
use crate::table::pool::{KEEP, OutOfMemory};
use crate::{PageRange, VirtAddr};

/// What is present in the source, counted down to the level that decides.
#[derive(Default)]
struct Census {
    /// Entries of the root, and of PUD tables.
    roots: usize,
    gibs: usize,
    /// Leaf tables that the target may need beyond those that are shifted in place, and those that blocks have set aside.
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
        if source.pages() <= ENTRIES as u64 {
            // At most two entries of each level at the target, and one leaf table more if two of them meet a third.
            return 2 + 2 + 3;
        }
        let agree = agreement(source, target);
        // An entry of the source meets at most two of the target; where the levels agree only the ends need tables.
        let (puds, pmds) = (2 * met(Level::Pgd, source), 2 * met(Level::Pud, source));
        let bound = match agree {
            Level::Pgd => 2 + 2 + 2,
            Level::Pud => puds + 2 + 2,
            Level::Pmd => puds + pmds + 2,
            Level::Pte => usize::MAX,
        };
        if bound <= KEEP {
            // No more than an address space keeps at hand anyway: not worth a look.
            return bound;
        }
        let mut census = Census::default();
        if agree > Level::Pgd {
            self.count_in(Level::Pgd, self.root, source, agree, &mut census);
        }
        let puds = if agree <= Level::Pgd { 2 } else { 2 * census.roots };
        let pmds = if agree <= Level::Pud { 2 } else { 2 * census.gibs };
        let ptes = if agree <= Level::Pmd {
            2
        } else {
            census.leaf_tables
        };
        puds + pmds + ptes
    }

    /// Counts what `table` holds of `range`, down to the level above that of agreement.
    fn count_in(&mut self, level: Level, table: Table, range: PageRange, agree: Level, census: &mut Census) {
        let extent = Extent::new(level, range);
        self.counters.read += extent.len() as u64;
        if level == Level::Pmd {
            return census.count_leaf_tables(self.live(table), &extent);
        }
        for index in extent.first..=extent.last {
            let entry = self.live(table).get(index);
            if entry.is_absent() {
                census.running = false;
                continue;
            }
            *(if level == Level::Pgd {
                &mut census.roots
            } else {
                &mut census.gibs
            }) += 1;
            match level.below() {
                Some(below) if entry.is_table(level) => {
                    if below < agree {
                        let part = range.within(level.base(range, index), level.size());
                        self.count_in(below, Table::of(entry), part, agree, census);
                    }
                }
                _ => {
                    // A 1 GiB block, which has set aside a table for its pieces and a leaf table for each of them.
                    census.leaf_tables += 1;
                    census.running = true;
                }
            }
        }
    }
}

/// How many entries of a level a range meets, present or not.
fn met(level: Level, range: PageRange) -> usize {
    (((range.end() - 1).get() >> level.shift()) - (range.start().get() >> level.shift())) as usize + 1
}

impl Census {
    /// Counts the entries of a PMD table. A run of tables that are shifted needs one more than it has; whatever cannot be
    /// shifted, one each.
    fn count_leaf_tables(&mut self, entries: Live<'_>, extent: &Extent) {
        self.leaf_tables += extent.head().len() + extent.tail().len();
        let mut running = self.running;
        for entry in entries.words(extent.first..extent.last + 1).iter().map(Word::get) {
            let present = !entry.is_absent();
            self.leaf_tables += (present && !running) as usize;
            running = present;
        }
        self.running = running;
    }
}
