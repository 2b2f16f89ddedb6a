//! Guard markers: entries of the tables that make every access to their page fail, without a mapping of their own.

use super::{AddressSpace, Advice};
use crate::machine::Machine;
use crate::table::Level;
use crate::vma::{Vma, VmaFlags};
use crate::{Errno, PageRange};

impl<M: Machine> AddressSpace<M> {
    /// Takes the tables for the markers of a whole call, up to the first mapping that cannot have any.
    ///
    /// # Errors
    /// `ENOMEM` where there is no memory for them; nothing has changed.
    pub(super) fn reserve_guards(&mut self, range: PageRange) -> Result<(), Errno> {
        let table = Level::Pmd.size();
        let guarded = |vma: &Vma| Advice::Guard.check(vma).is_ok();
        let parts = self.tree.iter(range).take_while(guarded);
        let (mut tables, mut run) = (0, PageRange::between(range.start(), range.start()));
        for part in parts.filter_map(|vma| vma.range.intersection(range)) {
            // A table is counted once, however many mappings have pages in it.
            if part.start().align_down(table) >= run.end() {
                tables += self.tables.tables_for_guards(run);
                run = part;
            }
            run = PageRange::between(run.start(), part.end());
        }
        tables += self.tables.tables_for_guards(run);
        self.tables.reserve_guards(tables).map_err(|_| Errno::ENOMEM)
    }

    /// `MADV_GUARD_INSTALL`: whatever pages `part` of `vma` has go, and markers come in their place, for which there are tables.
    pub(super) fn install_guards(&mut self, vma: &Vma, part: PageRange) -> Result<(), Errno> {
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
