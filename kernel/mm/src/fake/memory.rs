//! Host memory that stands for RAM.

use crate::machine::BLOCK_SIZE;
use core::cell::RefCell;
use core::ptr::NonNull;
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::vec::Vec;

std::thread_local! {
    /// What machines that are gone have left to the next ones: tests make thousands, and new memory costs a fault a page.
    static LEFT: RefCell<Vec<Piece>> = const { RefCell::new(Vec::new()) };
}

/// How many pieces a thread keeps.
const KEEP: usize = 2;

/// Memory that is reached by raw pointers only, from a multiple of a block on, with anything in it.
pub(super) struct HostMemory(Option<Piece>);

/// One allocation.
struct Piece {
    allocation: NonNull<u8>,
    layout: Layout,
}

// SAFETY: the memory is owned by this value alone; who accesses which part of it when is up to the users of the pointers.
unsafe impl Send for Piece {}
// SAFETY: as above.
unsafe impl Sync for Piece {}

impl HostMemory {
    pub(super) fn new(bytes: usize) -> Self {
        // It is not the allocator that aligns: it would have to touch all of it.
        let layout = Layout::from_size_align(bytes + BLOCK_SIZE as usize, align_of::<u64>())
            .expect("a size that a host can have");
        let left = LEFT.try_with(|left| {
            let mut left = left.borrow_mut();
            let fitting = left.iter().position(|piece| piece.layout == layout)?;
            Some(left.swap_remove(fitting))
        });
        Self(Some(left.ok().flatten().unwrap_or_else(|| Piece::new(layout))))
    }

    /// The first byte.
    pub(super) fn base(&self) -> NonNull<u8> {
        let allocation = self.0.as_ref().expect("memory until it is dropped").allocation;
        // SAFETY: the next block begins less than a block further on, for which there is room.
        unsafe { allocation.add(allocation.align_offset(BLOCK_SIZE as usize)) }
    }
}

impl Drop for HostMemory {
    fn drop(&mut self) {
        // A thread that ends keeps nothing.
        let _ = LEFT.try_with(|left| {
            let mut left = left.borrow_mut();
            if left.len() < KEEP {
                left.extend(self.0.take());
            }
        });
    }
}

impl Piece {
    fn new(layout: Layout) -> Self {
        // SAFETY: the size is not zero: there is room for a block.
        let allocation = unsafe { alloc_zeroed(layout) };
        let Some(allocation) = NonNull::new(allocation) else {
            handle_alloc_error(layout)
        };
        Self { allocation, layout }
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        // SAFETY: allocated by `new` with this layout, and nothing outlives the machine that owned it.
        unsafe { dealloc(self.allocation.as_ptr(), self.layout) }
    }
}
