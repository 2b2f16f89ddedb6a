//! Transparent huge pages: memory that one entry of a PMD maps, 2 MiB at a time.

use super::AddressSpace;
use crate::machine::Machine;
use crate::{PageRange, VirtAddr};

/// Whether memory may be huge (`prctl(PR_SET_THP_DISABLE)`). Only memory for which `MADV_HUGEPAGE` was asked is, in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HugePages {
    /// It may.
    #[default]
    Allowed,
    /// It may where it was asked for (`PR_THP_DISABLE_EXCEPT_ADVISED`): the same, but that the program can tell the two apart.
    OnlyAdvised,
    /// It may not, whatever was asked for.
    Off,
}

impl<M: Machine> AddressSpace<M> {
    /// Makes pages of the blocks that the ends of `range` cut: where a mapping is cut, a block is, so that none lies in two mappings.
    pub(crate) fn cut_blocks(&mut self, range: PageRange) {
        self.cut_block(range.start());
        self.cut_block(range.end());
    }

    /// Makes pages of the block that `at` lies within, if there is one.
    pub(crate) fn cut_block(&mut self, at: VirtAddr) {
        if self.tables.has_blocks() {
            self.tables.split(at);
        }
    }
}
