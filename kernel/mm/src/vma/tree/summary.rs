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

/// What adds up. Differences are kept in the same type: everything wraps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    /// Bytes mapped.
    pub(super) bytes: u64,
    /// Bytes that count towards the commit limit.
    pub(super) accounted: u64,
    /// Bytes locked.
    pub(super) locked: u64,
    /// Bytes that count for `RLIMIT_DATA`.
    pub(super) data: u64,
    /// Mappings.
    pub(super) count: u32,
    /// What most address spaces have nothing of.
    pub(super) rare: Rare,
}

/// How many mappings, or pairs of neighbours, need to be looked at one by one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rare {
    /// Sealed mappings.
    pub(super) sealed: u32,
    /// Mappings that a move of several refuses.
    pub(super) lone: u32,
    /// Mappings that `MREMAP_DONTUNMAP` refuses.
    pub(super) indivisible: u32,
    /// Mappings whose object must be told.
    pub(super) told: u32,
    /// Pairs that join wherever they are moved. A pair belongs to the latter of the two.
    pub(super) joining: u32,
    /// Pairs that join where the faulted one comes home.
    pub(super) homing: u32,
}

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

    /// Those of one pair, whose latter mapping starts `start` bytes from the base and is at home at `home`.
    fn one(home: u64, start: u64) -> Self {
        let base = home.wrapping_sub(start) as i64;
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

impl Rare {
    /// What there is most often.
    pub(super) const NONE: Self = Self {
        sealed: 0,
        lone: 0,
        indivisible: 0,
        told: 0,
        joining: 0,
        homing: 0,
    };

    fn of(vma: &Vma) -> Self {
        Self {
            sealed: u32::from(vma.flags.contains(VmaFlags::SEALED)),
            lone: u32::from(vma.refuses_multi_move()),
            indivisible: u32::from(vma.refuses_dontunmap()),
            told: u32::from(vma.tells_object()),
            joining: 0,
            homing: 0,
        }
    }

    fn zip(self, other: Self, op: impl Fn(u32, u32) -> u32) -> Self {
        Self {
            sealed: op(self.sealed, other.sealed),
            lone: op(self.lone, other.lone),
            indivisible: op(self.indivisible, other.indivisible),
            told: op(self.told, other.told),
            joining: op(self.joining, other.joining),
            homing: op(self.homing, other.homing),
        }
    }
}

impl Sums {
    /// Those of one mapping, without its pair.
    pub(super) fn of(vma: &Vma) -> Self {
        let bytes = vma.range.len();
        let only = |yes: bool| if yes { bytes } else { 0 };
        Self {
            bytes,
            accounted: only(vma.flags.contains(VmaFlags::ACCOUNT)),
            locked: only(vma.flags.contains(VmaFlags::LOCKED)),
            data: only(vma.is_data()),
            count: 1,
            rare: Rare::of(vma),
        }
    }

    /// The same and a pair.
    pub(super) fn with(mut self, pair: Relation) -> Self {
        self.rare.joining += u32::from(pair == Relation::Joins);
        self.rare.homing += u32::from(matches!(pair, Relation::JoinsAtHome(_)));
        self
    }

    /// The difference.
    pub(super) fn minus(self, other: &Self) -> Self {
        Self {
            bytes: self.bytes.wrapping_sub(other.bytes),
            accounted: self.accounted.wrapping_sub(other.accounted),
            locked: self.locked.wrapping_sub(other.locked),
            data: self.data.wrapping_sub(other.data),
            count: self.count.wrapping_sub(other.count),
            rare: self.rare.zip(other.rare, u32::wrapping_sub),
        }
    }

    /// Adds, in place; the rare ones cost nothing where they do not change.
    #[inline]
    pub(super) fn add(&mut self, other: &Self) {
        self.bytes = self.bytes.wrapping_add(other.bytes);
        self.accounted = self.accounted.wrapping_add(other.accounted);
        self.locked = self.locked.wrapping_add(other.locked);
        self.data = self.data.wrapping_add(other.data);
        self.count = self.count.wrapping_add(other.count);
        if other.rare != Rare::NONE {
            self.rare = self.rare.zip(other.rare, u32::wrapping_add);
        }
    }
}

impl Summary {
    /// That of nothing.
    pub(super) const EMPTY: Self = Self {
        span: 0,
        gap: 0,
        sums: Sums {
            bytes: 0,
            accounted: 0,
            locked: 0,
            data: 0,
            count: 0,
            rare: Rare::NONE,
        },
        homes: Homes::NONE,
    };

    /// That of one mapping, `gap` bytes behind the base, with its pair.
    pub(super) fn of(gap: u64, vma: &Vma, pair: Relation) -> Self {
        let homes = match pair {
            Relation::JoinsAtHome(home) => Homes::one(home.get(), gap),
            Relation::Apart | Relation::Joins => Homes::NONE,
        };
        Self {
            span: gap + vma.range.len(),
            gap,
            sums: Sums::of(vma).with(pair),
            homes,
        }
    }

    /// That of two subtrees, `other` directly behind this one.
    pub(super) fn then(mut self, other: &Self) -> Self {
        self.homes = self.homes.and(other.homes, self.span);
        self.span += other.span;
        self.gap = self.gap.max(other.gap);
        self.sums.add(&other.sums);
        self
    }
}
