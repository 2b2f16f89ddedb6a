//! `brk`: the heap as one mapping that grows and shrinks at its end.

use super::map::MAY_ALL;
use super::place::gap_end;
use super::view::Freed;
use super::{AddressSpace, round_up_to_page};
use crate::machine::Machine;
use crate::vma::{Backing, Origin, Prot, Vma, VmaFlags, merge};
use crate::{Errno, PAGE_SHIFT, PAGE_SIZE, PageRange, TASK_SIZE, VirtAddr};

impl<M: Machine> AddressSpace<M> {
    /// Sets the end of the heap, and answers it; where that cannot be, answers the old one.
    pub(super) fn set_heap_end(&mut self, end: u64) -> u64 {
        let _ = self.try_set_heap_end(end);
        self.heap_end()
    }

    /// Where the heap ends; at its start until something was asked for.
    pub(super) fn heap_end(&self) -> u64 {
        self.heap_end.max(self.layout.brk_start)
    }

    fn try_set_heap_end(&mut self, end: u64) -> Result<(), Errno> {
        let start = self.layout.brk_start;
        if start == 0 || end < start || end > TASK_SIZE {
            return Err(Errno::ENOMEM);
        }
        if end - start + self.layout.data_len > self.limits.data {
            return Err(Errno::ENOMEM);
        }
        let (old, new) = (round_up_to_page(self.heap_end()), round_up_to_page(end));
        if end <= self.heap_end() && new < old {
            let range = PageRange::new(VirtAddr::new(new), VirtAddr::new(old)).ok_or(Errno::EINVAL)?;
            self.shrink_heap(range)?;
        } else if new > old {
            let range = PageRange::new(VirtAddr::new(old), VirtAddr::new(new)).ok_or(Errno::ENOMEM)?;
            self.grow_heap(range)?;
        }
        self.heap_end = end;
        Ok(())
    }

    fn shrink_heap(&mut self, range: PageRange) -> Result<(), Errno> {
        if self.tree.is_free(range) {
            return Err(Errno::EINVAL);
        }
        self.unmap_range(range)
    }

    fn grow_heap(&mut self, range: PageRange) -> Result<(), Errno> {
        // Linux leaves a page free behind the heap, and keeps its distance from a stack.
        let next = self.tree.find_or_next(range.start());
        if next.is_some_and(|next| range.end().get() + PAGE_SIZE > gap_end(&next)) {
            return Err(Errno::ENOMEM);
        }
        let prot = Prot::READ | Prot::WRITE;
        let flags = MAY_ALL | VmaFlags::ACCOUNT | self.lock_of_new;
        let pages = range.len() >> PAGE_SHIFT;
        let locked = flags.contains(VmaFlags::LOCKED);
        let fits = (!locked || self.view().may_lock(pages))
            && self.view().may_expand(prot, flags, pages, Freed::default())
            && self.tree.len() <= self.limits.max_map_count
            && self.view().may_commit(pages);
        if !fits {
            return Err(Errno::ENOMEM);
        }
        self.tree.reserve(1)?;
        let vma = Vma::new(range, prot, flags, Backing::Anonymous);
        // Only the heap itself grows: what lies before its start stays a mapping of its own.
        let (prev, _) = self.tree.around(range.start());
        let heap = prev.filter(|prev| prev.end().get() > self.layout.brk_start);
        let sides = merge::sides(heap.as_ref(), &vma, None, Origin::Usual);
        self.tree.map_with(vma, sides);
        self.populate_if_locked(&vma, range);
        Ok(())
    }
}
