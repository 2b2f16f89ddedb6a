//! A machine of host memory, for tests: it checks and logs what a real one would let pass in silence.
//!
//! - Frames are poisoned when they are given back and checked when they are taken again, so a write through a stale address
//!   is found; a frame given back twice, or one that a TLB still translates to, panics at once.
//! - Taking memory fails when a test wants it to: [`FakeMachine::fail`]; in this crate's own tests, so does the heap.
//! - The [TLB](tlb) logs every instruction, remembers translations and cached walks like a real one, and answers an access
//!   from what it remembers.

mod audit;
#[cfg(test)]
pub(crate) mod audited;
#[cfg(test)]
pub(crate) mod heap;
mod memory;
pub mod tlb;

use crate::machine::{Block, Frame, FrameWords, Frames, MmuFeatures, Pages, PhysMap, SharedDescriptors};
use crate::table::{Descriptor, ENTRIES};
use crate::{PAGE_SHIFT, PAGE_SIZE, PhysAddr};
use core::ops::{Deref, DerefMut};
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use memory::HostMemory;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::vec::Vec;

const PAGE: usize = PAGE_SIZE as usize;
/// Where the fake RAM begins.
const BASE: u64 = 0x4000_0000;
/// What fills a frame that nobody has.
const POISON: u8 = 0xdb;

/// A machine whose RAM is a piece of host memory; clones share it.
#[derive(Clone)]
pub struct FakeMachine(Arc<Inner>);

struct Inner {
    memory: HostMemory,
    words: Vec<AtomicU32>,
    features: MmuFeatures,
    state: Mutex<State>,
}

/// Which requests for memory fail, counted from zero from when it is said.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Failures {
    /// None, as long as there is memory.
    #[default]
    None,
    /// This one, and all that follow.
    From(u64),
    /// This one alone.
    Once(u64),
}

impl Failures {
    /// Whether the request with this number fails.
    pub const fn hit(self, number: u64) -> bool {
        match self {
            Self::None => false,
            Self::From(first) => number >= first,
            Self::Once(only) => number == only,
        }
    }
}

#[derive(Default)]
struct State {
    free: BTreeSet<usize>,
    poisoned: BTreeSet<usize>,
    failures: Failures,
    takes: u64,
    /// How many requests there had been when it was said which fail.
    failures_begin: u64,
    tlb: tlb::Model,
}

impl FakeMachine {
    /// A machine with every feature and `frames` of RAM, rounded up to whole blocks. Host memory is used as it is touched.
    pub fn new(frames: usize) -> Self {
        Self::with_features(frames, MmuFeatures::all() - MmuFeatures::REPEAT_FLUSH)
    }

    /// A machine with `frames` of RAM, rounded up to whole blocks, and an MMU of these features.
    pub fn with_features(frames: usize, features: MmuFeatures) -> Self {
        let frames = frames.max(1).next_multiple_of(ENTRIES);
        Self(Arc::new(Inner {
            memory: HostMemory::new(frames * PAGE),
            words: (0..frames).map(|_| AtomicU32::new(u32::MAX)).collect(),
            features,
            state: Mutex::new(State {
                free: (0..frames).collect(),
                ..State::default()
            }),
        }))
    }

    /// Lets some of the requests for memory from now on fail, blocks counting as one.
    pub fn fail(&self, failures: Failures) {
        let mut state = self.state();
        state.failures = failures;
        state.failures_begin = state.takes;
    }

    /// Lets the next `takes` requests for memory succeed and all later ones fail, until [`FakeMachine::never_fail`].
    pub fn fail_after(&self, takes: u64) {
        self.fail(Failures::From(takes));
    }

    /// Lets requests for memory fail only when there is none.
    pub fn never_fail(&self) {
        self.fail(Failures::None);
    }

    /// How many requests for memory there have been, blocks counting as one.
    pub fn takes(&self) -> u64 {
        self.state().takes
    }

    /// How many frames are handed out.
    pub fn frames_in_use(&self) -> usize {
        self.0.words.len() - self.state().free.len()
    }

    /// Whether `frame` is handed out.
    pub fn is_in_use(&self, frame: PhysAddr) -> bool {
        !self.state().free.contains(&self.index(frame))
    }

    /// Reads one byte of RAM, as a program would that has it mapped.
    pub fn read_byte(&self, address: PhysAddr) -> u8 {
        // SAFETY: `pointer` checked that the address is in the machine's memory; tests are single-threaded on one machine.
        unsafe { self.pointer(address).read_volatile() }
    }

    /// Writes one byte of RAM, as a program would that has it mapped.
    pub fn write_byte(&self, address: PhysAddr, value: u8) {
        assert!(
            self.is_in_use(address.align_down(PAGE_SIZE)),
            "a write to {address}, which nobody has"
        );
        // SAFETY: as for `read_byte`.
        unsafe { self.pointer(address).write_volatile(value) }
    }

