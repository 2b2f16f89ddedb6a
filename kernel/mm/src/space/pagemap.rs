//! `/proc/PID/pagemap`: a word for each page of the address space.

use super::AddressSpace;
use super::footprint::Source;
use crate::machine::Machine;
use crate::remap::untagged;
use crate::table::{Entry, Leaf};
use crate::vma::Vma;
use crate::{PAGE_SHIFT, PAGE_SIZE, PageRange, TASK_SIZE, VirtAddr};
use bitflags::bitflags;

bitflags! {
    /// The upper bits of a word of `/proc/PID/pagemap` (`proc_pid_pagemap(5)`); the lower 55 are the frame's number. Linux's bit
    /// 55, soft-dirty, is never set on arm64.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct PageState: u64 {
        /// One entry of all tables maps the page.
        const EXCLUSIVE = 1 << 56;
        /// A guard is there (`MADV_GUARD_INSTALL`).
        const GUARD = 1 << 58;
        /// The page is an object's, not anonymous.
        const FILE = 1 << 61;
        /// Not in the tables, but they remember something: of a guard this too is said.
        const SWAPPED = 1 << 62;
        /// The page is in memory.
        const PRESENT = 1 << 63;
    }
}

impl PageState {
    /// The bits of a word that hold the frame's number: physical address over 4096. Linux tells it to `CAP_SYS_ADMIN` only.
    pub const FRAME: u64 = (1 << 55) - 1;
    /// What a guard has in the place of a frame: the number of Linux's swap type for markers, and the bit of a guard's.
    const GUARD_MARKER: u64 = 31 | 4 << 5;
}

impl<M: Machine> AddressSpace<M> {
    pub(super) fn page_words(&self, addr: u64, words: &mut [u64]) -> usize {
        let start = VirtAddr::new(untagged(addr)).align_down(PAGE_SIZE);
        let left = TASK_SIZE.saturating_sub(start.get()) >> PAGE_SHIFT;
        let count = left.min(words.len() as u64) as usize;
        let words = &mut words[..count];
        words.fill(0);
        let Some(range) = PageRange::from_len(start, (count as u64) << PAGE_SHIFT) else {
            return 0;
        };
        for vma in self.tree.iter(range) {
            let Some(part) = vma.range.intersection(range) else {
                continue;
            };
            for page in 0..part.pages() {
                let at = part.start() + page * PAGE_SIZE;
                words[((at - start) >> PAGE_SHIFT) as usize] = self.page_word(&vma, at);
            }
        }
        count
    }

    fn page_word(&self, vma: &Vma, at: VirtAddr) -> u64 {
        let (level, entry) = self.tables.query(at);
        match entry {
            Entry::Leaf(leaf) => {
                // Of a block, the frame of this page.
                let address = leaf.address + at.get() % level.size();
                let mut state = PageState::PRESENT;
                if let Some(page) = self.mapped_page(vma, at, Leaf { address, ..leaf }) {
                    state.set(PageState::EXCLUSIVE, page.mappings == 1);
                    state.set(PageState::FILE, page.source != Source::Anonymous);
                }
                state.bits() | address.get() >> PAGE_SHIFT
            }
            Entry::Guard => (PageState::GUARD | PageState::SWAPPED).bits() | PageState::GUARD_MARKER,
            Entry::Absent | Entry::Table(_) => 0,
        }
    }
}
