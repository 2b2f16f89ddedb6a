//! Edits of one whole mapping, named exactly: the commonest there are, found by one search.

use super::VmaTree;
use super::leaf::{Extent, Leaf};
use super::path::Path;
use super::propagate::Change;
use super::summary::Sums;
use crate::vma::merge::Relation;
use crate::vma::{Backing, Prot, Vma, VmaFlags};
use crate::{PageRange, VirtAddr};

/// Where a mapping lies in the tree, until the next edit: found by [`VmaTree::seek`].
pub struct Place {
    pub(super) path: Path,
}

impl Place {
    /// None yet.
    pub const NOWHERE: Self = Self { path: Path::NOWHERE };
}

/// The mapping at a place, until the tree changes.
pub struct Start<'t> {
    pub(super) leaf: &'t Leaf,
    /// Which of the leaf it is.
    pub(super) at: usize,
    /// Where its gap begins.
    base: u64,
}

impl Start<'_> {
    /// Its length in bytes.
    #[inline(always)]
    pub fn bytes(&self) -> u64 {
        self.leaf.extents()[self.at].len
    }

    /// [`Vma::prot`].
    #[inline(always)]
    pub fn prot(&self) -> Prot {
        self.leaf.prot(self.at)
    }

    /// [`Vma::flags`].
    #[inline(always)]
    pub fn flags(&self) -> VmaFlags {
        self.leaf.flags(self.at)
    }

    /// [`Vma::backing`].
    #[inline(always)]
    pub fn backing(&self) -> &Backing {
        self.leaf.backing(self.at)
    }
}

/// A mapping that can move as it is, and where to: found by [`VmaTree::lone_move`], made by [`VmaTree::move_lone`].
pub struct LoneMove {
    /// The mapping of the same leaf before which it goes.
    before: usize,
    /// How many free bytes lie between it and the one before it then.
    gap: u64,
}

impl VmaTree {
    /// Removes the mapping that is exactly `range`, if there is one and `may_go` agrees, and answers it.
    #[inline]
    pub fn unmap_whole(&mut self, range: PageRange, may_go: impl FnOnce(&Vma) -> bool) -> Option<Vma> {
        let mut place = Place::NOWHERE;
        if !self.seek(range.start(), &mut place) {
            return None;
        }
        let vma = self.vma_at(&place);
        if vma.range != range || !may_go(&vma) {
            return None;
        }
        self.forget_plain();
        if !self.remove_apart(&place.path) {
            self.remove_at(&place.path);
        }
        Some(vma)
    }