    fn state(&self) -> Locked<'_> {
        Locked {
            // A panic in one assertion must not hide behind those of every later drop.
            state: self.0.state.lock().unwrap_or_else(PoisonError::into_inner),
            #[cfg(test)]
            _spared: heap::Spared::new(),
        }
    }

    fn index(&self, frame: PhysAddr) -> usize {
        let index = frame
            .get()
            .checked_sub(BASE)
            .map(|offset| (offset >> PAGE_SHIFT) as usize);
        index
            .filter(|index| *index < self.0.words.len())
            .unwrap_or_else(|| panic!("{frame} is not in RAM"))
    }

    fn address(index: usize) -> PhysAddr {
        PhysAddr::new(BASE + ((index as u64) << PAGE_SHIFT))
    }

    fn fill(&self, index: usize, frames: usize, value: u8) {
        // SAFETY: the frames are in RAM and belong to the caller.
        unsafe {
            self.pointer(Self::address(index))
                .as_ptr()
                .write_bytes(value, frames * PAGE)
        }
    }

    /// Hands out free frames, after a look at their poison.
    fn hand_out(&self, state: &mut State, indices: core::ops::Range<usize>) {
        for index in indices {
            assert!(state.free.remove(&index));
            if state.poisoned.remove(&index) {
                let bytes = self.pointer(Self::address(index)).as_ptr();
                // SAFETY: a free frame of RAM, which was filled when it was given back and which nobody else may access.
                let intact = unsafe { core::slice::from_raw_parts(bytes, PAGE) } == [POISON; PAGE];
                assert!(
                    intact,
                    "{} was written to after it was given back",
                    Self::address(index)
                );
            } else {
                self.fill(index, 1, POISON);
            }
            self.0.words[index].store(u32::MAX, core::sync::atomic::Ordering::Relaxed);
        }
    }

    fn take_back(&self, indices: core::ops::Range<usize>) {
        let mut state = self.state();
        for index in indices {
            let frame = Self::address(index);
            state.tlb.assert_forgotten(frame);
            assert!(state.free.insert(index), "{frame} was given back twice");
            state.poisoned.insert(index);
            self.fill(index, 1, POISON);
        }
    }
}

impl State {
    /// Counts a request for memory; false if it is to fail.
    fn may_take(&mut self) -> bool {
        let number = self.takes - self.failures_begin;
        self.takes += 1;
        !self.failures.hit(number)
    }
}

/// The state while it is locked; the host memory that it needs then is not the code's under test.
struct Locked<'a> {
    state: MutexGuard<'a, State>,
    #[cfg(test)]
    _spared: heap::Spared,
}

impl Deref for Locked<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        &self.state
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut State {
        &mut self.state
    }
}

// SAFETY: a frame is handed out only if it is in the set of free frames, and leaves the set with that.
unsafe impl Frames for FakeMachine {
    fn take_frame(&self) -> Option<Frame> {
        let mut state = self.state();
        let index = *state.free.last()?;
        if !state.may_take() {
            return None;
        }
        self.hand_out(&mut state, index..index + 1);
        self.0.words[index].store(1, core::sync::atomic::Ordering::Relaxed);
        // SAFETY: the frame was free until now.
        Some(unsafe { Frame::from_raw(Self::address(index)) })
    }

    fn take_block(&self) -> Option<Block> {
        let mut state = self.state();
        let whole = |first: &usize| state.free.range(*first..*first + ENTRIES).count() == ENTRIES;
        let first = (0..self.0.words.len()).step_by(ENTRIES).find(whole)?;
        if !state.may_take() {
            return None;
        }
        self.hand_out(&mut state, first..first + ENTRIES);
        // SAFETY: all frames of the block were free until now, and its first is aligned because RAM begins at a block.
        Some(unsafe { Block::from_raw(Self::address(first)) })
    }

    fn give_frame(&self, frame: Frame) {
        let index = self.index(frame.into_raw());
        self.take_back(index..index + 1);
    }

    fn give_block(&self, block: Block) {
        let index = self.index(block.into_raw());
        self.take_back(index..index + ENTRIES);
    }

    fn words(&self) -> FrameWords<'_> {
        FrameWords::new(PhysAddr::new(BASE), &self.0.words)
    }
}

// SAFETY: all of RAM is one allocation that lives as long as the machine, aligned to a block.
unsafe impl PhysMap for FakeMachine {
    fn pointer(&self, address: PhysAddr) -> NonNull<u8> {
        self.index(address);
        // SAFETY: `index` checked that the address lies within the allocation.
        unsafe { self.0.memory.base().add((address.get() - BASE) as usize) }
    }
}

impl FakeMachine {
    /// How many descriptors are detached at once.
    const ROUND: usize = 8;

    fn bytes(&self, page: PhysAddr, offset: usize, len: usize) -> *mut u8 {
        assert!(
            page.is_aligned(PAGE_SIZE) && offset <= PAGE && len <= PAGE - offset,
            "past the end of a page"
        );
        assert!(self.is_in_use(page), "{page} is nobody's");
        self.pointer(page + offset as u64).as_ptr()
    }
}

// SAFETY: `bytes` checks that what is written lies within the frame, and that the frame is handed out.
unsafe impl Pages for FakeMachine {
    fn clear(&self, frame: &mut Frame) {
        self.fill(self.index(frame.address()), 1, 0);
    }

