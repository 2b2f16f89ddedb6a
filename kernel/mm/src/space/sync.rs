//! `msync`: files are in memory and nowhere else, so that there is nothing to write back; what is left are the checks.

use super::AddressSpace;
use super::round_up_to_page;
use crate::machine::Machine;
use crate::remap::untagged;
use crate::vma::VmaFlags;
use crate::{Errno, PAGE_SIZE, PageRange, TASK_SIZE, VirtAddr};
use linux_raw_sys::general::{MS_ASYNC, MS_INVALIDATE, MS_SYNC};

impl<M: Machine> AddressSpace<M> {
    pub(super) fn sync_request(&self, addr: u64, len: u64, flags: u64) -> Result<(), Errno> {
        let addr = untagged(addr);
        let flags = flags as u32;
        let both = MS_ASYNC | MS_SYNC;
        if flags & !(both | MS_INVALIDATE) != 0 || !addr.is_multiple_of(PAGE_SIZE) || flags & both == both {
            return Err(Errno::EINVAL);
        }
        let len = round_up_to_page(len);
        let end = addr.checked_add(len).ok_or(Errno::ENOMEM)?;
        if len == 0 {
            return Ok(());
        }
        let inside = PageRange::new(VirtAddr::new(addr), VirtAddr::new(end.min(TASK_SIZE)));
        let range = inside.ok_or(Errno::ENOMEM)?;
        let locked = |range| {
            let mut mappings = self.tree.iter(range);
            mappings.any(|vma| vma.flags.contains(VmaFlags::LOCKED))
        };
        // Linux passes over holes, and says so at the end.
        if flags & MS_INVALIDATE != 0 && locked(range) {
            return Err(Errno::EBUSY);
        }
        if end > TASK_SIZE || self.view().has_hole(range) {
            return Err(Errno::ENOMEM);
        }
        Ok(())
    }
}
