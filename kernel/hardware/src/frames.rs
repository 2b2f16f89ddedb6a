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
use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::{Acquire, Relaxed};
use mm::machine::HANDFUL;
use mm::{PAGE_SHIFT, PhysAddr};

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
    /// The frames that came back last, the latest behind: their numbers, counted from the base of the books.
    aside: [u32; ASIDE],
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
            aside: [0; ASIDE],
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
        let number = self.aside[kept % ASIDE] as usize;
        self.frame_words()[number].store(WORD_TAKEN, Relaxed);
        self.kept = kept;
        self.free -= 1;
        Some(self.frame_at(number))
    }

    /// Gives a frame back, also one of a block that was taken as a block: from then on all its frames are to be given back
    /// one by one.
    ///
    /// # Safety
    ///
    /// Who gives the frame back has taken it; nobody uses its memory from now on.
    ///
    /// # Panics
    ///
    /// When the frame is given back for the second time. One that was never taken is noticed when it goes back to its block.
    #[inline]
    pub unsafe fn give(&mut self, frame: PhysAddr) {
        // SAFETY: the caller's promise.
        unsafe { self.give_all(core::iter::once(frame)) };
    }

    /// Gives several frames back, at most [`HANDFUL`]; otherwise as [`Self::give`].
    ///
    /// # Safety
    ///
    /// As [`Self::give`], for each.
    ///
    /// # Panics
    ///
    /// As [`Self::give`], and when there are more.
    #[inline]
    pub unsafe fn give_all(&mut self, frames: impl ExactSizeIterator<Item = PhysAddr>) {
        let count = frames.len();
        assert!(count <= HANDFUL, "{count} frames are given back at once");
        if self.kept > ASIDE - HANDFUL {
            self.put_back(ASIDE / 2);
        }
        let (words, mut kept) = (self.frame_words(), self.kept);
        for frame in frames {
            let number = self.number_of(frame);
            let Some(word) = words.get(number) else {
                no_frame(frame)
            };
            if word.load(Relaxed) & !LINK == WORD_FREE {
                not_out(frame);
            }
            word.store(WORD_FREE, Relaxed);
            self.aside[kept % ASIDE] = number as u32;
            kept += 1;
        }
        self.free += kept - self.kept;
        self.kept = kept;
    }

    /// Gives back the frames that `frame` finds in `items`, in their order: up to the first item in which there is none, or one
    /// whose word is not [`WORD_TAKEN`], because it has more than one user. `given` gets each item whose frame has come back.
    /// Answers how many those are.
    ///
    /// # Safety
    ///
    /// As [`Self::give`], for each frame with that word; `given` sees to it that it is not found again.
    #[inline]
    pub unsafe fn give_while_sole<T>(
        &mut self,
        items: &[T],
        frame: impl Fn(&T) -> Option<PhysAddr>,
        given: impl Fn(&T),
    ) -> usize {
        let (words, first) = (self.frame_words(), self.books.base.get() >> PAGE_SHIFT);
        let (mut kept, mut rest) = (self.kept, items.iter());
        while let Some(item) = rest.as_slice().first() {
            let Some(frame) = frame(item) else { break };
            let number = (frame.get() >> PAGE_SHIFT).wrapping_sub(first) as usize;
            let Some(word) = words.get(number) else { break };
            // Acquire: what other users did with it before they gave it up has happened.
            if word.load(Acquire) != WORD_TAKEN {
                break;
            }
            if kept >= ASIDE {
                self.kept = kept;
                self.put_back(ASIDE / 2);
                kept = self.kept % ASIDE;
            }
            word.store(WORD_FREE, Relaxed);
            self.aside[kept] = number as u32;
            kept += 1;
            given(item);
            rest.next();
        }
        let count = items.len() - rest.len();
        self.kept = kept;
        self.free += count;
        count
    }

    /// Puts the `count` frames that have been kept aside longest back into their blocks.
    #[cold]
    fn put_back(&mut self, count: usize) {
        for at in 0..count {
            self.give_to_block(self.aside[at] as usize);
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
    /// # Safety
    ///
    /// As [`Self::give`], for all of its memory.
    ///
    /// # Panics
    ///
    /// When the block is not out as a block.
    pub unsafe fn give_block(&mut self, block: PhysAddr) {
        let index = self.number_of(block) / FRAMES as usize;
        let state = self.books.blocks.get(index).map(|block| block.state);
        let taken = state == Some(State::Taken) && block.is_aligned(BLOCK_SIZE);
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

    /// The number of a frame that comes from outside, counted from the base of the books: no word has that number if the address is
    /// outside, or that of no frame.
    #[inline]
    fn number_of(&self, frame: PhysAddr) -> usize {
        let offset = frame.get().wrapping_sub(self.books.base.get());
        // What a page's address has no bits for comes to be on top.
        offset.rotate_right(PAGE_SHIFT) as usize
    }

    /// The frame of a number.
    #[inline]
    fn frame_at(&self, number: usize) -> PhysAddr {
        self.books.base + ((number as u64) << PAGE_SHIFT)
    }

    /// The words of all frames, by number.
    #[inline]
    fn frame_words(&self) -> &'static [AtomicU32] {
        self.books.words.as_flattened()
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
