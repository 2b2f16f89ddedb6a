//! `MADV_FREE`: pages that may go when memory is short, and then do.
//!
//! Such a page keeps its place and its contents until it is stored to, which takes the offer back, or until somebody needs the
//! memory.

use super::AddressSpace;
use crate::fault::rights;
use crate::machine::Machine;
use crate::space::report::everything;
use crate::table::Rights;
use crate::vma::{Vma, VmaFlags};
use crate::{PageRange, VirtAddr};

impl<M: Machine> AddressSpace<M> {
    /// Lets the pages of `part` go whenever memory is short; those that have other users stay.
    pub(super) fn free_lazily(&mut self, part: PageRange) {
        self.cut_blocks(part);
        self.tables.protect(part, |attributes| attributes.lazy());
        self.may_have_lazy = true;
    }

    /// Takes back the pages that `MADV_FREE` offered, because memory is short; answers whether there were any.
    #[cold]
    pub(crate) fn reclaim(&mut self) -> bool {
        if !self.may_have_lazy {
            return false;
        }
        self.may_have_lazy = false;
        let mut found = false;
        let mut at = VirtAddr::new(0);
        while let Some(vma) = self.tree.find_or_next(at).filter(|_| at < everything().end()) {
            found |= self.reclaim_in(&vma, vma.range);
            at = vma.end();
        }
        found
    }

    /// Takes back what was offered of `part` of `vma`; answers whether there was anything.
    pub(super) fn reclaim_in(&mut self, vma: &Vma, part: PageRange) -> bool {
        if !vma.is_anonymous() {
            return false;
        }
        if vma.flags.contains(VmaFlags::LOCKED) {
            // They may go when the mapping is locked no more.
            self.may_have_lazy = true;
            return false;
        }
        let (mut rest, mut found) = (part, false);
        while let Some(page) = self.first_lazy(rest) {
            found |= self.take_lazy(vma, page);
            rest = PageRange::between(page.end().min(part.end()), part.end());
        }
        found
    }

    /// The first page or block in `range` that has been offered.
    fn first_lazy(&self, range: PageRange) -> Option<PageRange> {
        let (start, level, _) = self
            .tables
            .leaves(range)
            .find(|(_, _, leaf)| leaf.attributes.is_lazy())?;
        PageRange::from_len(start, level.size())
    }

    /// Takes a page or block, unless it is stored to in the last moment.
    fn take_lazy(&mut self, vma: &Vma, page: PageRange) -> bool {
        // Once nobody reaches it, its dirty state is final.
        let slot = self.tables.slot(page.start());
        let found = slot.set_attributes(|attributes| attributes.with_rights(Rights::empty()));
        let is_lazy = found.attributes.is_lazy();
        if is_lazy {
            self.clear_pages(page);
        } else {
            let rights = rights(vma);
            let slot = self.tables.slot(page.start());
            slot.set_attributes(|attributes| attributes.with_rights(rights));
        }
        is_lazy
    }
}
