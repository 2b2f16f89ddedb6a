//! The page frames of this machine: the allocator of the crate `hardware`, over memory that it also keeps its books in.

use core::cell::UnsafeCell;
#[cfg(feature = "ktest")]
use core::sync::atomic::AtomicU32;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use hardware::frames::{BLOCK_SIZE, Block, BlockWords, Books, FrameAllocator};
use hardware::{PhysRange, RangeSet};
#[cfg(feature = "ktest")]
use mm::PAGE_SHIFT;
use mm::machine::{Frame, FrameWords};
use mm::{PAGE_SIZE, PhysAddr};

use super::OutOfMemory;
use super::linear::address_of;
use crate::arch;
use crate::sync::Mutex;

/// How many frames only the kernel itself may take, for its heap, its tables and its stacks: a program that uses up all memory
/// is told so while the kernel can still go on.
pub(super) const RESERVE: usize = 512;

static FRAMES: Mutex<Option<FrameAllocator>> = Mutex::new(None);
/// The words of the frames, from the first block of memory on; none before [`init`].
static WORDS: Words = Words(UnsafeCell::new(FrameWords::new(PhysAddr::new(0), &[])));

/// Looked at several times in every edit of the page tables, so without a lock.
struct Words(UnsafeCell<FrameWords<'static>>);

// SAFETY: written by `init` alone, whose caller promises that nothing reads it at the same time.
unsafe impl Sync for Words {}

/// Whether there are frames to be had.
static READY: AtomicBool = AtomicBool::new(false);

/// Makes the books, in memory taken from `free`, and hands the rest of it to the allocator.
///
/// # Errors
///
/// [`OutOfMemory`] when no free range is large enough for the books.
///
/// # Safety
///
/// Called once, before anything here is used. The linear map shows all of `mapped`, and `free` is RAM in it that nobody uses.
pub(super) unsafe fn init(mapped: &RangeSet, mut free: RangeSet) -> Result<(), OutOfMemory> {
    let span = mapped.span().ok_or(OutOfMemory)?.widened(BLOCK_SIZE);
    let blocks = (span.len() / BLOCK_SIZE) as usize;
    let words_bytes = (blocks * size_of::<BlockWords>()) as u64;
    let blocks_bytes = (blocks * size_of::<Block>()) as u64;
    let bytes = (words_bytes + blocks_bytes).next_multiple_of(PAGE_SIZE);
    let place = free
        .iter()
        .rev()
        .find(|range| range.len() >= bytes)
        .ok_or(OutOfMemory)?;
    let books = PhysRange {
        start: place.end - bytes,
        end: place.end,
    };
    // Taking the end of a range never makes two of it.
    free.remove(books).map_err(|_| OutOfMemory)?;

    let memory = address_of(books.start);
    // SAFETY: the books are whole pages of free memory that the linear map shows, by the caller's promise.
    unsafe { arch::pages::clear(memory, bytes as usize) };
    // SAFETY: as above; the memory is taken from `free` for good, is aligned to a page, and is zero, which is a valid value
    // of both types.
    let (words, blocks) = unsafe {
        (
            core::slice::from_raw_parts(memory.cast::<BlockWords>(), blocks),
            core::slice::from_raw_parts_mut(memory.add(words_bytes as usize).cast::<Block>(), blocks),
        )
    };
    // SAFETY: nobody has read it yet, by the caller's promise.
    unsafe { *WORDS.0.get() = FrameWords::new(span.start, words.as_flattened()) };
    let offset = address_of(PhysAddr::new(0)) as usize;
    let mut allocator = FrameAllocator::new(Books {
        base: span.start,
        offset,
        words,
        blocks,
    });
    for range in free.iter() {
        // SAFETY: the range is free RAM in the linear map, by the caller's promise, and the ranges of a set do not overlap.
        unsafe { allocator.add(range) };
    }
    *FRAMES.lock() = Some(allocator);
    READY.store(true, Relaxed);
    Ok(())
}

/// Whether there are frames to be had.
pub(super) fn ready() -> bool {
    READY.load(Relaxed)
}

/// How many frames are free.
pub(crate) fn free_frames() -> usize {
    FRAMES.lock().as_ref().map_or(0, FrameAllocator::free)
}

/// How many frames there are for the kernel's heap and for programs.
pub(crate) fn total_frames() -> usize {
    FRAMES.lock().as_ref().map_or(0, FrameAllocator::total)
}

/// Whether only the kernel's reserve is left. What makes the kernel keep something on its heap for a program asks before it does.
pub(crate) fn is_short() -> bool {
    free_frames() <= RESERVE
}

/// Takes a frame as long as more than the kernel's reserve is free.
pub(super) fn take() -> Option<Frame> {
    take_above(RESERVE)
}

/// Takes a frame for the kernel itself, from the reserve if need be.
pub(super) fn take_for_kernel() -> Option<Frame> {
    take_above(0)
}

fn take_above(reserve: usize) -> Option<Frame> {
    let mut frames = FRAMES.lock();
    let allocator = frames.as_mut().filter(|allocator| allocator.free() > reserve)?;
    // SAFETY: the allocator gives each frame to one owner, and nothing maps a free frame but the linear map.
    Some(unsafe { Frame::from_raw(allocator.take()?) })
}

/// Takes a block as long as more than the kernel's reserve is free.
pub(super) fn take_block() -> Option<mm::machine::Block> {
    let mut frames = FRAMES.lock();
    let enough = |allocator: &&mut FrameAllocator| {
        allocator.free() as u64 * PAGE_SIZE > BLOCK_SIZE + RESERVE as u64 * PAGE_SIZE
    };
    let block = frames.as_mut().filter(enough)?.take_block()?;
    // SAFETY: as for frames.
    Some(unsafe { mm::machine::Block::from_raw(block) })
}

/// Gives a frame back.
pub(super) fn give(frame: Frame) {
    // SAFETY: a `Frame` belongs to whoever has it, who gives it up.
    with(|allocator| unsafe { allocator.give(frame.into_raw()) });
}

/// Gives several frames back.
pub(super) fn give_all(frames: impl ExactSizeIterator<Item = Frame>) {
    // SAFETY: as in `give`.
    with(|allocator| unsafe { allocator.give_all(frames.map(Frame::into_raw)) });
}

/// Gives back the frames that `page` finds in `items` as long as their words are 1: see [`mm::machine::Frames::give_while_sole`].
///
/// # Safety
/// As there.
#[inline]
pub(super) unsafe fn give_while_sole<T>(
    items: &[T],
    page: impl Fn(&T) -> Option<PhysAddr>,
    given: impl Fn(&T),
) -> usize {
    // SAFETY: the caller's promise.
    with(|allocator| unsafe { allocator.give_while_sole(items, page, given) })
}

/// Gives a block back.
pub(super) fn give_block(block: mm::machine::Block) {
    // SAFETY: as in `give`.
    with(|allocator| unsafe { allocator.give_block(block.into_raw()) });
}

fn with<T>(what: impl FnOnce(&mut FrameAllocator) -> T) -> T {
    what(
        FRAMES
            .lock()
            .as_mut()
            .expect("a frame is given back after it was taken"),
    )
}

/// The words of all frames.
#[inline]
pub(super) fn words() -> FrameWords<'static> {
    // SAFETY: nothing writes it after `init`.
    unsafe { *WORDS.0.get() }
}

