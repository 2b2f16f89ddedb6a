//! What the crate asks of a machine: frames, a view of physical memory, page-sized work, and the TLB.
//!
//! The kernel implements the four traits on one zero-size type, by its frame allocator, its linear map and a few lines of
//! assembly; on the host a fake stands in, which logs and checks what a real machine would do silently.
//! Nothing here takes a lock for its caller: an address space is edited under its own lock, and the traits take `&self`
//! because several address spaces share one machine.

use crate::{PAGE_SHIFT, PAGE_SIZE, PhysAddr, VirtAddr};
use bitflags::bitflags;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, Ordering};

/// Everything a machine offers; implemented for whatever has the four parts and can be handed on by `clone`.
pub trait Machine: Frames + PhysMap + Pages + Tlb + Clone {}

impl<T: Frames + PhysMap + Pages + Tlb + Clone> Machine for T {}

/// The size in bytes of a [`Block`]: what one entry of a PMD maps, 2 MiB.
pub const BLOCK_SIZE: u64 = 512 * PAGE_SIZE;

/// One 4 KiB frame that has exactly one owner: whoever holds the value.
///
/// While it is held nothing translates to the frame, so its bytes may be written without asking. It stops being a `Frame`
/// by [`Frame::into_raw`], when it goes into a table or an object; dropping it otherwise leaks the memory.
#[must_use = "a frame that is dropped is lost: give it back or map it"]
#[derive(Debug, PartialEq, Eq)]
pub struct Frame(PhysAddr);

/// A naturally aligned 2 MiB block of 512 frames that has exactly one owner; otherwise as [`Frame`].
#[must_use = "a block that is dropped is lost: give it back or map it"]
#[derive(Debug, PartialEq, Eq)]
pub struct Block(PhysAddr);

macro_rules! owned_memory {
    ($name:ident, $size:expr, $what:literal) => {
        impl $name {
            /// Takes ownership of the memory at `address`.
            ///
            /// # Safety
            #[doc = concat!("`address` is that of a ", $what, " which [`Frames`] handed out and which has no other owner: no")]
            /// descriptor translates to it, no reference counted in its [`Frames::word`] is left, and no TLB remembers it.
            pub const unsafe fn from_raw(address: PhysAddr) -> Self {
                debug_assert!(address.is_aligned($size));
                Self(address)
            }

            /// The physical address; the ownership stays here.
            pub const fn address(&self) -> PhysAddr {
                self.0
            }

            /// Gives the ownership up to whoever keeps the address: a descriptor, an object, a list.
            pub const fn into_raw(self) -> PhysAddr {
                self.0
            }
        }
    };
}

owned_memory!(Frame, PAGE_SIZE, "frame");
owned_memory!(Block, BLOCK_SIZE, "block");

impl Block {
    /// The 512 frames of the block, in ascending order: a block may be given back frame by frame.
    pub fn into_frames(self) -> impl Iterator<Item = Frame> {
        (0..BLOCK_SIZE >> PAGE_SHIFT).map(move |index| Frame(self.0 + (index << PAGE_SHIFT)))
    }
}

/// How many frames [`Frames::give_frames`] takes at once.
pub const HANDFUL: usize = 16;

/// Physical memory, taken and given back.
///
/// # Safety
/// Memory that is handed out is RAM, is aligned to its size, and overlaps nothing else that is in use: no other frame or
/// block handed out and not yet given back, no part of the kernel.
pub unsafe trait Frames {
    /// Takes a frame; `None` when there is none. Its contents are unspecified; its word is 1, which means one reference.
    fn take_frame(&self) -> Option<Frame>;

    /// Takes 2 MiB; `None` when no whole block is free, which says nothing about single frames. Contents and words are
    /// unspecified.
    fn take_block(&self) -> Option<Block>;

    /// Gives a frame back, also one that was handed out as part of a block.
    fn give_frame(&self, frame: Frame);

    /// Gives several frames back, at most [`HANDFUL`].
    #[inline]
    fn give_frames(&self, frames: impl ExactSizeIterator<Item = Frame>) {
        frames.for_each(|frame| self.give_frame(frame));
    }

