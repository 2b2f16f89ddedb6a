//! The allocator of physical page frames: 4 KiB frames in constant time, and 2 MiB blocks.
//!
//! Free blocks are in the intrusive buddy heap of `buddy_system_allocator`, which keeps its lists in the free memory
//! itself. A block that is split gives its frames one by one: first those that came back, from a list that runs through the
//! frame words, then those never given, in order. So splitting a block writes nothing a frame, and neither taking nor
//! giving back allocates. When all 512 frames of a block are back, the block goes back to the heap.
//!
//! The frames that came back last are kept aside, out of their blocks, and are the next to be given: taking and giving back
//! a few touches no block at all.

mod add;
mod block;
mod blocks;
#[cfg(test)]
mod tests;

use block::{NO_BLOCK, State};
use buddy_system_allocator::Heap;
use core::sync::atomic::Ordering::Relaxed;
use mm::machine::HANDFUL;
use mm::{PAGE_SHIFT, PAGE_SIZE, PhysAddr};

pub use block::{Block, BlockWords};

/// log2 of the size of a block: what one entry of a level 2 table maps.
pub const BLOCK_SHIFT: u32 = 21;
/// The size of a block in bytes.
pub const BLOCK_SIZE: u64 = 1 << BLOCK_SHIFT;
/// The number of frames in a block.
const FRAMES: u16 = 1 << (BLOCK_SHIFT - PAGE_SHIFT);
/// One more than the log2 of the largest piece the heap keeps together: 512 GiB.
const ORDERS: usize = 40;

/// What the upper bits of a frame's word are while the frame is in its block's free list: a value that no count of references
/// and no table's occupancy comes to. The lower bits name the next frame in the list.
const WORD_FREE: u32 = 0xf4ee_f000;
/// The lower bits.
const LINK: u32 = 0xfff;
/// A frame's word when it is given out: one reference.
pub const WORD_TAKEN: u32 = 1;

/// How many frames are kept aside at most.
const ASIDE: usize = 64;

/// The memory that the allocator keeps its books in, and how it reaches the memory that it gives.
pub struct Books {
    /// The first byte of the first block, a multiple of [`BLOCK_SIZE`].
    pub base: PhysAddr,
    /// What must be added to a physical address to get the address where that memory can be written.
    pub offset: usize,
    /// The words of the frames, block by block from `base` on.
    pub words: &'static [BlockWords],
    /// One entry a block, as many as there are words for, all [`Block::FOREIGN`].
    pub blocks: &'static mut [Block],
}

/// The allocator of frames and blocks. Of a machine's memory it has what [`FrameAllocator::add`] gave it.
pub struct FrameAllocator {
    heap: Heap<ORDERS>,
    books: Books,
    /// The first split block with free frames, or [`NO_BLOCK`].
    partial: u32,
    free: usize,
    total: usize,
    /// The frames that came back last, the latest behind.
    aside: [PhysAddr; ASIDE],
    /// How many those are.
    kept: usize,
}

impl FrameAllocator {
    /// An allocator that has no memory yet.
    pub fn new(books: Books) -> Self {
        assert!(books.base.is_aligned(BLOCK_SIZE) && books.words.len() == books.blocks.len());
        Self {
            heap: Heap::new(),
            books,
            partial: NO_BLOCK,
            free: 0,
            total: 0,
            aside: [PhysAddr::new(0); ASIDE],
            kept: 0,
        }
    }

    /// How many frames are free, those of free blocks among them.
    pub fn free(&self) -> usize {
        self.free
    }

    /// How many frames the allocator has been given.
    pub fn total(&self) -> usize {
        self.total
    }

    /// Takes a frame. Its contents are whatever they were; its word is [`WORD_TAKEN`]. `None` when there is none left.
    #[inline]
    pub fn take(&mut self) -> Option<PhysAddr> {
        let Some(kept) = self.kept.checked_sub(1) else {
            return self.take_from_block();
        };
        let frame = self.aside[kept % ASIDE];
        let (index, number) = self.place_of(frame);
        self.books.words[index][number].store(WORD_TAKEN, Relaxed);
        self.kept = kept;
        self.free -= 1;
        Some(frame)
    }