    fn clear_block(&self, block: &mut Block) {
        self.fill(self.index(block.address()), ENTRIES, 0);
    }

    fn copy(&self, from: PhysAddr, to: &mut Frame) {
        let (from, to) = (self.bytes(from, 0, PAGE), self.bytes(to.address(), 0, PAGE));
        // SAFETY: both are whole frames of RAM; a frame that is owned is not mapped, so they differ.
        unsafe { ptr::copy_nonoverlapping(from, to, PAGE) }
    }

    fn write(&self, frame: &mut Frame, offset: usize, bytes: &[u8]) {
        let to = self.bytes(frame.address(), offset, bytes.len());
        // SAFETY: within the frame, as checked; the bytes of a caller's slice are not in RAM.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) }
    }

    fn read_shared(&self, page: PhysAddr, offset: usize, bytes: &mut [u8]) {
        let from = self.bytes(page, offset, bytes.len());
        // SAFETY: as for `write`.
        unsafe { ptr::copy_nonoverlapping(from, bytes.as_mut_ptr(), bytes.len()) }
    }

    unsafe fn write_shared(&self, page: PhysAddr, offset: usize, bytes: &[u8]) {
        let to = self.bytes(page, offset, bytes.len());
        // SAFETY: as for `write`; that it is a page of data is the caller's promise.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) }
    }

    fn sync_code(&self, page: PhysAddr) {
        self.bytes(page, 0, PAGE);
    }

    unsafe fn move_descriptors(&self, from: NonNull<u64>, to: NonNull<u64>, count: usize) {
        assert!(count <= ENTRIES);
        let (first, second) = (from.as_ptr().addr(), to.as_ptr().addr());
        let overlap = first.abs_diff(second) < count * size_of::<u64>();
        assert!(
            !overlap || second >= first,
            "descriptors are moved from the last to the first"
        );
        // SAFETY: the caller's promise.
        unsafe { ptr::copy(from.as_ptr(), to.as_ptr(), count) }
    }

    unsafe fn clear_descriptors(&self, start: NonNull<u64>, count: usize) {
        assert!(count <= ENTRIES);
        // SAFETY: the caller's promise.
        unsafe { start.write_bytes(0, count) }
    }

    unsafe fn share_descriptors(
        &self,
        from: NonNull<u64>,
        to: NonNull<u64>,
        count: usize,
        how: &SharedDescriptors,
    ) -> usize {
        assert!(count <= ENTRIES);
        for index in 0..count {
            // SAFETY: the caller's promise.
            let (from, to) = unsafe { (from.add(index), to.add(index)) };
            // SAFETY: the same.
            let entry = unsafe { from.read() };
            if (entry ^ how.expected) & how.look != 0 {
                return index;
            }
            let word = self.word(Descriptor::from_raw(entry).address());
            if word.load(Ordering::Relaxed) != 1 {
                return index;
            }
            word.store(2, Ordering::Relaxed);
            // SAFETY: the same.
            unsafe {
                from.write(entry ^ how.changes);
                to.write(entry ^ how.changes);
            }
        }
        count
    }

    unsafe fn detach_descriptors(&self, start: NonNull<u64>, count: usize, like: u64, look: u64) -> usize {
        assert!(count <= ENTRIES);
        // SAFETY: the caller's promise; the hardware's accesses are atomic too.
        let words = unsafe { core::slice::from_raw_parts(start.cast::<AtomicU64>().as_ptr(), count) };
        let mut done = 0;
        for round in words.chunks_exact(Self::ROUND) {
            let read: [u64; Self::ROUND] = core::array::from_fn(|index| round[index].load(Ordering::Relaxed));
            if read.iter().any(|entry| (entry ^ like) & look != 0) {
                break;
            }
            // Between the loads and the stores: what the hardware writes now would be lost.
            self.walk_at_once();
            for (word, read) in round.iter().zip(read) {
                assert_eq!(
                    word.load(Ordering::Relaxed),
                    read,
                    "the hardware updates what is detached"
                );
                word.store(read & !1, Ordering::Relaxed);
            }
            done += Self::ROUND;
        }
        done
    }

    unsafe fn attach_descriptors(
        &self,
        from: NonNull<u64>,
        to: NonNull<u64>,
        count: usize,
        set: u64,
    ) -> bool {
        let distance = from.as_ptr().addr().abs_diff(to.as_ptr().addr());
        assert!(count <= ENTRIES && distance >= count * size_of::<u64>());
        // SAFETY: the caller's promise; the hardware's accesses are atomic too.
        let (from, to) = unsafe {
            (
                core::slice::from_raw_parts(from.cast::<AtomicU64>().as_ptr(), count),
                core::slice::from_raw_parts(to.cast::<AtomicU64>().as_ptr(), count),
            )
        };
        let mut found = 0;
        for (from, to) in from.iter().zip(to) {
            found |= to.swap(from.swap(0, Ordering::Relaxed) | set, Ordering::Relaxed);
        }
        found == 0
    }
}

#[cfg(test)]
mod tests;
