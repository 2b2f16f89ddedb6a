//! What the allocator knows of one block.

use core::sync::atomic::AtomicU32;

use super::{FRAMES, LINK};

/// No frame: the end of a block's free list.
pub(super) const NO_FRAME: u16 = LINK as u16;
/// No block: an end of the list of split blocks.
pub(super) const NO_BLOCK: u32 = u32::MAX;

/// Where the frames of a block are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u16)]
pub(super) enum State {
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
    pub(super) state: State,
    /// How many frames of the block are the allocator's.
    pub(super) capacity: u16,
    /// How many of them are free.
    pub(super) free: u16,
    /// The first frame of the list of those that came back, or [`NO_FRAME`].
    pub(super) head: u16,
    /// Frames `fresh..limit` have never been given out.
    pub(super) fresh: u16,
    pub(super) limit: u16,
    /// Neighbours in the list of split blocks, or [`NO_BLOCK`].
    pub(super) previous: u32,
    pub(super) next: u32,
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
