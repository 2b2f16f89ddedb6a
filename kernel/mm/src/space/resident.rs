//! `mincore`: which pages are in memory.

use super::AddressSpace;
use super::objects::object_page;
use crate::machine::Machine;
use crate::remap::untagged;
use crate::{ACCESS_END, Errno, PAGE_SHIFT, PAGE_SIZE, PageRange, VirtAddr};

impl<M: Machine> AddressSpace<M> {
    pub(super) fn resident_pages(&self, addr: u64, len: u64) -> Result<u64, Errno> {
        let addr = untagged(addr);
        if !addr.is_multiple_of(PAGE_SIZE) {
            return Err(Errno::EINVAL);
        }
        if addr > ACCESS_END || len > ACCESS_END - addr {
            return Err(Errno::ENOMEM);
        }
        Ok(len.div_ceil(PAGE_SIZE))
    }

    pub(super) fn residency(&self, addr: u64, answer: &mut [u8]) -> Result<usize, Errno> {
        let addr = VirtAddr::new(untagged(addr));
        let vma = self.tree.find(addr).ok_or(Errno::ENOMEM)?;
        let pages = ((vma.end() - addr) >> PAGE_SHIFT).min(answer.len() as u64);
        let range = PageRange::from_len(addr, pages << PAGE_SHIFT).ok_or(Errno::EINVAL)?;
        let answer = &mut answer[..pages as usize];
        let object = vma.backing.object().and_then(|id| self.objects.get(id));
        for (index, byte) in answer.iter_mut().enumerate() {
            let page = range.start() + index as u64 * PAGE_SIZE;
            *byte = u8::from(object.is_some_and(|object| object.is_resident(object_page(&vma, page))));
        }
        // What the tables have is there, whatever the object says.
        for (start, level, _) in self.tables.leaves(range) {
            let leaf = PageRange::from_len(start, level.size()).and_then(|leaf| leaf.intersection(range));
            let leaf = leaf.unwrap_or(range);
            let first = ((leaf.start() - range.start()) >> PAGE_SHIFT) as usize;
            answer[first..first + leaf.pages() as usize].fill(1);
        }
        Ok(answer.len())
    }
}