    /// Gives a frame back, also one of a block that was taken as a block: from then on all its frames are to be given back
    /// one by one.
    ///
    /// # Panics
    ///
    /// When the frame is given back for the second time. One that was never taken is noticed when it goes back to its block.
    #[inline]
    pub fn give(&mut self, frame: PhysAddr) {
        self.give_all(core::iter::once(frame));
    }

    /// Gives several frames back, at most [`HANDFUL`]; otherwise as [`Self::give`].
    ///
    /// # Panics
    ///
    /// As [`Self::give`], and when there are more.
    #[inline]
    pub fn give_all(&mut self, frames: impl ExactSizeIterator<Item = PhysAddr>) {
        let count = frames.len();
        assert!(count <= HANDFUL, "{count} frames are given back at once");
        if self.kept > ASIDE - HANDFUL {
            self.put_back(ASIDE / 2);
        }
        let mut kept = self.kept;
        for frame in frames {
            let (index, number) = self.place_of(frame);
            let word = &self.books.words[index][number];
            if word.load(Relaxed) & !LINK == WORD_FREE {
                not_out(frame);
            }
            word.store(WORD_FREE, Relaxed);
            self.aside[kept % ASIDE] = frame;
            kept += 1;
        }
        self.free += kept - self.kept;
        self.kept = kept;
    }

    /// Puts the `count` frames that have been kept aside longest back into their blocks.
    #[cold]
    fn put_back(&mut self, count: usize) {
        for at in 0..count {
            self.give_to_block(self.aside[at]);
        }
        self.aside.copy_within(count..self.kept, 0);
        self.kept -= count;
    }

    /// Takes a block of 512 frames, aligned to its size. What its words are is not said.
    /// `None` when there is none left, even if that many frames are free here and there.
    pub fn take_block(&mut self) -> Option<PhysAddr> {
        let index = self.take_whole(State::Taken)?;
        self.free -= FRAMES as usize;
        Some(self.block_start(index))
    }

    /// Gives a block back.
    ///
    /// # Panics
    ///
    /// When the block is not out as a block.
    pub fn give_block(&mut self, block: PhysAddr) {
        let (index, _) = self.place_of(block);
        let taken = self.books.blocks[index].state == State::Taken && block.is_aligned(BLOCK_SIZE);
        assert!(taken, "the block at {block} is given back but was not out");
        self.books.blocks[index].state = State::Whole;
        self.give_to_heap(index);
        self.free += FRAMES as usize;
    }

    /// The words of all frames, from the first block of the books on.
    pub fn words(&self) -> &'static [BlockWords] {
        self.books.words
    }

    /// The number of the block that `addr`, an address in or at the end of the books, lies in.
    fn block_of(&self, addr: PhysAddr) -> usize {
        ((addr - self.books.base) >> BLOCK_SHIFT) as usize
    }

    /// The number of the block of a frame that comes from outside, and that of the frame in it.
    #[inline]
    fn place_of(&self, frame: PhysAddr) -> (usize, usize) {
        let offset = frame.get().wrapping_sub(self.books.base.get());
        let index = (offset >> BLOCK_SHIFT) as usize;
        if index >= self.books.words.len() || !offset.is_multiple_of(PAGE_SIZE) {
            no_frame(frame);
        }
        (index, (offset >> PAGE_SHIFT) as usize % FRAMES as usize)
    }
}

#[cold]
fn no_frame(addr: PhysAddr) -> ! {
    panic!("there is no frame at {addr}");
}

#[cold]
fn not_out(frame: PhysAddr) -> ! {
    panic!("the frame at {frame} is given back but was not out");
}

// SAFETY: the raw pointers are the heap's, into memory that the allocator alone uses; nothing in it belongs to one core.
unsafe impl Send for FrameAllocator {}
