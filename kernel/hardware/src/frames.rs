//! The allocator of physical page frames: 4 KiB frames in constant time, and 2 MiB blocks.
//!
//! Free blocks are in the intrusive buddy heap of `buddy_system_allocator`, which keeps its lists in the free memory
//! itself. A block that is split gives its frames one by one: first those that came back, from a list that runs through the
//! frame words, then those never given, in order. So splitting a block writes nothing a frame, and neither taking nor
//! giving back allocates. When all 512 frames of a block are back, the block goes back to the heap.
//!
//! The frames that came back last are kept aside, out of their blocks, and are the next to be given: taking and giving back
//! a few touches no block at all.

use buddy_system_allocator::Heap;
use core::alloc::Layout;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use mm::machine::HANDFUL;
use mm::{PAGE_SHIFT, PAGE_SIZE, PhysAddr};

use crate::PhysRange;

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

/// No frame: the end of a block's free list.
const NO_FRAME: u16 = LINK as u16;
/// No block: an end of the list of split blocks.
const NO_BLOCK: u32 = u32::MAX;

/// How many frames are kept aside at most.
const ASIDE: usize = 64;

/// Where the frames of a block are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u16)]
enum State {
    /// Not the allocator's: no memory, or memory that something holds for good.
    Foreign,
    /// Free as a whole, in the heap.
    Whole,
    /// Given out as a whole.
    Taken,
    /// Split, with free frames: in the list of split blocks.
    Partial,
    /// Split, with no frame left.
    Full,
}

/// What the allocator knows of a block of 2 MiB. Made by zeroing: [`Block::FOREIGN`] is all zero bits.
#[derive(Clone, Debug)]
#[repr(C)]
pub struct Block {
    state: State,
    /// How many frames of the block are the allocator's.
    capacity: u16,
    /// How many of them are free.
    free: u16,
    /// The first frame of the list of those that came back, or [`NO_FRAME`].
    head: u16,
    /// Frames `fresh..limit` have never been given out.
    fresh: u16,
    limit: u16,
    /// Neighbours in the list of split blocks, or [`NO_BLOCK`].
    previous: u32,
    next: u32,
}

impl Block {
    /// A block that the allocator has nothing of; all bits zero.
    pub const FOREIGN: Self = Self {
        state: State::Foreign,
        capacity: 0,
        free: 0,
        head: 0,
        fresh: 0,
        limit: 0,
        previous: 0,
        next: 0,
    };
}

