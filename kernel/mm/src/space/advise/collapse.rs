//! `MADV_COLLAPSE`: makes blocks of 2 MiB out of pages, at once.

use super::AddressSpace;
use crate::machine::Machine;
use crate::table::Level;
use crate::vma::{Vma, VmaFlags};
use crate::{Errno, PageRange};

/// The size of a block.
const HUGE: u64 = Level::Pmd.size();

impl<M: Machine> AddressSpace<M> {
    /// # Errors
    /// `EINVAL` where the mapping can have no blocks; else those of [`Self::collapse_blocks`].
    pub(super) fn collapse(&mut self, vma: &Vma, part: PageRange) -> Result<(), Errno> {
        if !may_have_blocks(vma) {
            return Err(Errno::EINVAL);
        }
        let start = (part.start() + (HUGE - 1)).align_down(HUGE);
        let blocks = PageRange::new(start, part.end().align_down(HUGE));
        match blocks.filter(|blocks| !blocks.is_empty()) {
            Some(blocks) => self.collapse_blocks(vma, blocks),
            None => Ok(()),
        }
    }

    /// Makes each aligned 2 MiB of `blocks`, which lies in `vma`, one block where its pages are not one already.
    ///
    /// # Errors
    /// `EINVAL`: there are no blocks yet, as on a kernel without transparent huge pages.
    fn collapse_blocks(&mut self, vma: &Vma, blocks: PageRange) -> Result<(), Errno> {
        let _ = (vma, blocks);
        Err(Errno::EINVAL)
    }
}

/// Linux's `thp_vma_allowable_orders` for an explicit collapse of anonymous memory: it has, or had, pages of its own, nothing
/// special lies in it, and the block that ends where it ends, or before, lies in it.
fn may_have_blocks(vma: &Vma) -> bool {
    let last = vma.end().align_down(HUGE).get().checked_sub(HUGE);
    vma.is_anonymous()
        && vma.anon.is_some()
        && !vma.flags.intersects(VmaFlags::SPECIAL | VmaFlags::NOHUGEPAGE)
        && last.is_some_and(|last| last >= vma.start().get())
}
