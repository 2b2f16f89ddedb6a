//! A page that is a table, and the two ways to reach its entries.
//!
//! While a walker can reach a table its entries change under our hands (the hardware sets access and dirty state) and are
//! read by it at any moment: every access is atomic, through [`Live`], or made by the machine, which reads and writes runs of
//! entries that only we change each as a whole. Once a table has been detached and the flush is over,
//! nobody else can reach it, and runs of entries are read and written as [`Plain`] words. Single entries of detached tables
//! may be reached either way.
//!
//! All unsafe code on tables rests on one invariant: **a [`Table`] is a frame that was taken for a table, holds 512
//! descriptors, and has not been given back.** Values are made from fresh frames and read out of table entries, which are
//! made from values; a table is given back only when its last entry is gone and no other entry holds its address.

use super::descriptor::Descriptor;
use super::level::{ENTRIES, Level};
use crate::PhysAddr;
use crate::machine::{Frame, Machine};
use core::marker::PhantomData;
use core::ops::Range;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// A page-table page, of any level.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Table(PhysAddr);

impl Table {
    /// Makes a table of a frame that is all zeros: 512 absent entries.
    pub(super) fn from_zeroed<M: Machine>(machine: &M, frame: Frame) -> Self {
        let table = Self(frame.into_raw());
        table.reset(machine);
        table
    }

    /// Notes that all entries are absent.
    pub(super) fn reset<M: Machine>(self, machine: &M) {
        self.word(machine).store(0, Ordering::Relaxed);
    }

    /// The table that an entry of one of our tables leads to.
    pub(super) const fn of(entry: Descriptor) -> Self {
        Self(entry.address())
    }

    /// Makes a frame of it again.
    ///
    /// # Safety
    /// No entry holds the table's address and no TLB remembers it.
    pub(super) unsafe fn into_frame(self) -> Frame {
        // SAFETY: the frame was taken for a table, whose only owner is the caller by its promise.
        unsafe { Frame::from_raw(self.0) }
    }

    /// The physical address.
    pub(super) const fn address(self) -> PhysAddr {
        self.0
    }

    /// The valid entry that leads to the table.
    pub(super) const fn entry(self) -> Descriptor {
        Descriptor::table(self.0)
    }

    /// The entries as atomic words.
    #[inline(always)]
    pub(super) fn live<M: Machine>(self, machine: &M) -> Live<'_> {
        let words = machine.pointer(self.0).cast::<[Word; ENTRIES]>();
        // SAFETY: by the invariant of `Table` the page is RAM, aligned, and only ever accessed as descriptors; plain accesses
        // to it (`Plain`) never happen while another thread or a walker can reach it.
        Live(unsafe { words.as_ref() })
    }

    /// The entries as plain words. The table must be detached, and its flush complete, or not yet be published.
    pub(super) fn plain<M: Machine>(self, machine: &M) -> Plain<'_> {
        Plain {
            words: machine.pointer(self.0).cast(),
            machine: PhantomData,
        }
    }

    #[inline(always)]
    fn word<M: Machine>(self, machine: &M) -> &AtomicU32 {
        machine.word(self.0)
    }

    /// How many entries are not absent.
    #[inline(always)]
    pub(super) fn occupancy<M: Machine>(self, machine: &M) -> usize {
        (self.word(machine).load(Ordering::Relaxed) & Self::OCCUPANCY) as usize
    }

    /// How many entries are not absent, and whether one may have the Contiguous bit.
    #[inline(always)]
    pub(super) fn state<M: Machine>(self, machine: &M) -> (usize, bool) {
        let word = self.word(machine).load(Ordering::Relaxed);
        ((word & Self::OCCUPANCY) as usize, word & Self::CONTIGUOUS != 0)
    }

    /// Counts entries that came.
    #[inline(always)]
    pub(super) fn gain<M: Machine>(self, machine: &M, entries: usize) {
        let word = self.word(machine);
        let value = word.load(Ordering::Relaxed) + entries as u32;
        debug_assert!(value & Self::OCCUPANCY <= ENTRIES as u32);
        word.store(value, Ordering::Relaxed);
    }

    /// Counts entries that came from another table of the level, and takes over what is known of those there.
    pub(super) fn gain_from<M: Machine>(self, machine: &M, from: Table, entries: usize) {
        let word = self.word(machine);
        let flag = from.word(machine).load(Ordering::Relaxed) & Self::CONTIGUOUS;
        word.store(
            (word.load(Ordering::Relaxed) + entries as u32) | flag,
            Ordering::Relaxed,
        );
    }

    /// Counts entries that went, and answers how many are left.
    #[inline(always)]
    pub(super) fn lose<M: Machine>(self, machine: &M, entries: usize) -> usize {
        let word = self.word(machine);
        let value = word.load(Ordering::Relaxed);
        debug_assert!(value & Self::OCCUPANCY >= entries as u32);
        let value = value - entries as u32;
        word.store(value, Ordering::Relaxed);
        (value & Self::OCCUPANCY) as usize
    }

    /// Whether some entry may have the Contiguous bit; once it may, it may until the table is empty.
    pub(super) fn may_be_contiguous<M: Machine>(self, machine: &M) -> bool {
        self.word(machine).load(Ordering::Relaxed) & Self::CONTIGUOUS != 0
    }

    /// Notes that an entry has the Contiguous bit.
    pub(super) fn note_contiguous<M: Machine>(self, machine: &M) {
        let word = self.word(machine);
        word.store(word.load(Ordering::Relaxed) | Self::CONTIGUOUS, Ordering::Relaxed);
    }

    /// The frame's word of a table: how many entries are not absent ...
    const OCCUPANCY: u32 = 0x3ff;
    /// ... and whether one may be contiguous.
    const CONTIGUOUS: u32 = 1 << 31;
}

