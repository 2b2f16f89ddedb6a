//! What a program finds mapped when it starts, other than its own file: the vdso and the stack.

use super::AddressSpace;
use super::map::{MAY_ALL, prot_of};
use super::place::{Huge, Placement, Wish};
use crate::machine::Machine;
use crate::object::Object;
use crate::vma::{Backing, Prot, Vma, VmaFlags};
use crate::{Errno, PAGE_SHIFT, PageRange, VirtAddr};

impl<M: Machine> AddressSpace<M> {
    pub(super) fn map_special_object(
        &mut self,
        addr: u64,
        object: &Object<M>,
        prot: u64,
    ) -> Result<VirtAddr, Errno> {
        let len = object.pages() << PAGE_SHIFT;
        if len == 0 {
            return Err(Errno::EINVAL);
        }
        let range = self.view().place(Placement {
            wish: Wish::Hint(addr),
            len,
            huge: Huge::Never,
        })?;
        self.tree.reserve(1)?;
        let id = self.objects.enter(object)?;
        let flags = MAY_ALL | VmaFlags::DONTEXPAND;
        let vma = Vma::new(range, prot_of(prot), flags, Backing::Special { object: id });
        self.objects.mapped(&vma, range.pages());
        self.tree.insert(vma);
        Ok(range.start())
    }

    pub(super) fn map_first_stack(&mut self, top: u64, len: u64) -> Result<(), Errno> {
        let start = top.checked_sub(len).ok_or(Errno::ENOMEM)?;
        let range = PageRange::from_len(VirtAddr::new(start), len).filter(|range| !range.is_empty());
        let range = range
            .filter(|&range| self.tree.is_free(range))
            .ok_or(Errno::ENOMEM)?;
        let flags = MAY_ALL | VmaFlags::GROWSDOWN;
        self.map_anonymous(range, Prot::READ | Prot::WRITE, flags)?;
        self.layout.stack = top - 1;
        Ok(())
    }
}
