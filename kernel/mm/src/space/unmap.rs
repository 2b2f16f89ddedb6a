//! Taking mappings away: `munmap`, and whatever makes room.

use super::AddressSpace;
use crate::machine::Machine;
use crate::remap::untagged;
use crate::vma::{Spare, Vma, VmaFlags};
use crate::{Errno, PAGE_SIZE, PageRange, TASK_SIZE, VirtAddr};

impl<M: Machine> AddressSpace<M> {
    pub(super) fn unmap_request(&mut self, addr: u64, len: u64) -> Result<(), Errno> {
        let addr = untagged(addr);
        if !addr.is_multiple_of(PAGE_SIZE) || addr > TASK_SIZE || len > TASK_SIZE - addr {
            return Err(Errno::EINVAL);
        }
        let len = super::round_up_to_page(len);
        let range = PageRange::from_len(VirtAddr::new(addr), len).filter(|range| !range.is_empty());
        self.unmap_range(range.ok_or(Errno::EINVAL)?)
    }

    /// Plan, reserve and commit of an unmapping.
    pub(super) fn unmap_range(&mut self, range: PageRange) -> Result<(), Errno> {
        // Mostly it is one mapping, whole: then there is nothing to cut, and nothing to ask but whether it is sealed.
        let may_go = |vma: &Vma| !vma.flags.contains(VmaFlags::SEALED);
        if let Some(vma) = self.tree.unmap_whole(range, may_go) {
            self.objects.unmapped(&vma, range.pages());
            self.clear_pages(range);
            return Ok(());
        }
        let check = self.view().check_unmap(range);
        // A hole in the middle of a mapping makes two of one.
        self.tree.reserve(1)?;
        check.map_err(|refusal| self.refuse(refusal))?;
        self.unmap_pages(range, Some(Spare::mappings(0)));
        Ok(())
    }

    /// Unmaps whatever is in `range`. Room for one more mapping is reserved. A caller that names all else that it has reserved, its
    /// `spare`, lets many go as one.
    pub(crate) fn unmap_pages(&mut self, range: PageRange, spare: Option<Spare>) {
        if self.unmap_mappings(range, spare) {
            self.clear_pages(range);
        }
    }

    /// As [`Self::unmap_pages`], but the pages stay in the tables, for the caller to take out in the same call. Answers whether
    /// anything was mapped.
    pub(crate) fn unmap_mappings(&mut self, range: PageRange, spare: Option<Spare>) -> bool {
        let Self { tree, objects, .. } = self;
        let mut found = false;
        let removed = |part: Vma| {
            objects.unmapped(&part, part.range.pages());
            found = true;
        };
        match spare {
            Some(spare) => tree.unmap_many(range, spare, removed),
            None => tree.unmap(range, removed),
        }
        found
    }
}