    /// Gives back the pages of data that `page` finds in `items`, in their order: up to the first item in which there is none, or
    /// one that somebody else refers to as well, so that its word is not 1. `given` gets each item whose page has gone. Answers
    /// how many those are.
    ///
    /// # Safety
    /// The caller holds a reference to each page that is found and gives it up: `given` makes sure that it is not found again. No
    /// descriptor translates to a page that has no other reference, and no TLB remembers it.
    #[inline]
    unsafe fn give_while_sole<T>(
        &self,
        items: &[T],
        page: impl Fn(&T) -> Option<PhysAddr>,
        given: impl Fn(&T),
    ) -> usize {
        let is_sole = |page: &PhysAddr| self.word(*page).load(Ordering::Acquire) == 1;
        let mut count = 0;
        for item in items {
            let Some(page) = page(item).filter(is_sole) else {
                break;
            };
            // SAFETY: the caller's promise; its reference was the last.
            self.give_frame(unsafe { Frame::from_raw(page) });
            given(item);
            count += 1;
        }
        count
    }

    /// Gives a block back.
    fn give_block(&self, block: Block);

    /// The words of all frames of the machine.
    fn words(&self) -> FrameWords<'_>;

    /// The word of one frame.
    ///
    /// # Panics
    /// If `frame` is no address in RAM.
    #[inline(always)]
    fn word(&self, frame: PhysAddr) -> &AtomicU32 {
        self.words().of(frame)
    }
}

/// One word for each frame of RAM, and for whatever lies between pieces of RAM.
///
/// The word belongs to a frame while it is handed out: it is the references to a page of data, counted by whoever maps it, or
/// the occupancy and flags of a page table. Every frame of a block has its own and is counted by its own, so that a block can
/// be split without looking at them. A free frame's word is the allocator's.
#[derive(Clone, Copy)]
pub struct FrameWords<'m> {
    /// The number of the first frame: its address by its size.
    first: u64,
    words: &'m [AtomicU32],
}

impl<'m> FrameWords<'m> {
    /// The words of the frames from address `base` (page-aligned) on.
    pub const fn new(base: PhysAddr, words: &'m [AtomicU32]) -> Self {
        Self {
            first: base.get() >> PAGE_SHIFT,
            words,
        }
    }

    /// The number of the first frame, which is its address by its size, and the words from there on.
    pub const fn parts(self) -> (u64, &'m [AtomicU32]) {
        (self.first, self.words)
    }

    /// The word of one frame.
    ///
    /// # Panics
    /// If `frame` is no address in RAM.
    #[inline]
    pub fn of(self, frame: PhysAddr) -> &'m AtomicU32 {
        &self.words[(frame.get() >> PAGE_SHIFT).wrapping_sub(self.first) as usize]
    }

    /// The words of the frames of a block, in ascending order.
    ///
    /// # Panics
    /// If `block` is no address of a block in RAM.
    #[inline]
    pub fn of_block(self, block: PhysAddr) -> &'m [AtomicU32] {
        let first = (block.get() >> PAGE_SHIFT).wrapping_sub(self.first) as usize;
        &self.words[first..][..(BLOCK_SIZE >> PAGE_SHIFT) as usize]
    }
}

/// How the kernel reaches physical memory.
///
/// # Safety
/// For every address in a frame or block handed out by the same machine's [`Frames`], the pointer is valid for reads and
/// writes up to the end of that frame or block, as Normal write-back memory; the same address always gives the same
/// pointer, and distinct addresses distinct ones, at the same distance within a frame or block.
pub unsafe trait PhysMap {
    /// Where the kernel sees the byte at `address`.
    fn pointer(&self, address: PhysAddr) -> NonNull<u8>;
}

/// Work on whole pages, worth assembly on a board.
///
/// Frames of data are shared with programs, which may write to them at any time on another core: implementations access
/// them by assembly or volatile accesses and never make Rust references to their bytes.
///
/// # Safety
/// The methods write nothing but the bytes that their descriptions name.
pub unsafe trait Pages {
    /// Fills a frame with zeros.
    fn clear(&self, frame: &mut Frame);

