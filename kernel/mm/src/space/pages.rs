//! Edits of the page tables that follow from edits of the mappings.

use super::AddressSpace;
use crate::machine::Machine;
use crate::object::Object;
use crate::table::Rights;
use crate::vma::{Prot, Vma, VmaFlags};
use crate::{Errno, PAGE_SHIFT, PAGE_SIZE, PageRange, VirtAddr};

impl<M: Machine> AddressSpace<M> {
    /// Takes every page of `range` out of the tables, and gives up the references.
    pub(crate) fn clear_pages(&mut self, range: PageRange) {
        self.tables.release(range);
    }

    /// Takes every page of `range`, which lies in `vma`, out of the tables; its guards stay.
    pub(super) fn drop_pages(&mut self, vma: &Vma, range: PageRange) {
        if !vma.flags.contains(VmaFlags::MAYBE_GUARD) {
            return self.clear_pages(range);
        }
        let mut rest = range;
        while let Some(guards) = self.tables.first_guards(rest) {
            self.clear_pages(PageRange::between(rest.start(), guards.start()));
            rest = PageRange::between(guards.end(), range.end());
        }
        self.clear_pages(rest);
    }

    /// Lets the pages of `range`, which lies in one mapping and cuts no block, allow what its new protection says.
    pub(super) fn protect_pages(&mut self, range: PageRange, prot: Prot) {
        let rights = Rights::from_bits_truncate(prot.bits());
        if prot.contains(Prot::EXEC) {
            for (_, level, leaf) in self.tables.leaves(range) {
                for offset in (0..level.size()).step_by(PAGE_SIZE as usize) {
                    self.machine.sync_code(leaf.address + offset);
                }
            }
        }
        self.tables
            .protect(range, |attributes| attributes.with_rights(rights));
    }

    pub(crate) fn reserve_pages_to_move(&mut self, source: PageRange, target: VirtAddr) -> Result<(), Errno> {
        self.tables
            .reserve_relocation(source, target)
            .map_err(|_| Errno::ENOMEM)
    }

    /// Moves the pages of `source`, which is not empty, to `target`, where nothing is mapped, below the end of the address space.
    ///
    /// # Errors
    /// `ENOMEM`; nothing has changed.
    #[inline(always)]
    pub(crate) fn try_to_move_pages(&mut self, source: PageRange, target: VirtAddr) -> Result<(), Errno> {
        let target = PageRange::between(target, target + source.len());
        self.tables
            .try_relocate(source, target)
            .map_err(|_| Errno::ENOMEM)
    }

    /// Moves the pages of `source` to `target`, where nothing is mapped; the tables for that were reserved.
    pub(crate) fn move_pages(&mut self, source: PageRange, target: VirtAddr) {
        self.tables.relocate(source, target);
    }

    /// Moves the pages of `source` to the start of `target`, and gives up whatever pages are there; the tables for that were reserved.
    pub(crate) fn replace_pages(&mut self, source: PageRange, target: PageRange) {
        self.tables.replace(source, target);
    }

    /// Takes out the pages of `object` that lie past its end, private copies included, as Linux does at a truncation.
    pub(super) fn cut_object(&mut self, object: &Object<M>) {
        let Some(id) = self.objects.find(object) else {
            return;
        };
        let pages = object.pages();
        let mut at = VirtAddr::new(0);
        while let Some(vma) = self.tree.find_or_next(at) {
            at = vma.end();
            if vma.backing.object() == Some(id) {
                let kept = pages
                    .saturating_sub(super::object_page(&vma, vma.start()))
                    .min(vma.range.pages());
                if let Some(lost) = PageRange::new(vma.start() + (kept << PAGE_SHIFT), vma.end()) {
                    self.drop_pages(&vma, lost);
                }
            }
        }
    }
}