    /// Makes `place` that of the mapping that begins at `addr`, if one does, and answers it.
    #[inline(always)]
    pub fn starting_at(&self, addr: VirtAddr, place: &mut Place) -> Option<Start<'_>> {
        if self.is_empty() {
            return None;
        }
        let path = &mut place.path;
        let leaf = self.lead(path, addr.get());
        let (at, base) = (path.at(), path.base);
        let begins = base + leaf.extents().get(at)?.gap == addr.get();
        begins.then_some(Start { leaf, at, base })
    }

    /// The move to `to` of the mapping at `start`, which begins where `range` does, if it is exactly that, `may_move` agrees to its flags
    /// and backing, nothing is mapped at the target or on the bytes beside it, both places are in one leaf, and each has a mapping
    /// behind it there. `None` says no more than that.
    #[inline(always)]
    pub fn lone_move(
        start: Start<'_>,
        range: PageRange,
        to: VirtAddr,
        may_move: impl FnOnce(VmaFlags, &Backing) -> bool,
    ) -> Option<LoneMove> {
        let Start { leaf, at, base } = start;
        let extents = leaf.extents();
        let Extent { gap, len } = extents[at];
        if len != range.len() || at + 1 >= extents.len() || !may_move(leaf.flags(at), leaf.backing(at)) {
            return None;
        }
        // Mostly it passes no other mapping, and the free bytes before and behind it are as many as before.
        let room = gap + len + extents[at + 1].gap;
        if base < to.get() && to.get() + len < base + room {
            return Some(LoneMove {
                before: at,
                gap: to.get() - base,
            });
        }
        place_beyond(leaf, at, base, to.get())
    }

    /// Makes the move, if the tree is as it was when it was found.
    #[inline(always)]
    pub fn move_lone(&mut self, Place { path }: &Place, lone: &LoneMove) {
        self.forget_plain();
        let (from, gap) = (path.at(), lone.gap);
        let leaf = self.leaves.get_mut(path.steps[0].node);
        let extents = leaf.extents_mut();
        let (left, behind) = (extents[from].gap, extents[from + 1].gap);
        if lone.before != from || left == 0 || behind == 0 || self.total.sums.homing() != 0 {
            return self.carry_lone(path, lone);
        }
        // It passes no other mapping, and touched none: no pair is gone.
        let rest = left + behind - gap;
        (extents[from].gap, extents[from + 1].gap) = (gap, rest);
        let (removed, added) = (left.max(behind), gap.max(rest));
        if self.height == 0 {
            if added >= self.total.gap {
                self.total.gap = added;
            } else if removed >= self.total.gap {
                self.total.gap = self.leaf(path).largest_gap();
            }
            return;
        }
        let above = path.steps[1];
        let largest = self.inners.get(above.node).gaps()[above.at()];
        if added > largest || removed >= largest {
            let change = Change {
                span: 0,
                sums: Sums::NONE,
                removed,
                added,
            };
            self.propagate_move(path, &change);
        }
    }

    /// [`VmaTree::move_lone`] of a mapping that passes others, or has touched one.
    fn carry_lone(&mut self, path: &Path, lone: &LoneMove) {
        let LoneMove { before, gap } = lone;
        let (from, before) = (path.at(), *before);
        let leaf = self.leaves.get_mut(path.steps[0].node);
        let Extent { gap: left, len } = leaf.extents()[from];
        let behind = leaf.extents()[from + 1].gap;
        let mut change = Change {
            span: 0,
            sums: Sums::NONE,
            removed: left.max(behind).max(leaf.extents()[before].gap),
            added: 0,
        };
        change.sums.remove_pair(leaf.pair(from));
        change.sums.remove_pair(leaf.pair(from + 1));
        // It leaves one gap where there were two, and makes two of another.
        leaf.extent_mut(from + 1).gap = left + len + behind;
        let now = leaf.carry(from, before);
        *leaf.extent_mut(now) = Extent { gap: *gap, len };
        leaf.extent_mut(now + 1).gap -= gap + len;
        let left_free = if now < from { from + 1 } else { from };
        let gap_at = |at: usize| leaf.extents()[at].gap;
        change.added = gap_at(now).max(gap_at(now + 1)).max(gap_at(left_free));
        if from == 0 || now == 0 {
            leaf.head = Relation::Apart;
        }
        self.propagate_move(path, &change);
    }
}

/// The move to `to` of mapping `at`, whose gap begins at `base`, to where it passes another one of the leaf.
fn place_beyond(leaf: &Leaf, at: usize, base: u64, to: u64) -> Option<LoneMove> {
    let (before, gap) = if to < base {
        place_below(leaf, at, base, to)
    } else {
        place_above(leaf, at, base, to)
    }?;
    Some(LoneMove { before, gap })
}

/// Between which mappings of the leaf mapping `moved`, whose gap begins at `base`, would lie at `to`, touching neither: the latter of
/// the two, and the bytes from the former on. From that gap downwards.
fn place_below(leaf: &Leaf, moved: usize, mut base: u64, to: u64) -> Option<(usize, u64)> {
    let extents = leaf.extents();
    for at in (0..moved).rev() {
        let end = base - extents[at].len;
        base -= extents[at].reach();
        if base < to {
            return (to + extents[moved].len < end).then_some((at, to - base));
        }
    }
    None
}

/// The same from the gap behind it upwards.
fn place_above(leaf: &Leaf, moved: usize, base: u64, to: u64) -> Option<(usize, u64)> {
    let extents = leaf.extents();
    let mut base = base + extents[moved].reach();
    for (at, extent) in extents.iter().enumerate().skip(moved + 1) {
        if to < base + extent.reach() {
            let free = base < to && to + extents[moved].len < base + extent.gap;
            return (at > moved + 1 && free).then(|| (at, to - base));
        }
        base += extent.reach();
    }
    None
}