/// One word for each frame of a block.
pub type BlockWords = [AtomicU32; FRAMES as usize];

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

    /// Gives the allocator the whole frames in `range` for good. Memory outside the books is left alone.
    ///
    /// # Safety
    ///
    /// The memory must be writable at its address plus the offset of the books, nothing else may use it, and it must not
    /// have been added before.
    pub unsafe fn add(&mut self, range: PhysRange) {
        let bytes = (self.books.blocks.len() as u64) << BLOCK_SHIFT;
        let (low, high) = (self.books.base, self.books.base + bytes);
        let range = PhysRange::new(range.start.max(low).get(), range.end.min(high).get()).narrowed(PAGE_SIZE);
        let whole = range.narrowed(BLOCK_SIZE);
        if whole.is_empty() {
            // The range may still reach from one block into the next.
            let border = range
                .start
                .align_up(BLOCK_SIZE)
                .unwrap_or(range.end)
                .min(range.end);
            self.add_part(PhysRange {
                start: range.start,
                end: border,
            });
            self.add_part(PhysRange {
                start: border,
                end: range.end,
            });
            return;
        }
        self.add_part(PhysRange {
            start: range.start,
            end: whole.start,
        });
        for index in self.block_of(whole.start)..self.block_of(whole.end) {
            self.books.blocks[index].state = State::Whole;
            self.books.blocks[index].capacity = FRAMES;
        }
        // SAFETY: the caller answers for the memory; it is whole blocks, so the heap's nodes are aligned and inside it.
        unsafe {
            self.heap.add_to_heap(
                self.linear(whole.start),
                self.linear(whole.start) + whole.len() as usize,
            )
        };
        let frames = (whole.len() >> PAGE_SHIFT) as usize;
        self.free += frames;
        self.total += frames;
        self.add_part(PhysRange {
            start: whole.end,
            end: range.end,
        });
    }

    /// Adds whole frames that lie in one block and do not fill it.
    fn add_part(&mut self, part: PhysRange) {
        if part.is_empty() {
            return;
        }
        let index = self.block_of(part.start);
        let first = (part.start.offset_in(BLOCK_SIZE) >> PAGE_SHIFT) as u16;
        let count = (part.len() >> PAGE_SHIFT) as u16;
        let block = &mut self.books.blocks[index];
        if block.state == State::Foreign {
            *block = Block {
                head: NO_FRAME,
                fresh: first,
                limit: first + count,
                ..Block::FOREIGN
            };
            self.link(index);
        } else {
            for frame in first..first + count {
                self.books.words[index][frame as usize].store(WORD_FREE | u32::from(block.head), Relaxed);
                block.head = frame;
            }
        }
        if self.books.blocks[index].state == State::Full {
            self.link(index);
        }
        let block = &mut self.books.blocks[index];
        block.capacity += count;
        block.free += count;
        self.free += count as usize;
        self.total += count as usize;
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

    /// Takes a frame out of a split block.
    fn take_from_block(&mut self) -> Option<PhysAddr> {
        if self.partial == NO_BLOCK {
            self.split_another()?;
        }
        let index = self.partial as usize;
        let (words, block) = (&self.books.words[index], &mut self.books.blocks[index]);
        let frame = block.head;
        let frame = if frame == NO_FRAME {
            block.fresh += 1;
            (block.fresh - 1) % FRAMES
        } else {
            let frame = frame % FRAMES;
            block.head = (words[frame as usize].load(Relaxed) & LINK) as u16;
            frame
        };
        words[frame as usize].store(WORD_TAKEN, Relaxed);
        block.free -= 1;
        self.free -= 1;
        if block.free == 0 {
            self.unlink(index, State::Full);
        }
        Some(self.block_start(index) + (u64::from(frame) << PAGE_SHIFT))
    }

    /// Puts a frame that was kept aside, and counts as free, back into its block.
    fn give_to_block(&mut self, frame: PhysAddr) {
        let (index, number) = self.place_of(frame);
        let (words, block) = (&self.books.words[index], &mut self.books.blocks[index]);
        if block.state != State::Partial {
            return self.give_to_full(index, frame);
        }
        let number_in_block = number as u16;
        if number_in_block.wrapping_sub(block.fresh) < block.limit - block.fresh {
            not_out(frame);
        }
        words[number].store(WORD_FREE | u32::from(block.head), Relaxed);
        block.head = number_in_block;
        block.free += 1;
        if block.free == FRAMES {
            self.join(index);
        }
    }

    /// As [`Self::give_to_block`], for a block that has no free frame.
    #[cold]
    fn give_to_full(&mut self, index: usize, frame: PhysAddr) {
        match self.books.blocks[index].state {
            State::Taken => self.split(index),
            State::Full => {}
            _ => not_out(frame),
        }
        self.link(index);
        self.give_to_block(frame);
    }

    /// Makes a free block a split one.
    #[cold]
    fn split_another(&mut self) -> Option<()> {
        let index = self.take_whole(State::Partial)?;
        let all_fresh = Block {
            capacity: FRAMES,
            free: FRAMES,
            head: NO_FRAME,
            limit: FRAMES,
            ..Block::FOREIGN
        };
        self.books.blocks[index] = all_fresh;
        self.link(index);
        Some(())
    }

    /// All frames of a split block have come back: the heap has it again. The last split block stays split, or taking and
    /// giving one frame would send a block to and fro.
    #[cold]
    fn join(&mut self, index: usize) {
        if self.partial as usize != index || self.books.blocks[index].next != NO_BLOCK {
            self.unlink(index, State::Whole);
            self.forget_words(index);
            self.give_to_heap(index);
        }
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

    /// Makes the frames of a block that is out as a block frames of their own.
    fn split(&mut self, index: usize) {
        let all_out = Block {
            capacity: FRAMES,
            head: NO_FRAME,
            fresh: FRAMES,
            limit: FRAMES,
            ..Block::FOREIGN
        };
        self.books.blocks[index] = Block {
            state: State::Full,
            ..all_out
        };
    }

    /// The words of all frames, from the first block of the books on.
    pub fn words(&self) -> &'static [BlockWords] {
        self.books.words
    }

    /// Takes a whole block from the heap, or the split block whose frames all came back, and leaves it in `state`.
    fn take_whole(&mut self, state: State) -> Option<usize> {
        let index = match self.take_from_heap() {
            Some(index) => index,
            None => {
                // The last frames of a block may be among those kept aside.
                self.put_back(self.kept);
                self.take_from_heap().or_else(|| self.take_spare_split())?
            }
        };
        self.books.blocks[index].state = state;
        Some(index)
    }

    fn take_from_heap(&mut self) -> Option<usize> {
        let linear = self.heap.alloc(BLOCK_LAYOUT).ok()?;
        Some(self.block_of(self.physical(linear)))
    }

    /// Takes the split block whose frames are all there out of the list, if there is one.
    fn take_spare_split(&mut self) -> Option<usize> {
        let index = self.partial as usize;
        let block = self.books.blocks.get(index)?;
        if block.free != FRAMES {
            return None;
        }
        self.unlink(index, State::Whole);
        self.forget_words(index);
        Some(index)
    }

    /// Makes the words of a block whose frames are all free say so no more: it is the block that is free now.
    fn forget_words(&mut self, index: usize) {
        for word in &self.books.words[index] {
            word.store(0, Relaxed);
        }
    }

    fn give_to_heap(&mut self, index: usize) {
        let linear = self.linear(self.block_start(index)) as *mut u8;
        let linear = NonNull::new(linear).expect("no memory lies at linear address 0");
        // SAFETY: the block came from the heap or was added as a part of whole memory, and no frame of it is out.
        unsafe { self.heap.dealloc(linear, BLOCK_LAYOUT) };
    }

    /// Puts a block that is in no list at the front of the list of split blocks.
    fn link(&mut self, index: usize) {
        let next = self.partial;
        let block = &mut self.books.blocks[index];
        (block.state, block.previous, block.next) = (State::Partial, NO_BLOCK, next);
        if next != NO_BLOCK {
            self.books.blocks[next as usize].previous = index as u32;
        }
        self.partial = index as u32;
    }

    /// Takes a block out of the list of split blocks and leaves it in `state`.
    fn unlink(&mut self, index: usize, state: State) {
        let (previous, next) = (self.books.blocks[index].previous, self.books.blocks[index].next);
        match previous {
            NO_BLOCK => self.partial = next,
            previous => self.books.blocks[previous as usize].next = next,
        }
        if next != NO_BLOCK {
            self.books.blocks[next as usize].previous = previous;
        }
        self.books.blocks[index].state = state;
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

    fn block_start(&self, index: usize) -> PhysAddr {
        self.books.base + ((index as u64) << BLOCK_SHIFT)
    }

    fn linear(&self, addr: PhysAddr) -> usize {
        (addr.get() as usize).wrapping_add(self.books.offset)
    }

    fn physical(&self, linear: NonNull<u8>) -> PhysAddr {
        PhysAddr::new((linear.as_ptr() as usize).wrapping_sub(self.books.offset) as u64)
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

const BLOCK_LAYOUT: Layout = match Layout::from_size_align(BLOCK_SIZE as usize, BLOCK_SIZE as usize) {
    Ok(layout) => layout,
    Err(_) => unreachable!(),
};

#[cfg(test)]
mod tests;