/// The entries of a table that a walker may reach.
#[derive(Clone, Copy)]
pub(super) struct Live<'m>(&'m [Word; ENTRIES]);

impl<'m> Live<'m> {
    /// One entry.
    pub(super) fn word(self, index: usize) -> &'m Word {
        &self.0[index]
    }

    /// The entries of `range`.
    pub(super) fn words(self, range: Range<usize>) -> &'m [Word] {
        &self.0[range]
    }

    /// Reads an entry.
    pub(super) fn get(self, index: usize) -> Descriptor {
        self.word(index).get()
    }

    /// Writes an entry that the hardware does not update; see [`Word::set`].
    pub(super) fn set(self, index: usize, entry: Descriptor) {
        self.word(index).set(entry);
    }
}

/// One entry of a table that a walker may reach. The order of stores for walkers comes from barriers, so every access here
/// is relaxed.
#[repr(transparent)]
pub(super) struct Word(AtomicU64);

impl Word {
    /// Reads the entry.
    pub(super) fn get(&self) -> Descriptor {
        Descriptor::from_raw(self.0.load(Ordering::Relaxed))
    }

    /// Writes an entry that the hardware does not update: one that is absent, detached, or a table.
    pub(super) fn set(&self, entry: Descriptor) {
        self.0.store(entry.raw(), Ordering::Relaxed);
    }

    /// Clears the valid bit of a leaf that the hardware may be updating; answers whether a TLB may hold the leaf.
    pub(super) fn detach(&self) -> bool {
        self.take_valid().is_cached()
    }

    /// The same; answers what the leaf was.
    #[inline]
    pub(super) fn take_valid(&self) -> Descriptor {
        let mask = Descriptor::from_raw(u64::MAX).detached().raw();
        Descriptor::from_raw(self.0.fetch_and(mask, Ordering::Relaxed))
    }

    /// Detaches the first of some neighbours of `level` that the hardware has nothing left to note in, as long as they are alike:
    /// without atomics, many at once. Answers how many, which may be none, and what the first of them was.
    #[inline(always)]
    pub(super) fn detach_settled<M: Machine>(
        machine: &M,
        level: Level,
        words: &[Self],
    ) -> (usize, Descriptor) {
        let first = words.first().map_or(Descriptor::ABSENT, Self::get);
        if !first.is_settled(level) {
            return (0, first);
        }
        let start = NonNull::from(words).cast();
        // SAFETY: words of a table, which the caller alone edits; what agrees with a settled entry is settled too.
        let detached =
            unsafe { machine.detach_descriptors(start, words.len(), first.raw(), Descriptor::SETTLED) };
        (detached, first)
    }

