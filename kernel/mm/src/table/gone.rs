//! What an edit took out or changed, page by page: for machines whose TLBIs name one page each.
//!
//! There a flush names what a TLB can hold, and nothing else, however long the range is: most of a range may never have been touched.

use super::PageTables;
use super::detach::Extent;
use super::level::Level;
use super::page::Table;
use crate::machine::Machine;
use crate::{PageRange, VirtAddr};

/// How many TLBIs by address are worth more than the refills after one that empties the whole address space.
pub(super) const MAX_PAGES: usize = 64;
/// How many entries are looked at for them: a leaf table, and the way to it.
const MAX_LOOKS: usize = 640;

/// A table in which, or below which, entries were detached or changed, or that was taken out itself.
#[derive(Clone, Copy)]
pub(super) struct Gone {
    pub(super) level: Level,
    pub(super) table: Table,
    /// Whether no walker reaches the table any more.
    pub(super) free: bool,
}

/// The pages that a flush names.
pub(super) struct PageList {
    pages: [VirtAddr; MAX_PAGES],
    count: usize,
    looks: usize,
}

impl PageList {
    const fn new() -> Self {
        Self {
            pages: [VirtAddr::new(0); MAX_PAGES],
            count: 0,
            looks: MAX_LOOKS,
        }
    }

    pub(super) fn pages(&self) -> &[VirtAddr] {
        &self.pages[..self.count]
    }

    /// Adds a page, of those of a block any; `None` if there are too many.
    fn add(&mut self, page: VirtAddr) -> Option<()> {
        *self.pages.get_mut(self.count)? = page;
        self.count += 1;
        Some(())
    }
}

impl<M: Machine> PageTables<M> {
    /// Whether a leaf table that was taken out held every page of `range`, and nothing else: then there is nothing to look for.
    pub(super) fn was_full(&self, gone: Gone, range: PageRange) -> bool {
        let is_leaf_table = gone.free && gone.level == Level::Pte;
        is_leaf_table && gone.table.occupancy(&self.machine) as u64 == range.pages()
    }

    /// What a TLB may hold of `range` after an edit took it out; `None` if that is too much, or not worth a search.
    pub(super) fn list_gone(&mut self, gone: Gone, range: PageRange) -> Option<PageList> {
        let mut list = PageList::new();
        self.list_gone_in(gone, range, &mut list)?;
        self.counters.read += (MAX_LOOKS - list.looks) as u64;
        (list.count > 0).then_some(list)
    }

    fn list_gone_in(&self, gone: Gone, range: PageRange, list: &mut PageList) -> Option<()> {
        let Gone { level, table, free } = gone;
        let extent = Extent::new(level, range);
        list.looks = list.looks.checked_sub(extent.len())?;
        let before = list.count;
        for index in extent.first..=extent.last {
            let entry = self.live(table).get(index);
            let part = range.within(level.base(range, index), level.size());
            match level.below() {
                _ if entry.is_absent() => {}
                Some(below) if entry.is_table(level) => {
                    let below = Gone {
                        level: below,
                        table: Table::of(entry),
                        free: free || !entry.is_valid(),
                    };
                    self.list_gone_in(below, part, list)?;
                }
                // What was accessed by one of a group is remembered of all.
                _ if entry.is_contiguous(level) => return None,
                _ if entry.attached().is_cached() => list.add(part.start())?,
                _ => {}
            }
        }
        // The way to a table is remembered even where nothing below was accessed.
        if free && list.count == before {
            list.add(range.start())?;
        }
        Some(())
    }
}
