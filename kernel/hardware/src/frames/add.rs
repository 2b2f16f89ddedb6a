//! How the allocator gets its memory.

use core::sync::atomic::Ordering::Relaxed;
use mm::{PAGE_SHIFT, PAGE_SIZE};

use super::block::{NO_FRAME, State};
use super::{BLOCK_SHIFT, BLOCK_SIZE, Block, FRAMES, FrameAllocator, WORD_FREE};
use crate::PhysRange;

impl FrameAllocator {
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
}