    /// Moves entries, none of them absent, to where nothing is: those of a table that no walker reaches, or some that were `detached`
    /// by themselves, which become valid again.
    ///
    /// # Panics
    /// If something is there.
    #[inline(always)]
    pub(super) fn attach<M: Machine>(machine: &M, from: &[Self], to: &[Self], detached: bool) {
        assert!(from.len() == to.len());
        let (source, target) = (NonNull::from(from).cast(), NonNull::from(to).cast());
        let set = if detached { Descriptor::VALID } else { 0 };
        // SAFETY: two runs of words of tables, which the caller alone edits; the hardware updates no entry that it does not reach or
        // that is not valid.
        let was_free = unsafe { machine.attach_descriptors(source, target, from.len(), set) };
        assert!(was_free, "the target of a relocation is in use");
    }

    /// Replaces a leaf that the hardware may be updating by what `edit` makes of it; answers with the old entry and the new.
    pub(super) fn update(&self, mut edit: impl FnMut(Descriptor) -> Descriptor) -> (Descriptor, Descriptor) {
        let mut old = self.0.load(Ordering::Relaxed);
        loop {
            let new = edit(Descriptor::from_raw(old));
            if new.raw() == old {
                return (new, new);
            }
            match self
                .0
                .compare_exchange_weak(old, new.raw(), Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => return (Descriptor::from_raw(old), new),
                Err(now) => old = now,
            }
        }
    }
}

/// The entries of a table that nobody else can reach.
#[derive(Clone, Copy)]
pub(super) struct Plain<'m> {
    words: NonNull<u64>,
    machine: PhantomData<&'m ()>,
}

