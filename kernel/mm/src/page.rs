//! References to a page of data, counted in the word of its frame.
//!
//! Each entry of a table that maps the page holds one, and so does the object that it belongs to. Who gives up the last
//! one gives the frame back; whoever gives up a mapping has flushed it from the TLB before.

use crate::machine::{Block, Frame, FrameWords, HANDFUL, Machine};
use crate::{PAGE_SHIFT, PhysAddr};
use core::sync::atomic::{AtomicU32, Ordering};

/// Makes a frame, as [`take_frame`](crate::machine::Frames::take_frame) gave it, a page of data with one reference, which is the
/// caller's.
pub(crate) fn adopt(machine: &impl Machine, frame: Frame) -> PhysAddr {
    debug_assert!(
        is_sole(machine, frame.address()),
        "a frame comes with one reference"
    );
    frame.into_raw()
}

/// Takes one more reference to a page that the caller knows to have one.
#[inline]
pub(crate) fn share(machine: &impl Machine, page: PhysAddr) {
    share_counted(machine.word(page));
}

/// Takes one more reference to each page of a block that the caller knows to have some.
pub(crate) fn share_block(machine: &impl Machine, block: PhysAddr) {
    machine.words().of_block(block).iter().for_each(share_counted);
}

/// Counts one more reference.
#[inline]
pub(crate) fn share_counted(word: &AtomicU32) {
    // Who holds the only reference need not count atomically: nobody else is there to take or give up another.
    if word.load(Ordering::Relaxed) == 1 {
        word.store(2, Ordering::Relaxed);
    } else {
        word.fetch_add(1, Ordering::Relaxed);
    }
}

/// Whether the caller's reference is the only one.
pub(crate) fn is_sole(machine: &impl Machine, page: PhysAddr) -> bool {
    // Acquire: what others did with the page before they gave up their references has happened.
    machine.word(page).load(Ordering::Acquire) == 1
}

/// How many references there are.
pub(crate) fn references(machine: &impl Machine, page: PhysAddr) -> u64 {
    machine.word(page).load(Ordering::Relaxed).into()
}

/// Gives up the caller's reference, and the frame with the last one.
pub(crate) fn release(machine: &impl Machine, page: PhysAddr) {
    // Who holds the only reference need not count it down: nobody else is there to take another.
    if is_sole(machine, page) || machine.word(page).fetch_sub(1, Ordering::AcqRel) == 1 {
        // SAFETY: no reference is left, so nothing maps the page and no object holds it; the TLB was flushed before the last
        // mapping's reference was given up.
        machine.give_frame(unsafe { Frame::from_raw(page) });
    }
}

/// Gives up the caller's references to the pages that `page` finds in `items`, in their order: up to the first item in which there
/// is none, or one that somebody else refers to as well. `given` gets each item whose page has gone, and makes sure that it is
/// not found again. Answers how many those are.
#[inline]
pub(crate) fn release_while_sole<T>(
    machine: &impl Machine,
    items: &[T],
    page: impl Fn(&T) -> Option<PhysAddr>,
    given: impl Fn(&T),
) -> usize {
    // SAFETY: as in `release`, for each page.
    unsafe { machine.give_while_sole(items, page, given) }
}

/// Gives up references to many pages, whose frames go back a handful at a time; the rest when it is dropped.
pub(crate) struct Releases<'m, M: Machine> {
    machine: &'m M,
    words: FrameWords<'m>,
    /// The first `count` are pages that nobody refers to any more.
    pages: [PhysAddr; HANDFUL],
    count: usize,
}

impl<'m, M: Machine> Releases<'m, M> {
    /// With nothing given up so far.
    #[inline]
    pub(crate) fn new(machine: &'m M) -> Self {
        Self {
            machine,
            words: machine.words(),
            pages: [PhysAddr::new(0); HANDFUL],
            count: 0,
        }
    }

    /// Gives up the caller's reference to a page.
    #[inline]
    pub(crate) fn release(&mut self, page: PhysAddr) {
        let word = self.words.of(page);
        // As in the function of this name.
        if word.load(Ordering::Acquire) == 1 || word.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.pages[self.count % HANDFUL] = page;
            self.count += 1;
            if self.count == HANDFUL {
                self.give();
            }
        }
    }

    fn give(&mut self) {
        // SAFETY: as in the function `release`, for each page; each is given once.
        let frames = self.pages[..self.count]
            .iter()
            .map(|page| unsafe { Frame::from_raw(*page) });
        self.machine.give_frames(frames);
        self.count = 0;
    }
}

impl<M: Machine> Drop for Releases<'_, M> {
    #[inline]
    fn drop(&mut self) {
        if self.count > 0 {
            self.give();
        }
    }
}

/// Makes a block 512 pages of data with one reference each, which are the caller's.
pub(crate) fn adopt_block(machine: &impl Machine, block: Block) -> PhysAddr {
    count_block(machine, &block);
    block.into_raw()
}

/// Gives each frame of a block one reference, as single frames come with.
pub(crate) fn count_block(machine: &impl Machine, block: &Block) {
    for word in machine.words().of_block(block.address()) {
        word.store(1, Ordering::Relaxed);
    }
}

/// Whether the caller's references to the pages of a block are the only ones.
pub(crate) fn is_sole_block(machine: &impl Machine, block: PhysAddr) -> bool {
    // Acquire: as for `is_sole`.
    let mut words = machine.words().of_block(block).iter();
    words.all(|word| word.load(Ordering::Acquire) == 1)
}

/// Gives up the caller's references to the pages of a block, and the frames with the last ones.
pub(crate) fn release_block(machine: &impl Machine, block: PhysAddr) {
    if is_sole_block(machine, block) {
        // SAFETY: as in `release`, for each page of the block; its frames were handed out as a block or are one that is whole.
        return machine.give_block(unsafe { Block::from_raw(block) });
    }
    for index in 0..machine.words().of_block(block).len() as u64 {
        release(machine, block + (index << PAGE_SHIFT));
    }
}
