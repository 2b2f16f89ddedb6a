//! What is kept of every subtree, so that questions about thousands of mappings are answered by a few nodes.
//!
//! Everything is relative to the subtree's base, the end of the mapping before it: a subtree holds no address of its own, and
//! moves by being hung elsewhere.

use super::super::merge::Relation;
use super::super::{Vma, VmaFlags};

/// Of all mappings of a subtree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Summary {
    /// From the subtree's base to the end of its last mapping, in bytes.
    pub(super) span: u64,
    /// The largest stretch of free bytes before one of its mappings.
    pub(super) gap: u64,
    /// What simply adds up.
    pub(super) sums: Sums,
    /// Where its base would have to be for a pair to join.
    pub(super) homes: Homes,
}

/// What adds up: bytes of several kinds, then counts, two to a word. Differences are kept in the same type, and everything wraps; a
/// difference that borrows from the upper count of a word gives it back where it is added to the whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums([u64; 8]);

const MAPPED: usize = 0;
const ACCOUNTED: usize = 1;
const LOCKED: usize = 2;
const DATA: usize = 3;
/// Mappings, and those that are sealed.
const COUNT_SEALED: usize = 4;
/// Mappings that a move of several refuses, and those that `MREMAP_DONTUNMAP` refuses.
const LONE_INDIVISIBLE: usize = 5;
/// Mappings whose object must be told.
const TOLD: usize = 6;
/// Pairs that join wherever they are moved, and those that join where the faulted one comes home. A pair belongs to the latter of
/// the two.
const JOINING_HOMING: usize = 7;
/// One in the upper count of a word.
const UPPER: u64 = 1 << 32;

/// The least and the greatest base of the subtree at which one of its homing pairs is at home; empty if the first is
/// greater than the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Homes {
    /// The least.
    pub(super) least: i64,
    /// The greatest.
    pub(super) greatest: i64,
}

impl Homes {
    /// Those of no pair.
    pub(super) const NONE: Self = Self {
        least: i64::MAX,
        greatest: i64::MIN,
    };

    /// Those of one pair, whose latter mapping starts `start` bytes from the base.
    #[inline]
    pub(super) fn of(pair: Relation, start: u64) -> Self {
        let Relation::JoinsAtHome(home) = pair else {
            return Self::NONE;
        };
        let base = home.get().wrapping_sub(start) as i64;
        Self {
            least: base,
            greatest: base,
        }
    }

    /// Whether there is no pair.
    pub(super) const fn is_none(self) -> bool {
        self.least > self.greatest
    }

    /// Those of two subtrees of which the second lies `offset` bytes from the base of the first.
    pub(super) fn and(self, other: Self, offset: u64) -> Self {
        if other.is_none() {
            return self;
        }
        Self {
            least: self.least.min(other.least.wrapping_sub(offset as i64)),
            greatest: self.greatest.max(other.greatest.wrapping_sub(offset as i64)),
        }
    }
}

impl Sums {
    /// Those of nothing.
    pub(super) const NONE: Self = Self([0; 8]);

    /// Whether nothing is counted, or as a difference, whether nothing changes.
    #[inline]
    pub(super) fn is_none(&self) -> bool {
        self.0.iter().fold(0, |any, sum| any | sum) == 0
    }

    /// Those of one mapping, without its pair.
    #[inline]
    pub(super) fn of(vma: &Vma) -> Self {
        Self::of_len(vma, vma.range.len())
    }

    /// Those of a mapping of `len` bytes that is otherwise like `vma`.
    #[inline(always)]
    pub(super) fn of_len(vma: &Vma, len: u64) -> Self {
        let mut sums = Self::of_bytes(vma, len);
        let sealed = vma.flags.contains(VmaFlags::SEALED);
        sums.0[COUNT_SEALED] = 1 + if sealed { UPPER } else { 0 };
        let indivisible = if vma.refuses_dontunmap() { UPPER } else { 0 };
        sums.0[LONE_INDIVISIBLE] = u64::from(vma.refuses_multi_move()) + indivisible;
        sums.0[TOLD] = u64::from(vma.tells_object());
        sums
    }

    /// What a mapping counts more once it is three: `part`, which may be of another kind, and the rests of `old` before and behind.
    #[inline]
    pub(super) fn of_cut(old: &Vma, part: &Vma) -> Self {
        let len = part.range.len();
        if part.flags != old.flags || part.userfault != old.userfault {
            let mut sums = Self::of(part);
            sums.add(&Self::of_len(old, len.wrapping_neg()));
            return sums;
        }
        // But for its protection it is of the same kind.
        let mut sums = Self::of_len(old, 0);
        for sum in &mut sums.0[COUNT_SEALED..] {
            *sum *= 2;
        }
        let data = |vma: &Vma| if vma.is_data() { len } else { 0 };
        sums.0[DATA] = data(part).wrapping_sub(data(old));
        sums
    }