impl Plain<'_> {
    /// A pointer to the entries of `range`.
    fn at(self, range: &Range<usize>) -> NonNull<u64> {
        assert!(range.start <= range.end && range.end <= ENTRIES);
        // SAFETY: within the table, as just checked.
        unsafe { self.words.add(range.start) }
    }

    /// How many entries of `range` are not absent.
    pub(super) fn count(self, range: Range<usize>) -> usize {
        let words = self.at(&range);
        // SAFETY: initialised words of a table which nobody changes: it is detached. The reference ends with this call.
        let words = unsafe { core::slice::from_raw_parts(words.as_ptr(), range.len()) };
        words.iter().map(|word| (*word != 0) as usize).sum()
    }

    /// The indices of `count` (at most `N`) entries that are not absent, in ascending order, of a run that holds no fewer; and how
    /// many were read until the last of them.
    pub(super) fn find<const N: usize>(self, range: Range<usize>, count: usize) -> ([usize; N], usize) {
        /// Entries a round: one test for all of them.
        const ROUND: usize = 16;
        let words = self.at(&range);
        // SAFETY: as for `count`.
        let words = unsafe { core::slice::from_raw_parts(words.as_ptr(), range.len()) };
        let (mut found, mut len, mut read) = ([0; N], 0, 0);
        for (round, words) in words.chunks(ROUND).enumerate() {
            if len == count {
                break;
            }
            read += words.len();
            if words.iter().fold(0, |any, word| any | word) == 0 {
                continue;
            }
            for (index, _) in words.iter().enumerate().filter(|(_, word)| **word != 0) {
                found[len] = range.start + round * ROUND + index;
                len += 1;
            }
        }
        debug_assert_eq!(len, count);
        (found, read)
    }

    /// Whether all entries of `range` are absent.
    pub(super) fn is_empty(self, range: Range<usize>) -> bool {
        let words = self.at(&range);
        // SAFETY: as for `count`.
        let words = unsafe { core::slice::from_raw_parts(words.as_ptr(), range.len()) };
        words.iter().fold(0, |any, word| any | word) == 0
    }

    /// Makes the entries of `range` absent.
    pub(super) fn clear<M: Machine>(self, machine: &M, range: Range<usize>) {
        // SAFETY: words of a detached table, which nobody else accesses.
        unsafe { machine.clear_descriptors(self.at(&range), range.len()) }
    }

    /// Copies the entries of `range` to the same places of `to`, another table, as `edit` changes them; here they are changed
    /// alike. Answers how many are not absent.
    #[inline]
    pub(super) fn copy_to(
        self,
        range: Range<usize>,
        to: Plain<'_>,
        mut edit: impl FnMut(Descriptor) -> Descriptor,
    ) -> usize {
        assert!(self.words != to.words);
        let (from, to) = (self.at(&range), to.at(&range));
        // SAFETY: words of two detached tables, which nobody else accesses. The references end with this call, and `edit` has
        // neither table.
        let (from, to) = unsafe {
            (
                core::slice::from_raw_parts_mut(from.as_ptr(), range.len()),
                core::slice::from_raw_parts_mut(to.as_ptr(), range.len()),
            )
        };
        let mut copied = 0;
        for (from, to) in from.iter_mut().zip(to) {
            if *from != 0 {
                let entry = edit(Descriptor::from_raw(*from)).raw();
                (*from, *to) = (entry, entry);
                copied += 1;
            }
        }
        copied
    }

    /// [`Self::copy_to`] of pages that are copied on write from now on. Pages of one user are counted here, in their frames' words;
    /// `edit` gets whatever else there is.
    pub(super) fn share_to<M: Machine>(
        self,
        machine: &M,
        range: Range<usize>,
        to: Plain<'_>,
        mut edit: impl FnMut(Descriptor) -> Descriptor,
    ) -> usize {
        /// Entries that go one by one where there is an unusual one, before the usual are looked for again.
        const ROUND: usize = 16;
        assert!(self.words != to.words);
        let (mut next, mut copied) = (range.start, 0);
        while next < range.end {
            let rest = next..range.end;
            let (count, how) = (rest.len(), &Descriptor::WRITTEN_PAGES);
            // SAFETY: two detached tables, which nobody else accesses; who maps or gives up a page that has one user waits for the
            // address space's lock.
            let done = unsafe { machine.share_descriptors(self.at(&rest), to.at(&rest), count, how) };
            next += done;
            copied += done;
            let others = next..range.end.min(next + ROUND);
            next = others.end;
            copied += self.copy_to(others, to, &mut edit);
        }
        copied
    }

    /// Writes entries to `range`: the first is `entry`, each next one `STEP` more.
    pub(super) fn fill<const STEP: u64>(self, range: Range<usize>, entry: Descriptor) {
        /// Entries a round: constant steps from one sum, stored in pairs, cost less than two instructions each.
        const ROUND: usize = 16;
        let words = self.at(&range);
        // SAFETY: words of a detached table, which nobody else accesses. The reference ends with this call.
        let words = unsafe { core::slice::from_raw_parts_mut(words.as_ptr(), range.len()) };
        let mut raw = entry.raw();
        let mut rounds = words.chunks_exact_mut(ROUND);
        for round in &mut rounds {
            for (index, word) in round.iter_mut().enumerate() {
                *word = raw + index as u64 * STEP;
            }
            raw += ROUND as u64 * STEP;
        }
        let mut pairs = rounds.into_remainder().chunks_exact_mut(2);
        for pair in &mut pairs {
            (pair[0], pair[1]) = (raw, raw + STEP);
            raw += 2 * STEP;
        }
        if let [word] = pairs.into_remainder() {
            *word = raw;
        }
    }

    /// Moves the entries of `range` to `to`, where they begin at `at`. Within one table only upwards.
    pub(super) fn move_to<M: Machine>(self, machine: &M, range: Range<usize>, to: Plain<'_>, at: usize) {
        let count = range.len();
        debug_assert!(self.words != to.words || at >= range.start);
        let (from, to) = (self.at(&range), to.at(&(at..at + count)));
        // SAFETY: both runs lie in detached tables, which nobody else accesses; within one table `to` lies above `from`.
        unsafe { machine.move_descriptors(from, to, count) }
    }
}
