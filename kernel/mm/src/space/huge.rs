//! Transparent huge pages: memory that one entry of a PMD maps, 2 MiB at a time.

use super::AddressSpace;
use crate::machine::Machine;
use crate::table::{Attributes, Level};
use crate::{PAGE_SHIFT, PageRange};

impl<M: Machine> AddressSpace<M> {
    /// How many pages of `range` are mapped by blocks of 2 MiB (`AnonHugePages` in `/proc/PID/smaps`, there in KiB). The huge
    /// page of zeros does not count, as on Linux.
    pub fn huge_pages(&self, range: PageRange) -> u64 {
        let blocks = self.tables.leaves(range).filter(|(_, level, leaf)| {
            *level != Level::Pte && !leaf.attributes.contains(Attributes::ZERO_PAGE)
        });
        blocks
            .filter_map(|(start, level, _)| PageRange::from_len(start, level.size())?.intersection(range))
            .map(|part| part.len() >> PAGE_SHIFT)
            .sum()
    }
}