    /// Those of `len` more bytes of a mapping.
    #[inline]
    pub(super) fn of_bytes(vma: &Vma, len: u64) -> Self {
        let only = |yes: bool| if yes { len } else { 0 };
        let mut sums = Self::NONE;
        sums.0[MAPPED] = len;
        sums.0[ACCOUNTED] = only(vma.flags.contains(VmaFlags::ACCOUNT));
        sums.0[LOCKED] = only(vma.flags.contains(VmaFlags::LOCKED));
        sums.0[DATA] = only(vma.is_data());
        sums
    }

    const fn of_pair(pair: Relation) -> u64 {
        match pair {
            Relation::Apart => 0,
            Relation::Joins => 1,
            Relation::JoinsAtHome(_) => UPPER,
        }
    }

    /// Adds a pair, in place.
    #[inline]
    pub(super) const fn add_pair(&mut self, pair: Relation) {
        self.0[JOINING_HOMING] = self.0[JOINING_HOMING].wrapping_add(Self::of_pair(pair));
    }

    /// Subtracts a pair, in place.
    #[inline]
    pub(super) const fn remove_pair(&mut self, pair: Relation) {
        self.0[JOINING_HOMING] = self.0[JOINING_HOMING].wrapping_sub(Self::of_pair(pair));
    }

    /// Whether there are pairs, or as a difference, whether their number changes.
    #[inline]
    pub(super) const fn has_pairs(&self) -> bool {
        self.0[JOINING_HOMING] != 0
    }

    /// Adds, in place.
    #[inline(always)]
    pub(super) fn add(&mut self, other: &Self) {
        for (sum, other) in self.0.iter_mut().zip(&other.0) {
            *sum = sum.wrapping_add(*other);
        }
    }

    /// Subtracts, in place.
    #[inline]
    pub(super) fn subtract(&mut self, other: &Self) {
        for (sum, other) in self.0.iter_mut().zip(&other.0) {
            *sum = sum.wrapping_sub(*other);
        }
    }

    /// Subtracts bytes alone, in place.
    #[inline]
    pub(super) fn subtract_bytes(&mut self, other: &Self) {
        for (sum, other) in self.0[..COUNT_SEALED].iter_mut().zip(&other.0) {
            *sum = sum.wrapping_sub(*other);
        }
    }

    /// Bytes mapped.
    pub(super) const fn mapped(&self) -> u64 {
        self.0[MAPPED]
    }

    /// Bytes that count towards the commit limit.
    pub(super) const fn accounted(&self) -> u64 {
        self.0[ACCOUNTED]
    }

    /// Bytes locked.
    pub(super) const fn locked(&self) -> u64 {
        self.0[LOCKED]
    }

    /// Bytes that count for `RLIMIT_DATA`.
    pub(super) const fn data(&self) -> u64 {
        self.0[DATA]
    }

    /// Mappings.
    #[inline]
    pub(super) const fn count(&self) -> u32 {
        self.0[COUNT_SEALED] as u32
    }

    /// Mappings that are sealed.
    pub(super) const fn sealed(&self) -> u32 {
        (self.0[COUNT_SEALED] >> 32) as u32
    }

    /// Mappings that a move of several refuses.
    pub(super) const fn lone(&self) -> u32 {
        self.0[LONE_INDIVISIBLE] as u32
    }

    /// Mappings that `MREMAP_DONTUNMAP` refuses.
    pub(super) const fn indivisible(&self) -> u32 {
        (self.0[LONE_INDIVISIBLE] >> 32) as u32
    }

    /// Mappings whose object must be told.
    pub(super) const fn told(&self) -> u32 {
        self.0[TOLD] as u32
    }

    /// Pairs that join wherever they are moved.
    pub(super) const fn joining(&self) -> u32 {
        self.0[JOINING_HOMING] as u32
    }

    /// Pairs that join where the faulted one comes home.
    #[inline]
    pub(super) const fn homing(&self) -> u32 {
        (self.0[JOINING_HOMING] >> 32) as u32
    }
}

impl Summary {
    /// That of nothing.
    pub(super) const EMPTY: Self = Self {
        span: 0,
        gap: 0,
        sums: Sums::NONE,
        homes: Homes::NONE,
    };

    /// That of one mapping, `gap` bytes behind the base, with its pair.
    #[cfg(test)]
    pub(super) fn of(gap: u64, vma: &Vma, pair: Relation) -> Self {
        let mut sums = Sums::of(vma);
        sums.add_pair(pair);
        Self {
            span: gap + vma.range.len(),
            gap,
            sums,
            homes: Homes::of(pair, gap),
        }
    }

    /// Puts another subtree directly behind this one.
    #[inline]
    pub(super) fn append(&mut self, other: &Self) {
        self.homes = self.homes.and(other.homes, self.span);
        self.span += other.span;
        self.gap = self.gap.max(other.gap);
        self.sums.add(&other.sums);
    }

    /// Puts another subtree directly before this one.
    pub(super) fn prepend(&mut self, other: &Self) {
        self.homes = other.homes.and(self.homes, other.span);
        self.span += other.span;
        self.gap = self.gap.max(other.gap);
        self.sums.add(&other.sums);
    }

    /// That of two subtrees, `other` directly behind this one.
    pub(super) fn then(mut self, other: &Self) -> Self {
        self.append(other);
        self
    }
}
