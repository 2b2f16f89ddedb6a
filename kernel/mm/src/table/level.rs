//! The four levels of translation: 4 KiB granule, 48-bit addresses, 512 entries a table (Arm ARM, D8.2).

use crate::{PAGE_SHIFT, PageRange, VirtAddr};

/// log2 of [`ENTRIES`].
const INDEX_BITS: u32 = 9;
/// Descriptors in a table of any level.
pub const ENTRIES: usize = 1 << INDEX_BITS;
/// Neighbouring entries, aligned by index and by output address, that the Contiguous bit makes one.
pub const CONTIGUOUS: usize = 16;

/// A level of the tables, by Linux's names; the architecture numbers them 0 to 3.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Level {
    /// Level 0, the root: 512 GiB an entry, tables only.
    Pgd = 0,
    /// Level 1: 1 GiB an entry, table or block.
    Pud = 1,
    /// Level 2: 2 MiB an entry, table or block.
    Pmd = 2,
    /// Level 3: 4 KiB an entry, pages only.
    Pte = 3,
}

impl Level {
    /// All levels, from the root down.
    pub const ALL: [Level; 4] = [Level::Pgd, Level::Pud, Level::Pmd, Level::Pte];

    /// log2 of the bytes that one entry covers.
    pub const fn shift(self) -> u32 {
        PAGE_SHIFT + INDEX_BITS * (3 - self as u32)
    }

    /// The bytes that one entry covers.
    pub const fn size(self) -> u64 {
        1 << self.shift()
    }

    /// The index of the entry for `address` in its table.
    pub const fn index(self, address: VirtAddr) -> usize {
        (address.get() >> self.shift()) as usize & (ENTRIES - 1)
    }

    /// The address where the entry of `index` begins, one of those that `range` meets in one table.
    pub(super) fn base(self, range: PageRange, index: usize) -> VirtAddr {
        let table = range.start().align_down(1 << self.table_shift());
        table + ((index as u64) << self.shift())
    }

    /// log2 of the bytes that a whole table covers.
    pub(super) const fn table_shift(self) -> u32 {
        self.shift() + INDEX_BITS
    }

    /// The level below; `None` for pages.
    #[inline]
    pub const fn below(self) -> Option<Level> {
        match self {
            Level::Pgd => Some(Level::Pud),
            Level::Pud => Some(Level::Pmd),
            Level::Pmd => Some(Level::Pte),
            Level::Pte => None,
        }
    }

    /// How many tables it takes to make pages of a block of this level.
    pub(super) const fn tables_for_pages(self) -> usize {
        match self {
            Level::Pgd | Level::Pud => 1 + ENTRIES,
            Level::Pmd => 1,
            Level::Pte => 0,
        }
    }

    /// Whether an entry may map memory itself: a block or a page.
    pub const fn has_leaves(self) -> bool {
        !matches!(self, Level::Pgd)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_the_granule() {
        assert_eq!(Level::ALL.map(Level::size), [1 << 39, 1 << 30, 1 << 21, 1 << 12]);
        let address = VirtAddr::new(5 << 39 | 6 << 30 | 7 << 21 | 8 << 12 | 9);
        assert_eq!(Level::ALL.map(|level| level.index(address)), [5, 6, 7, 8]);
    }
}
