//! What is mapped in a range, in ascending order; an absent table costs one look at its level.

use super::PageTables;
use super::descriptor::{Entry, Leaf};
use super::level::Level;
use super::page::Table;
use crate::machine::Machine;
use crate::{PAGE_SIZE, PageRange, VirtAddr};

/// The pages and blocks of a range, from [`PageTables::leaves`].
pub struct Leaves<'t, M: Machine> {
    tables: &'t PageTables<M>,
    next: VirtAddr,
    end: VirtAddr,
    /// The table of each level on the way to `next`, down to `level`.
    path: [Table; Level::ALL.len()],
    level: Level,
}

impl<M: Machine> PageTables<M> {
    /// All pages and blocks that lie wholly or partly in `range`, with the address at which each begins; blocks may begin
    /// before the range and end after it. Guards are left out.
    pub fn leaves(&self, range: PageRange) -> Leaves<'_, M> {
        let path = [self.root; Level::ALL.len()];
        Leaves {
            tables: self,
            next: range.start(),
            end: range.end(),
            path,
            level: Level::Pgd,
        }
    }
}

impl<M: Machine> PageTables<M> {
    /// The first run of guards in `range`: neighbours, as many as there are.
    pub fn first_guards(&self, range: PageRange) -> Option<PageRange> {
        let mut entries = self.leaves(range);
        let first = loop {
            if let (start, _, Entry::Guard) = entries.next_entry()? {
                break start;
            }
        };
        let mut end = first + PAGE_SIZE;
        while let Some((start, _, Entry::Guard)) = entries.next_entry()
            && start == end
        {
            end = end + PAGE_SIZE;
        }
        PageRange::new(first, end)
    }
}

impl<M: Machine> Leaves<'_, M> {
    /// The next entry that is not absent, and no table.
    fn next_entry(&mut self) -> Option<(VirtAddr, Level, Entry)> {
        while self.next < self.end {
            let level = self.level;
            let entry = self
                .tables
                .live(self.path[level as usize])
                .get(level.index(self.next));
            match (entry.decode(level), level.below()) {
                (Entry::Table(_), Some(below)) => {
                    self.path[below as usize] = Table::of(entry);
                    self.level = below;
                }
                (Entry::Absent, _) => self.advance(),
                (found, _) => {
                    let start = self.next.align_down(level.size());
                    self.advance();
                    return Some((start, level, found));
                }
            }
        }
        None
    }

    /// Goes on to the next entry of the same level, and up where the table ends there.
    fn advance(&mut self) {
        self.next = self.next.align_down(self.level.size()) + self.level.size();
        while self.level != Level::Pgd && self.level.index(self.next) == 0 {
            self.level = Level::ALL[self.level as usize - 1];
        }
    }
}

impl<M: Machine> Iterator for Leaves<'_, M> {
    type Item = (VirtAddr, Level, Leaf);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let (start, level, Entry::Leaf(leaf)) = self.next_entry()? {
                return Some((start, level, leaf));
            }
        }
    }
}
