//! Guard markers: entries of the tables that make every access to their page fail, without a mapping of their own.

use super::AddressSpace;
use crate::machine::Machine;
use crate::vma::{Vma, VmaFlags};
use crate::{Errno, PageRange};

impl<M: Machine> AddressSpace<M> {
    /// `MADV_GUARD_INSTALL`: whatever pages `part` of `vma` has go, and markers come in their place.
    ///
    /// # Errors
    /// `ENOMEM` where there is no memory for the tables that hold the markers; nothing has changed.
    pub(super) fn install_guards(&mut self, vma: &Vma, part: PageRange) -> Result<(), Errno> {
        self.tables.reserve_guards(part).map_err(|_| Errno::ENOMEM)?;
        // It stays even when the last marker goes: nobody counts them.
        self.tree
            .update(vma.start(), |vma| vma.flags |= VmaFlags::MAYBE_GUARD);
        if vma.is_anonymous() {
            let vma = self.tree.find(vma.start()).ok_or(Errno::ENOMEM)?;
            self.give_identity(&vma);
        }
        self.clear_pages(part);
        self.tables.guard(part);
        Ok(())
    }

    /// `MADV_GUARD_REMOVE`: takes out the markers of `part`, and nothing else.
    pub(super) fn remove_guards(&mut self, part: PageRange) {
        let mut rest = part;
        while let Some(guards) = self.tables.first_guards(rest) {
            self.clear_pages(guards);
            rest = PageRange::between(guards.end(), part.end());
        }
    }
}
