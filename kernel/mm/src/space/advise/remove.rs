//! `MADV_REMOVE`: makes a hole in a shared memory object.

use super::AddressSpace;
use crate::machine::Machine;
use crate::object::Object;
use crate::space::object_page;
use crate::vma::{Backing, ObjectId, Vma};
use crate::{Errno, PAGE_SHIFT, PAGE_SIZE, PageRange, VirtAddr};
use core::ops::Range;

impl<M: Machine> AddressSpace<M> {
    /// Takes the pages that `part` of `vma` shows out of its object, and so out of every mapping of it; private copies and
    /// guards stay, and so does the object's length (`fallocate(2)` with `FALLOC_FL_PUNCH_HOLE`).
    ///
    /// # Errors
    /// [`Errno::EINVAL`] if the hole begins where an offset, a number with a sign, is negative; [`Errno::EFBIG`] if it ends there.
    pub(super) fn remove_pages(&mut self, vma: &Vma, part: PageRange) -> Result<(), Errno> {
        let first = object_page(vma, part.start());
        let offset = (first << PAGE_SHIFT) as i64;
        if offset < 0 {
            return Err(Errno::EINVAL);
        }
        if offset.checked_add_unsigned(part.len()).is_none() {
            return Err(Errno::EFBIG);
        }
        let object = vma.backing.object().and_then(|id| self.objects.get(id)).cloned();
        if let Some(object) = object {
            let pages = first..first + part.pages();
            self.forget_pages_of(&object, pages.clone());
            object.punch(pages);
        }
        Ok(())
    }

    /// Takes the object's own pages out of the mappings of it.
    pub(in crate::space) fn forget_pages_of(&mut self, object: &Object<M>, pages: Range<u64>) {
        let Some(id) = self.objects.find(object) else {
            return;
        };
        let mut at = VirtAddr::new(0);
        while let Some(vma) = self.tree.find_or_next(at) {
            at = vma.end();
            let Some(part) = part_that_shows(&vma, id, &pages) else {
                continue;
            };
            if let Backing::Shared { .. } = vma.backing {
                self.drop_pages(&vma, part);
            } else {
                self.forget_shared_pages(&vma, part, object);
            }
        }
    }

    /// Takes those pages out of `part` of a private mapping that it has not copied.
    fn forget_shared_pages(&mut self, vma: &Vma, part: PageRange, object: &Object<M>) {
        let mut rest = part;
        loop {
            let own = self.tables.leaves(rest).find(|(start, _, leaf)| {
                object.resident_page(object_page(vma, *start)) == Some(leaf.address)
            });
            let page = own.and_then(|(start, ..)| PageRange::from_len(start, PAGE_SIZE));
            let Some(page) = page else { return };
            self.clear_pages(page);
            rest = PageRange::between(page.end(), part.end());
        }
    }
}

/// The part of `vma` that shows some of the object's `pages`.
fn part_that_shows(vma: &Vma, object: ObjectId, pages: &Range<u64>) -> Option<PageRange> {
    if vma.backing.object() != Some(object) {
        return None;
    }
    let first = object_page(vma, vma.start());
    let start = pages.start.max(first) - first;
    let end = pages.end.saturating_sub(first).min(vma.range.pages());
    let at = |page: u64| vma.start() + (page << PAGE_SHIFT);
    (start < end).then(|| PageRange::between(at(start), at(end)))
}
