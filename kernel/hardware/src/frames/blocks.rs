//! Whole blocks, in the heap, and split ones, in a list: how frames come out of the one and make up the other.

use core::alloc::Layout;
use core::ptr::NonNull;
use core::sync::atomic::Ordering::Relaxed;
use mm::{PAGE_SHIFT, PhysAddr};

use super::block::{NO_BLOCK, NO_FRAME, State};
use super::{BLOCK_SHIFT, BLOCK_SIZE, Block, FRAMES, FrameAllocator, LINK, WORD_FREE, WORD_TAKEN, not_out};

const BLOCK_LAYOUT: Layout = match Layout::from_size_align(BLOCK_SIZE as usize, BLOCK_SIZE as usize) {
    Ok(layout) => layout,
    Err(_) => unreachable!(),
};

impl FrameAllocator {
    /// Takes a frame out of a split block.
    pub(super) fn take_from_block(&mut self) -> Option<PhysAddr> {
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

    /// Puts the frame of a number, which was kept aside and counts as free, back into its block.
    pub(super) fn give_to_block(&mut self, frame: usize) {
        let (index, number) = (frame / FRAMES as usize, frame % FRAMES as usize);
        let (words, block) = (&self.books.words[index], &mut self.books.blocks[index]);
        if block.state != State::Partial {
            return self.give_to_full(index, frame);
        }
        let number_in_block = number as u16;
        if number_in_block.wrapping_sub(block.fresh) < block.limit - block.fresh {
            not_out(self.frame_at(frame));
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
    fn give_to_full(&mut self, index: usize, frame: usize) {
        match self.books.blocks[index].state {
            State::Taken => self.split(index),
            State::Full => {}
            _ => not_out(self.frame_at(frame)),
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
            self.give_up_split(index);
        }
    }

    /// Gives a split block whose frames are all there to the heap.
    fn give_up_split(&mut self, index: usize) {
        self.unlink(index, State::Whole);
        self.forget_words(index);
        self.give_to_heap(index);
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

    /// Takes a whole block from the heap, or the split block whose frames all came back, and leaves it in `state`.
    pub(super) fn take_whole(&mut self, state: State) -> Option<usize> {
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

    pub(super) fn give_to_heap(&mut self, index: usize) {
        let linear = self.linear(self.block_start(index)) as *mut u8;
        let linear = NonNull::new(linear).expect("no memory lies at linear address 0");
        // SAFETY: the block came from the heap or was added as a part of whole memory, and no frame of it is out.
        unsafe { self.heap.dealloc(linear, BLOCK_LAYOUT) };
    }

    /// Puts a block that is in no list at the front of the list of split blocks. What stood there with all its frames, as the last
    /// split block, is the last no more.
    pub(super) fn link(&mut self, index: usize) {
        let first = self.books.blocks.get(self.partial as usize);
        if first.is_some_and(|first| first.free == FRAMES) {
            self.give_up_split(self.partial as usize);
        }
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

    pub(super) fn block_start(&self, index: usize) -> PhysAddr {
        self.books.base + ((index as u64) << BLOCK_SHIFT)
    }

    pub(super) fn linear(&self, addr: PhysAddr) -> usize {
        (addr.get() as usize).wrapping_add(self.books.offset)
    }

    fn physical(&self, linear: NonNull<u8>) -> PhysAddr {
        PhysAddr::new((linear.as_ptr() as usize).wrapping_sub(self.books.offset) as u64)
    }
}