    /// Fills a block with zeros.
    fn clear_block(&self, block: &mut Block);

    /// Copies the page of data at `from` (page-aligned, in RAM) into a frame.
    fn copy(&self, from: PhysAddr, to: &mut Frame);

    /// Writes `bytes` into a frame from `offset` on.
    ///
    /// # Panics
    /// If that goes past the end of the frame.
    fn write(&self, frame: &mut Frame, offset: usize, bytes: &[u8]);

    /// Reads from a page of data that may be mapped, from `offset` on.
    ///
    /// # Panics
    /// If that goes past the end of the page, or `page` is not in RAM.
    fn read_shared(&self, page: PhysAddr, offset: usize, bytes: &mut [u8]);

    /// Writes to a page of data that may be mapped, from `offset` on.
    ///
    /// # Safety
    /// `page` is a page of data, never a table: it was mapped or put into an object, and the caller holds a reference.
    ///
    /// # Panics
    /// If that goes past the end of the page.
    unsafe fn write_shared(&self, page: PhysAddr, offset: usize, bytes: &[u8]);

    /// Makes instruction fetches see what was written to the page of data at `page` (page-aligned, in RAM), before it is
    /// mapped executable (Arm ARM, B2.7.4.4).
    fn sync_code(&self, page: PhysAddr);

    /// Moves `count` descriptors (0..=512) from `from` to `to`, from the last to the first: the runs may overlap if `to`
    /// lies above `from`. On a board this is an unrolled run of paired loads and stores, because it is what a move of
    /// memory by entries costs: 2 instructions a page are the aim.
    ///
    /// # Safety
    /// Both runs lie in table pages that no walker can reach and that nothing else accesses meanwhile. `from` and `to` are
    /// aligned to 8 bytes and valid for `count` descriptors.
    unsafe fn move_descriptors(&self, from: NonNull<u64>, to: NonNull<u64>, count: usize);

    /// Makes `count` descriptors (0..=512) from `start` on absent. On a board this is an unrolled run of paired stores.
    ///
    /// # Safety
    /// They lie in a table page that no walker can reach and that nothing else accesses meanwhile. `start` is aligned to 8 bytes
    /// and valid for `count` descriptors.
    unsafe fn clear_descriptors(&self, start: NonNull<u64>, count: usize);

    /// Copies usual descriptors (see [`SharedDescriptors`]) of pages of data from `from` to `to` and changes them in both, and
    /// makes the word of each page's frame 2. Stops before the first that is not usual, before a page whose word is not 1, and
    /// anywhere near the end of a run of `count` (0..=512); answers how many it has done. On a board this is unrolled, because
    /// it is what a fork costs.
    ///
    /// # Safety
    /// Both runs lie in table pages that no walker can reach and that nothing else accesses meanwhile, and do not overlap. `from`
    /// and `to` are aligned to 8 bytes and valid for `count` descriptors. Whoever looks at the word of a frame that only these
    /// descriptors refer to waits until this is done.
    unsafe fn share_descriptors(
        &self,
        from: NonNull<u64>,
        to: NonNull<u64>,
        count: usize,
        how: &SharedDescriptors,
    ) -> usize;

    /// Clears bit 0, the valid bit, of descriptors that agree with `like` in the bits of `look`, from `start` on. Stops before
    /// the first that does not agree, and anywhere near the end of a run of `count` (0..=512); answers how many it has done. On a
    /// board this is unrolled, because it is what a move of some pages out of a table costs, which others are in.
    ///
    /// A walker may read them at any time: each is read and written whole (Arm ARM, B2.2.1: both halves of a pair are single-copy
    /// atomic).
    ///
    /// # Safety
    /// They lie in a table page that nothing but walkers accesses meanwhile. The hardware updates none that agrees. `start` is
    /// aligned to 8 bytes and valid for `count` descriptors.
    unsafe fn detach_descriptors(&self, start: NonNull<u64>, count: usize, like: u64, look: u64) -> usize;

