//! The machine as the crate `mm` asks for it: frames and the linear map from here, pages and the TLB from [`crate::arch`].

use boot::LINEAR_MAP;
use core::num::NonZeroUsize;
use core::ptr::NonNull;
use mm::machine::{
    BLOCK_SIZE, Block, Frame, FrameWords, Frames, MmuFeatures, PageOperand, Pages, PhysMap, RangeOperand,
    Reach, SharedDescriptors, Tlb,
};
use mm::{PAGE_SIZE, PhysAddr};

use super::frames;
use super::linear::address_of;
use crate::arch::{cache, cpu, pages, tlb};

/// This machine. There is one, so the value holds nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Machine;

// SAFETY: the allocator gives whole frames and blocks of RAM that it was given for good, each to one owner.
unsafe impl Frames for Machine {
    fn take_frame(&self) -> Option<Frame> {
        frames::take()
    }

    fn take_block(&self) -> Option<Block> {
        frames::take_block()
    }

    fn give_frame(&self, frame: Frame) {
        frames::give(frame);
    }

    fn give_frames(&self, given: impl ExactSizeIterator<Item = Frame>) {
        frames::give_all(given);
    }

    #[inline]
    unsafe fn give_while_sole<T>(
        &self,
        items: &[T],
        page: impl Fn(&T) -> Option<PhysAddr>,
        given: impl Fn(&T),
    ) -> usize {
        // SAFETY: the caller's promise.
        unsafe { frames::give_while_sole(items, page, given) }
    }

    fn give_block(&self, block: Block) {
        frames::give_block(block);
    }

    #[inline]
    fn words(&self) -> FrameWords<'_> {
        frames::words()
    }
}

/// Where the linear map begins: physical addresses fit below its lowest bit.
const LINEAR_START: NonZeroUsize = match NonZeroUsize::new(LINEAR_MAP as usize) {
    Some(start) => start,
    None => panic!("the linear map begins at 0"),
};

// SAFETY: the linear map shows all frames and blocks, as Normal memory, at a fixed distance.
unsafe impl PhysMap for Machine {
    #[inline]
    fn pointer(&self, address: PhysAddr) -> NonNull<u8> {
        NonNull::with_exposed_provenance(LINEAR_START | address.get() as usize)
    }
}

// SAFETY: each method hands the routine the memory that it is about, and the routines write nothing else.
unsafe impl Pages for Machine {
    fn clear(&self, frame: &mut Frame) {
        // SAFETY: the frame is one whole page, the caller's own, and the linear map shows it.
        unsafe { pages::clear(address_of(frame.address()), PAGE_SIZE as usize) };
    }

    fn clear_block(&self, block: &mut Block) {
        // SAFETY: as for a frame.
        unsafe { pages::clear(address_of(block.address()), BLOCK_SIZE as usize) };
    }

    fn copy(&self, from: PhysAddr, to: &mut Frame) {
        let from = checked(from, 0, PAGE_SIZE as usize);
        // SAFETY: both are whole pages that the linear map shows; the frame has no other owner, so they differ.
        unsafe { pages::copy(address_of(to.address()), from) };
    }

    fn write(&self, frame: &mut Frame, offset: usize, bytes: &[u8]) {
        let to = checked(frame.address(), offset, bytes.len());
        // SAFETY: the bytes lie in the frame, which is the caller's own.
        unsafe { pages::copy_bytes(to, bytes.as_ptr(), bytes.len()) };
    }

    fn read_shared(&self, page: PhysAddr, offset: usize, bytes: &mut [u8]) {
        let from = checked(page, offset, bytes.len());
        // SAFETY: the bytes lie in a page of RAM, which `bytes`, the kernel's, is no part of.
        unsafe { pages::copy_bytes(bytes.as_mut_ptr(), from, bytes.len()) };
    }

    unsafe fn write_shared(&self, page: PhysAddr, offset: usize, bytes: &[u8]) {
        let to = checked(page, offset, bytes.len());
        // SAFETY: the bytes lie in a page of data, by the caller's promise, which `bytes`, the kernel's, is no part of.
        unsafe { pages::copy_bytes(to, bytes.as_ptr(), bytes.len()) };
    }

    fn sync_code(&self, page: PhysAddr) {
        cache::sync_instructions(checked(page, 0, PAGE_SIZE as usize), PAGE_SIZE as usize);
    }

    unsafe fn move_descriptors(&self, from: NonNull<u64>, to: NonNull<u64>, count: usize) {
        // SAFETY: the caller's promise is the routine's.
        unsafe { pages::move_descriptors(from.as_ptr(), to.as_ptr(), count) };
    }

