//! `remap_file_pages`: once a mapping whose pages lay in any order, now a new mapping of another part of the same object in place of
//! the old one.

use super::{AddressSpace, Backing, MapRequest};
use crate::machine::Machine;
use crate::object::Object;
use crate::vma::{Vma, VmaFlags};
use crate::{Errno, PAGE_SHIFT, PAGE_SIZE, PageRange, VirtAddr};
use linux_raw_sys::general as linux;

impl<M: Machine> AddressSpace<M> {
    pub(super) fn remap_file_request(
        &mut self,
        start: u64,
        len: u64,
        prot: u64,
        page: u64,
        flags: u64,
    ) -> Result<(), Errno> {
        // Both are rounded down, and a tag is not dropped.
        let (start, len) = (start & !(PAGE_SIZE - 1), len & !(PAGE_SIZE - 1));
        let wraps = start.checked_add(len).is_none() || page.checked_add(len >> PAGE_SHIFT).is_none();
        if prot != 0 || len == 0 || wraps {
            return Err(Errno::EINVAL);
        }
        let range = PageRange::from_len(VirtAddr::new(start), len).ok_or(Errno::EINVAL)?;
        let (vma, object) = self.one_object_throughout(range).ok_or(Errno::EINVAL)?;
        // One that is no number of bytes is past the end of any file: for `mmap` to say, after what it looks at before.
        let offset = page.saturating_mul(PAGE_SIZE) & !(PAGE_SIZE - 1);
        let mut map_flags = flags & u64::from(linux::MAP_NONBLOCK)
            | u64::from(linux::MAP_SHARED | linux::MAP_FIXED | linux::MAP_POPULATE);
        if vma.flags.contains(VmaFlags::LOCKED) {
            map_flags |= u64::from(linux::MAP_LOCKED);
        }
        let request = MapRequest {
            addr: start,
            len,
            prot: vma.prot.bits().into(),
            flags: map_flags,
            backing: Backing::Object {
                object,
                offset,
                writable: true,
            },
        };
        self.map_request(request).map(drop)
    }

    /// The first mapping of a range and its object, if the range has no hole and all of it is mapped alike, shared and of an object that
    /// was opened for writing.
    fn one_object_throughout(&self, range: PageRange) -> Option<(Vma, Object<M>)> {
        let first = self.tree.find(range.start())?;
        let id = first.backing.object()?;
        let alike = |vma: &Vma| {
            vma.backing.object() == Some(id) && vma.flags == first.flags && vma.prot == first.prot
        };
        let whole = first.flags.contains(VmaFlags::SHARED)
            && !self.view().has_hole(range)
            && self.tree.iter(range).all(|vma| alike(&vma));
        let object = self.objects.get(id)?;
        whole.then(|| (first, object.clone()))
    }
}