    /// Moves `count` descriptors (0..=512) from `from` to `to`, sets the bits of `set` in each, and makes them absent where they
    /// were; answers whether all were absent at `to`. On a board this is unrolled, for the same reason.
    ///
    /// A walker may read both runs at any time, as in [`Self::detach_descriptors`].
    ///
    /// # Safety
    /// Both runs lie in table pages that nothing but walkers accesses meanwhile, and do not overlap. The hardware updates none of
    /// the descriptors at `from`, nor could it what `to` holds: all of that is invalid. Both are aligned to 8 bytes and valid for
    /// `count` descriptors.
    unsafe fn attach_descriptors(&self, from: NonNull<u64>, to: NonNull<u64>, count: usize, set: u64)
    -> bool;
}

/// Which descriptors [`Pages::share_descriptors`] shares, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct SharedDescriptors {
    /// The bits that are looked at: a descriptor is the usual one if they are those of `expected`.
    pub look: u64,
    /// See there.
    pub expected: u64,
    /// The bits that change in it, from 0 to 1 or back.
    pub changes: u64,
}

bitflags! {
    /// What the MMU can do, the same on every core (from `ID_AA64MMFR1_EL1`, `ID_AA64ISAR0_EL1`, `MIDR_EL1`).
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct MmuFeatures: u32 {
        /// The hardware sets the access flag (FEAT_HAFDBS, `TCR_EL1.HA` is on).
        const HARDWARE_ACCESS = 1 << 0;
        /// The hardware makes a clean writable entry writable when it is written (`TCR_EL1.HD` is on).
        const HARDWARE_DIRTY = 1 << 1;
        /// There are TLBI instructions that take a range (FEAT_TLBIRANGE).
        const TLB_RANGE = 1 << 2;
        /// A broadcast TLBI and DSB must be followed by one more TLBI and DSB (Cortex-A76, CVE-2025-10263).
        const REPEAT_FLUSH = 1 << 3;
    }
}

/// The identifier that tells the TLB entries of one address space from another's: 8 or 16 bits, as the CPU has them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(transparent)]
pub struct Asid(pub u16);

/// Which cached parts of a translation a TLBI must reach.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Reach {
    /// Only the last level: nothing but leaf entries changed (`TLBI VALE1`, `RVALE1`).
    Leaf,
    /// Also the walk caches: a table was taken out (`TLBI VAE1`, `RVAE1`).
    Walk,
}

/// The operand of a TLBI by address: ASID in bits 63:48, address bits 55:12 in bits 43:0, no level hint (Arm ARM, TLBI VAE1).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct PageOperand(pub u64);

impl PageOperand {
    /// The operand for one page of one address space.
    pub const fn new(asid: Asid, page: VirtAddr) -> Self {
        Self((asid.0 as u64) << 48 | (page.get() >> PAGE_SHIFT) & ((1 << 44) - 1))
    }

    /// The operand of `TLBI ASIDE1`: the ASID alone.
    pub const fn whole(asid: Asid) -> Self {
        Self((asid.0 as u64) << 48)
    }
}

/// The operand of a TLBI by range: ASID in 63:48, granule (1: 4 KiB) in 47:46, SCALE in 45:44, NUM in 43:39, no level
/// hint, page number in 36:0. It covers `(NUM + 1) << (5 * SCALE + 1)` pages (Arm ARM, TLBI RVAE1).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct RangeOperand(pub u64);

impl RangeOperand {
    /// The most pages that are asked of one operand: 2 GiB. The format has room for 8, but QEMU 10 computes the length in 32
    /// bits and flushes next to nothing from 4 GiB on.
    pub const MAX_PAGES: u64 = 1 << 19;

    /// The most pages that the least SCALE covers.
    pub const FEW_PAGES: u64 = 64;

    /// The operand with the least reach that covers `pages` (1..=[`Self::MAX_PAGES`]) from `start`.
    #[inline(always)]
    pub const fn covering(asid: Asid, start: VirtAddr, pages: u64) -> Self {
        debug_assert!(pages > 0 && pages <= Self::MAX_PAGES);
        // The least SCALE whose 32 units suffice: 2^6, 2^11, 2^16, 2^21 pages.
        let bits = 64 - (pages - 1).leading_zeros();
        // In 8 bits, where a division is cheap.
        let scale = if bits <= 6 { 0 } else { (bits as u8 - 2) / 5 } as u64;
        Self::scaled(asid, start, pages, scale)
    }

