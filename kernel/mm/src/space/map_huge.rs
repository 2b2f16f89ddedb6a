//! `MAP_HUGETLB`: pages of 2 MiB and more that root has set aside. There are none, so that every call is refused; when and with
//! what is Linux's answer where nobody has set any aside.

use super::map::{Flags, check_file_kind, prot_of};
use super::place::{Huge, Placement, Wish};
use super::view::Freed;
use super::{AddressSpace, Backing, MapRequest, Refusal};
use crate::machine::Machine;
use crate::vma::VmaFlags;
use crate::{Errno, PageRange, TASK_SIZE};
use linux_raw_sys::general as linux;

impl<M: Machine> AddressSpace<M> {
    /// Why the call is refused. What is mapped where the pages are to be is gone nevertheless if only they were missing.
    pub(super) fn refuse_huge(&mut self, request: &MapRequest<M>, flags: Flags) -> Errno {
        let Backing::HugePages { offset } = request.backing else {
            // A file that has none.
            return Errno::EINVAL;
        };
        let Some(size) = flags.huge_page_size() else {
            return Errno::EINVAL;
        };
        let vain = |space: &mut Self| {
            let range = space.choose_huge_range(request, flags, size)?;
            space.check_huge_kind(flags, range, offset)?;
            space.replace_in_vain(request, range, flags)
        };
        match vain(self) {
            Err(errno) => errno,
            Ok(()) if !offset.is_multiple_of(size) => Errno::EINVAL,
            Ok(()) => Errno::ENOMEM,
        }
    }

    fn choose_huge_range(
        &self,
        request: &MapRequest<M>,
        flags: Flags,
        size: u64,
    ) -> Result<PageRange, Errno> {
        // Rounding may come out at zero.
        let len = request.len.wrapping_add(size - 1) & !(size - 1);
        if len == 0 {
            return Err(Errno::EINVAL);
        }
        if self.tree.len() > self.limits.max_map_count || len > TASK_SIZE {
            return Err(Errno::ENOMEM);
        }
        if !flags.has(linux::MAP_FIXED | linux::MAP_FIXED_NOREPLACE) {
            return self.view().find_aligned(len, size).ok_or(Errno::ENOMEM);
        }
        if !request.addr.is_multiple_of(size) {
            return Err(Errno::EINVAL);
        }
        let range = self.view().place(Placement {
            wish: Wish::Fixed(request.addr),
            len,
            huge: Huge::Never,
        })?;
        match flags.has(linux::MAP_FIXED_NOREPLACE) && !self.tree.is_free(range) {
            true => Err(Errno::EEXIST),
            false => Ok(range),
        }
    }

    /// The checks of locking, offset and type.
    fn check_huge_kind(&self, flags: Flags, range: PageRange, offset: u64) -> Result<(), Errno> {
        if flags.has(linux::MAP_LOCKED) && !self.view().may_lock_any() {
            return Err(Errno::EPERM);
        }
        let flags_of_mapping = flags.of_mapping() | self.lock_of_new;
        if flags_of_mapping.contains(VmaFlags::LOCKED) && !self.view().may_lock(range.pages()) {
            return Err(Errno::EAGAIN);
        }
        if offset
            .checked_add(range.len())
            .is_none_or(|end| end > i64::MAX as u64)
        {
            return Err(Errno::EOVERFLOW);
        }
        check_file_kind(flags)?;
        match flags.has(linux::MAP_GROWSDOWN) {
            true => Err(Errno::EINVAL),
            false => Ok(()),
        }
    }

    /// Makes room for the mapping that there will not be.
    fn replace_in_vain(
        &mut self,
        request: &MapRequest<M>,
        range: PageRange,
        flags: Flags,
    ) -> Result<(), Errno> {
        self.tree.reserve(1)?;
        let freed: Result<Freed, Refusal> = self.check_replace(range);
        let freed = freed.map_err(|refusal| self.refuse(refusal))?;
        // Huge pages are set aside: they don't count towards the commit limit.
        let kind = flags.of_mapping() | VmaFlags::NORESERVE;
        if !self.has_room(range, prot_of(request.prot), kind, freed) {
            return Err(self.refuse(Refusal::behind_cuts(Errno::ENOMEM, range)));
        }
        self.unmap_pages(range, None);
        Ok(())
    }
}
