//! `MADV_POPULATE_READ` and `MADV_POPULATE_WRITE`: faults, and says what went wrong.

use super::AddressSpace;
use crate::fault::{Access, FaultError};
use crate::machine::Machine;
use crate::vma::{Prot, Vma, VmaFlags};
use crate::{Errno, PAGE_SIZE, PageRange, VirtAddr};

/// How many bytes are populated under one hold of the address space's lock.
const STRETCH: u64 = 512 * PAGE_SIZE;

impl<M: Machine> AddressSpace<M> {
    /// Populates the first stretch of `range`; answers what is left.
    ///
    /// # Errors
    /// `ENOMEM` at a hole and where memory runs out, `EINVAL` where the mapping does not allow the access, `EFAULT` for a guard
    /// and beyond the end of an object. The pages before stay.
    pub(super) fn populate_stretch(
        &mut self,
        range: PageRange,
        access: Access,
    ) -> Result<Option<PageRange>, Errno> {
        let end = VirtAddr::new(range.end().get().min(range.start().get() + STRETCH));
        let mut at = range.start();
        while at < end {
            let vma = self.tree.find(at).ok_or(Errno::ENOMEM)?;
            if !can_be_populated(&vma, access) {
                return Err(Errno::EINVAL);
            }
            let part = PageRange::between(at, end.min(vma.end()));
            self.populate_part(part, access).map_err(|error| match error {
                FaultError::OutOfMemory => Errno::ENOMEM,
                FaultError::MapError | FaultError::AccessError | FaultError::Bus => Errno::EFAULT,
            })?;
            at = part.end();
        }
        Ok(PageRange::new(end, range.end()).filter(|rest| !rest.is_empty()))
    }
}

/// Linux's `check_vma_flags`. A fault for a read would bring in memory that may only be written or executed; this call says that
/// it may not be read.
fn can_be_populated(vma: &Vma, access: Access) -> bool {
    let needed = match access {
        Access::Write => Prot::WRITE,
        Access::Read | Access::Execute => Prot::READ,
    };
    vma.prot.contains(needed) && !vma.flags.intersects(VmaFlags::IO | VmaFlags::PFNMAP)
}