    /// [`Self::covering`] of 1..=[`Self::FEW_PAGES`].
    #[inline(always)]
    pub const fn covering_few(asid: Asid, start: VirtAddr, pages: u64) -> Self {
        debug_assert!(pages > 0 && pages <= Self::FEW_PAGES);
        Self::scaled(asid, start, pages, 0)
    }

    #[inline(always)]
    const fn scaled(asid: Asid, start: VirtAddr, pages: u64, scale: u64) -> Self {
        let num = (pages - 1) >> (5 * scale + 1);
        let page = (start.get() >> PAGE_SHIFT) & ((1 << 37) - 1);
        Self((asid.0 as u64) << 48 | 1 << 46 | scale << 44 | num << 39 | page)
    }

    /// How many pages the operand covers.
    pub const fn pages(self) -> u64 {
        let (scale, num) = (self.0 >> 44 & 3, self.0 >> 39 & 31);
        (num + 1) << (5 * scale + 1)
    }
}

/// TLB maintenance and the barriers around it, one instruction a method so that a fake can log the exact sequence.
///
/// "Every observer" is every core that may use an address space of this machine: an implementation takes the local forms
/// (`TLBI VAE1`, `DSB NSH`) where there is one core and the broadcast forms (`TLBI VAE1IS`, `DSB ISH`) where there are more.
/// The table code decides what to flush and in which order; no method implies a barrier that it does not name. Methods
/// must be opaque to the compiler for memory: no store is moved across one.
pub trait Tlb {
    /// What the MMU can do.
    fn features(&self) -> MmuFeatures;

    /// `DSB ISHST`: completes earlier stores to tables for every walker.
    fn dsb_stores(&self);

    /// `DSB ISH`: completes earlier TLBIs, and every access made through a translation that they removed.
    fn dsb(&self);

    /// `ISB`: the instructions that follow see what the barriers before completed.
    fn isb(&self);

    /// `TLBI VALE1` or `VAE1`: forgets the translations of one page, of any size, in one address space.
    fn tlbi_page(&self, page: PageOperand, reach: Reach);

    /// `TLBI RVALE1` or `RVAE1`: forgets the translations of a range. Only where there is [`MmuFeatures::TLB_RANGE`].
    fn tlbi_range(&self, range: RangeOperand, reach: Reach);

    /// `TLBI ASIDE1`: forgets every translation and cached walk of one address space; the operand is
    /// [`PageOperand::whole`].
    fn tlbi_asid(&self, asid: PageOperand);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_operand_covers_its_pages_with_the_least_reach() {
        let start = VirtAddr::new(0x7fff_1234_5000);
        for pages in (1..5000).chain((1..=19).flat_map(|bit| [(1 << bit) - 1, 1 << bit])) {
            let operand = RangeOperand::covering(Asid(7), start, pages);
            let scale = operand.0 >> 44 & 3;
            let unit = 2 << (5 * scale);
            assert!(
                operand.pages() >= pages && operand.pages() - pages < unit,
                "{pages}"
            );
            assert!(
                scale == 0 || pages > 32 * (unit >> 5),
                "{pages}: a smaller scale would do"
            );
            assert_eq!(operand.0 >> 46, 7 << 2 | 1);
            assert!(
                pages > RangeOperand::FEW_PAGES
                    || operand == RangeOperand::covering_few(Asid(7), start, pages)
            );
            assert_eq!(operand.0 & ((1 << 37) - 1), start.get() >> 12);
        }
    }

    #[test]
    fn page_operands_hold_asid_and_page_number() {
        let operand = PageOperand::new(Asid(0xabcd), VirtAddr::new(0xffff_1234_5000));
        assert_eq!(operand.0, 0xabcd_000f_fff1_2345);
        assert_eq!(PageOperand::whole(Asid(0xabcd)).0, 0xabcd << 48);
    }
}
