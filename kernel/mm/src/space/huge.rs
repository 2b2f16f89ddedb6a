//! Transparent huge pages: memory that one entry of a PMD maps, 2 MiB at a time.

use super::AddressSpace;
use crate::machine::Machine;
use crate::vma::{Backing, Vma, VmaFlags};
use crate::{PageRange, VirtAddr};

/// Which memory may be huge, for all programs (`/sys/kernel/mm/transparent_hugepage/enabled`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HugePageMode {
    /// All that `MADV_NOHUGEPAGE` does not forbid.
    Always,
    /// That for which `MADV_HUGEPAGE` was asked.
    #[default]
    Madvise,
    /// None, but that `MADV_COLLAPSE` makes what it is told to.
    Never,
}

/// Whether a program's memory may be huge (`prctl(PR_SET_THP_DISABLE)`), where [`HugePageMode`] allows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HugePages {
    /// It may.
    #[default]
    Allowed,
    /// It may where it was asked for (`PR_THP_DISABLE_EXCEPT_ADVISED`).
    OnlyAdvised,
    /// It may not, whatever was asked for.
    Off,
}

/// Both together.
#[derive(Clone, Copy)]
pub(crate) struct BlockPolicy {
    mode: HugePageMode,
    program: HugePages,
}

impl BlockPolicy {
    /// Whether a fault in `vma` may bring in a block.
    pub(crate) fn allows(self, vma: &Vma) -> bool {
        let allowed = match (self.mode, self.program) {
            (HugePageMode::Never, _) | (_, HugePages::Off) => false,
            (HugePageMode::Always, HugePages::Allowed) => true,
            _ => vma.flags.contains(VmaFlags::HUGEPAGE),
        };
        allowed && vma.backing == Backing::Anonymous && !vma.flags.contains(VmaFlags::NOHUGEPAGE)
    }
}

impl<M: Machine> AddressSpace<M> {
    /// What decides where blocks come in.
    #[inline]
    pub(crate) fn block_policy(&self) -> BlockPolicy {
        BlockPolicy {
            mode: self.limits().huge_pages,
            program: self.huge_pages,
        }
    }

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
