//! `mseal`: mappings that stay as they are, for good. Whatever would unmap, move, resize or replace one, change its protection, or
//! throw away pages that the program could not overwrite itself, answers `EPERM`; each of those calls asks for itself.

use super::{AddressSpace, round_up_to_page};
use crate::machine::Machine;
use crate::remap::untagged;
use crate::vma::VmaFlags;
use crate::{Errno, PAGE_SIZE, PageRange, VirtAddr};

impl<M: Machine> AddressSpace<M> {
    /// No hole is allowed in the range, which is found out before anything is sealed.
    pub(super) fn seal_request(&mut self, addr: u64, len: u64, flags: u64) -> Result<(), Errno> {
        let addr = untagged(addr);
        let rounded = round_up_to_page(len);
        if flags != 0 || !addr.is_multiple_of(PAGE_SIZE) || (len != 0 && rounded == 0) {
            return Err(Errno::EINVAL);
        }
        let end = addr.checked_add(rounded).ok_or(Errno::EINVAL)?;
        if rounded == 0 {
            return Ok(());
        }
        // Nothing is mapped beyond the end of the address space.
        let range = PageRange::new(VirtAddr::new(addr), VirtAddr::new(end)).ok_or(Errno::ENOMEM)?;
        if self.view().has_hole(range) {
            return Err(Errno::ENOMEM);
        }
        self.seal(range)
    }

    /// Seals mapping by mapping; those before one that cannot be cut are sealed.
    fn seal(&mut self, range: PageRange) -> Result<(), Errno> {
        // The first and the last mapping may each be cut once.
        self.tree.reserve(2)?;
        let mut at = range.start();
        while at < range.end() {
            let vma = self.tree.find(at).ok_or(Errno::ENOMEM)?;
            let part = PageRange::between(at, vma.end().min(range.end()));
            if !vma.flags.contains(VmaFlags::SEALED) {
                self.modify(&vma, part, |vma| vma.flags |= VmaFlags::SEALED)?;
            }
            at = part.end();
        }
        Ok(())
    }
}