    unsafe fn clear_descriptors(&self, start: NonNull<u64>, count: usize) {
        // SAFETY: the caller's promise is the routine's.
        unsafe { pages::clear_descriptors(start.as_ptr(), count) };
    }

    unsafe fn share_descriptors(
        &self,
        from: NonNull<u64>,
        to: NonNull<u64>,
        count: usize,
        how: &SharedDescriptors,
    ) -> usize {
        // SAFETY: the caller's promise is the routine's, and the words are those of all frames.
        unsafe { pages::share_descriptors(from.as_ptr(), to.as_ptr(), count, how, frames::words()) }
    }

    #[inline]
    unsafe fn detach_descriptors(&self, start: NonNull<u64>, count: usize, like: u64, look: u64) -> usize {
        // SAFETY: the caller's promise is the routine's.
        unsafe { pages::detach_descriptors(start.as_ptr(), count, like, look) }
    }

    #[inline]
    unsafe fn attach_descriptors(
        &self,
        from: NonNull<u64>,
        to: NonNull<u64>,
        count: usize,
        set: u64,
    ) -> bool {
        // SAFETY: the caller's promise is the routine's.
        unsafe { pages::attach_descriptors(from.as_ptr(), to.as_ptr(), count, set) }
    }
}

/// Where the linear map shows `len` bytes at `offset` in the page at `page`.
///
/// # Panics
///
/// When they are not all in that page, or the page is not in RAM.
fn checked(page: PhysAddr, offset: usize, len: usize) -> *mut u8 {
    let inside = offset
        .checked_add(len)
        .is_some_and(|end| end <= PAGE_SIZE as usize);
    assert!(inside, "{len} bytes at {offset} leave a page");
    // It panics for an address that is not in the memory of this machine.
    let _ = frames::words().of(page);
    address_of(page).wrapping_add(offset)
}

impl Tlb for Machine {
    fn features(&self) -> MmuFeatures {
        cpu::features().mmu
    }

    fn dsb_stores(&self) {
        tlb::dsb_stores();
    }

    fn dsb(&self) {
        tlb::dsb();
    }

    fn isb(&self) {
        tlb::isb();
    }

    fn tlbi_page(&self, page: PageOperand, reach: Reach) {
        tlb::tlbi_page(page, reach);
    }

    fn tlbi_range(&self, range: RangeOperand, reach: Reach) {
        tlb::tlbi_range(range, reach);
    }

    fn tlbi_asid(&self, asid: PageOperand) {
        tlb::tlbi_asid(asid);
    }
}

crate::ktest! {
    /// A frame is cleared whole, and nothing beside it.
    fn a_frame_is_cleared_whole() {
        let (mut first, second) = (Machine.take_frame().expect("memory"), Machine.take_frame().expect("memory"));
        let bytes = |frame: &Frame| {
            let start = address_of(frame.address());
            // SAFETY: the frame is this test's own, and the linear map shows it.
            unsafe { core::slice::from_raw_parts_mut(start, PAGE_SIZE as usize) }
        };
        bytes(&first).fill(0xa5);
        bytes(&second).fill(0x5a);
        Machine.clear(&mut first);
        assert!(bytes(&first).iter().all(|byte| *byte == 0) && bytes(&second).iter().all(|byte| *byte == 0x5a));
        Machine.copy(second.address(), &mut first);
        Machine.write(&mut first, 4090, &[1, 2, 3, 4, 5, 6]);
        let mut read = [0; 8];
        Machine.read_shared(first.address(), 4088, &mut read);
        assert_eq!(read, [0x5a, 0x5a, 1, 2, 3, 4, 5, 6]);
        Machine.give_frame(first);
        Machine.give_frame(second);
    }

    /// Runs of descriptors arrive as they were, at any alignment, also where source and target overlap.
    fn descriptors_move_as_they_are() {
        let mut words = alloc::vec![0u64; 1200];
        for (shift, count) in [(512, 512), (1, 511), (3, 400), (600, 1), (2, 0), (17, 33)] {
            words.iter_mut().enumerate().for_each(|(i, word)| *word = i as u64 | 1 << 40);
            let from = NonNull::from(&mut words[8]);
            // SAFETY: both runs lie in the vector, which is this test's own.
            unsafe { Machine.move_descriptors(from, from.add(shift), count) };
            assert!((0..count).all(|i| words[8 + shift + i] == (8 + i) as u64 | 1 << 40), "{shift} {count}");
            assert_eq!(words[8 + shift + count], (8 + shift + count) as u64 | 1 << 40);
            assert_eq!(words[7], 7 | 1 << 40);
        }
    }
}