#[cfg(feature = "ktest")]
fn word(frame: PhysAddr) -> &'static AtomicU32 {
    words().of(frame)
}

crate::ktest! {
    /// All memory can be taken, frame by frame, without a panic, and comes back.
    fn memory_runs_out_and_comes_back() {
        let before = free_frames();
        // The frames taken are a list that runs through their words: the heap could not hold so many addresses, and their
        // memory is better left alone.
        let mut last = PhysAddr::new(0);
        let mut taken = 0;
        while let Some(frame) = take() {
            let frame = frame.into_raw();
            word(frame).store((last.get() >> PAGE_SHIFT) as u32, Relaxed);
            last = frame;
            taken += 1;
        }
        assert_eq!(taken, before - RESERVE);
        assert!(take_block().is_none());
        while last != PhysAddr::new(0) {
            let next = PhysAddr::new(u64::from(word(last).load(Relaxed)) << PAGE_SHIFT);
            // SAFETY: each frame in the list was taken above, is mapped nowhere, and is given back once.
            give(unsafe { Frame::from_raw(last) });
            last = next;
        }
        assert_eq!(free_frames(), before);
    }

    /// Blocks are aligned, apart from frames, and come back, also in pieces.
    fn blocks_come_back_whole_and_in_pieces() {
        let before = free_frames();
        let (first, second) = (take_block().expect("memory"), take_block().expect("memory"));
        assert!(first.address().is_aligned(BLOCK_SIZE) && first != second);
        assert_eq!(free_frames(), before - 1024);
        give_block(first);
        second.into_frames().for_each(give);
        assert_eq!(free_frames(), before);
    }

    /// A frame has a word of its own, with one reference when it is taken.
    fn a_frame_taken_has_one_reference() {
        let (first, second) = (take().expect("memory"), take().expect("memory"));
        assert_eq!(word(first.address()).load(Relaxed), hardware::frames::WORD_TAKEN);
        assert!(!core::ptr::eq(word(first.address()), word(second.address())));
        give(first);
        give(second);
    }
}
