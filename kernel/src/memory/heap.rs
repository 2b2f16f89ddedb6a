//! The kernel's heap: `linked_list_allocator` over a window that grows by frames.
//!
//! It serves what is rare. Nodes of mapping trees and page tables have pools of their own, and what a program can ask for
//! without end must be asked of the heap by the calls that can fail.

use boot::KERNEL_STACKS;
use core::alloc::{GlobalAlloc, Layout};
use core::ptr::NonNull;
use linked_list_allocator::Heap;
use mm::PAGE_SIZE;

use super::tables::{TABLES, map_frame};
use super::{OutOfMemory, frames};
use crate::sync::Mutex;

/// Where the heap begins: 4 GiB above the kernel stacks.
const START: u64 = KERNEL_STACKS + (4 << 30);
/// How large it may become: more than there is memory. Its limit is the memory, so that whoever asks [`super::is_short`] has asked
/// for the heap as well.
const MOST: u64 = 1 << 40;
/// By how much it grows, in bytes.
const STEP: u64 = 64 << 10;
/// The largest piece, in bytes, for which the heap takes the last of the kernel's reserve. What a program can have the kernel keep
/// without end comes in larger pieces (nodes of its mappings, its table of open files) or is refused where memory is short
/// ([`super::is_short`]), so that small pieces can always be had.
const SMALL: usize = 2048;

#[global_allocator]
static HEAP: KernelHeap = KernelHeap(Mutex::new(Grown {
    heap: Heap::empty(),
    bytes: 0,
}));

struct KernelHeap(Mutex<Grown>);

/// How much memory the heap has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HeapUsage {
    /// Frames that are its own. It never gives one back.
    pub(crate) frames: u64,
    /// Bytes in use.
    pub(crate) used: u64,
}

/// How much memory the heap has now.
pub(crate) fn usage() -> HeapUsage {
    let grown = HEAP.0.lock();
    HeapUsage {
        frames: grown.bytes / PAGE_SIZE,
        used: grown.heap.used() as u64,
    }
}

struct Grown {
    heap: Heap,
    /// How much of the window is mapped; all of it is the heap's.
    bytes: u64,
}

impl Grown {
    /// Makes the heap larger, by at least what `layout` takes. What could be mapped is the heap's even if that is less.
    fn grow(&mut self, layout: Layout) -> Result<(), OutOfMemory> {
        // Room for the piece wherever its alignment puts it, and for the heap's own nodes around it.
        let bytes = (layout.size() as u64)
            .saturating_add(layout.align() as u64)
            .saturating_add(64)
            .checked_next_multiple_of(STEP)
            .ok_or(OutOfMemory)?;
        let kept = if layout.size() > SMALL {
            frames::RESERVE / 2
        } else {
            0
        };
        let free = frames::free_frames().saturating_sub(kept) as u64;
        // A piece that can't be had leaves the memory there is to others.
        if bytes > MOST - self.bytes || bytes / PAGE_SIZE > free {
            return Err(OutOfMemory);
        }
        let mut mapped = 0;
        let mut tables = TABLES.lock();
        let result = loop {
            if mapped == bytes {
                break Ok(());
            }
            let frame = frames::take_for_kernel().ok_or(OutOfMemory);
            match frame.and_then(|frame| map_frame(&mut tables, START + self.bytes + mapped, frame)) {
                Ok(()) => mapped += PAGE_SIZE,
                Err(error) => break Err(error),
            }
        };
        drop(tables);
        if mapped > 0 {
            self.take_over(mapped);
        }
        result
    }

    /// Makes the next `bytes` of the window, which are mapped, a part of the heap.
    fn take_over(&mut self, bytes: u64) {
        if self.bytes == 0 {
            // SAFETY: the memory is mapped, and nothing else knows of it.
            unsafe { self.heap.init(START as *mut u8, bytes as usize) };
        } else {
            // SAFETY: the memory is mapped, follows the heap's, and nothing else knows of it.
            unsafe { self.heap.extend(bytes as usize) };
        }
        self.bytes += bytes;
    }
}

// SAFETY: the heap gives each piece of memory once until it comes back; a null pointer says that there is none.
unsafe impl GlobalAlloc for KernelHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let mut grown = self.0.lock();
        let found = grown.heap.allocate_first_fit(layout).or_else(|()| {
            grown.grow(layout).map_err(|OutOfMemory| ())?;
            grown.heap.allocate_first_fit(layout)
        });
        found.map_or(core::ptr::null_mut(), NonNull::as_ptr)
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        let Some(memory) = NonNull::new(memory) else {
            return;
        };
        // SAFETY: the caller gives back what `alloc` gave for this layout.
        unsafe { self.0.lock().heap.deallocate(memory, layout) };
    }
}

crate::ktest! {
    /// The heap grows with what is asked, and gives aligned memory that nobody else has.
    fn the_heap_grows() {
        use alloc::vec::Vec;
        let mut pieces: Vec<Vec<u64>> = (0..100).map(|i| alloc::vec![i; 1000]).collect();
        pieces.swap_remove(50);
        pieces.push(alloc::vec![7; 100_000]);
        for piece in &pieces {
            assert!(piece.iter().all(|value| *value == piece[0]));
        }
    }

    /// A piece too large for the machine is refused and not a panic, and takes nothing from others.
    fn too_large_a_piece_is_refused() {
        let mut vector = alloc::vec::Vec::<u8>::new();
        let free = frames::free_frames();
        assert!(vector.try_reserve_exact((free + 1) * PAGE_SIZE as usize).is_err());
        assert_eq!(frames::free_frames(), free);
        assert!(vector.try_reserve_exact(isize::MAX as usize).is_err());
        assert!(vector.try_reserve_exact(100_000).is_ok());
    }

    /// Memory is aligned as it was asked.
    fn alignment_is_kept() {
        #[repr(align(4096))]
        struct Page([u8; 4096]);
        let pages: alloc::vec::Vec<_> = (0..5).map(|i| alloc::boxed::Box::new(Page([i; 4096]))).collect();
        assert!(pages.iter().all(|page| (&raw const **page).addr() % 4096 == 0));
        assert!(pages.iter().enumerate().all(|(i, page)| page.0.iter().all(|byte| *byte as usize == i)));
    }
}
