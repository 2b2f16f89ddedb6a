//! Edits of one mapping where it lies.
//!
//! A mapping's gap counts from the end of the one before it, so an edit that moves a mapping's end changes the gap of the next one
//! too, and no other: all others stay where they are, and no subtree between needs to hear of it.

use super::VmaTree;
use super::leaf::{Extent, LEAF, LEAF_MIN};
use super::path::Path;
use super::propagate::Change;
use super::summary::Sums;
use crate::vma::Vma;
use crate::vma::merge::{Relation, relation};

impl VmaTree {
    /// Adds `vma` before the mapping at `path`, or at the end. The tree must not be empty.
    pub(super) fn insert_before(&mut self, path: &Path, vma: &Vma) {
        if self.leaf(path).len() == LEAF {
            self.split_leaf(path);
            let path = self.locate(vma.start().get());
            return self.insert_before(&path, vma);
        }
        let extent = Extent {
            gap: vma.start().get() - path.base,
            len: vma.range.len(),
        };
        let pair = self.pair_with_previous(path, vma);
        let mut change = Change {
            span: extent.reach(),
            sums: Sums::of(vma),
            removed: 0,
            added: extent.gap,
        };
        change.sums.add_pair(pair);
        let at = path.at();
        let leaf = self.leaves.get_mut(path.steps[0].node);
        leaf.insert(at, extent, vma);
        if at == 0 {
            leaf.head = pair;
        }
        if at + 1 < leaf.len() {
            let next = leaf.extent_mut(at + 1);
            change.removed = next.gap;
            next.gap -= extent.reach();
            change.added = change.added.max(next.gap);
            change.span = 0;
            change.sums.add_pair(leaf.pair(at + 1));
        }
        self.propagate(path, &change);
    }

    /// Adds `vma`, which does not touch the mapping before it, where that touches none behind it either, or one of another protection:
    /// then there is no pair to tell of. Answers whether it has; it does so only where the leaf has room and a mapping behind.
    #[inline]
    pub(super) fn insert_apart(&mut self, path: &Path, vma: &Vma) -> bool {
        let at = path.at();
        let leaf = self.leaves.get_mut(path.steps[0].node);
        if at == leaf.len() || leaf.len() == LEAF {
            return false;
        }
        let extent = Extent {
            gap: vma.start().get() - path.base,
            len: vma.range.len(),
        };
        let removed = leaf.extents()[at].gap;
        let touches = extent.reach() == removed;
        if extent.reach() > removed || (touches && leaf.prot(at) == vma.prot) {
            return false;
        }
        leaf.insert(at, extent, vma);
        leaf.extent_mut(at + 1).gap = removed - extent.reach();
        let added = extent.gap.max(removed - extent.reach());
        self.propagate_within(path, &Sums::of(vma), (removed, added));
        true
    }

    /// Removes the mapping at `path`, if it is nothing to the one before it nor to the one behind, which lies in the same leaf, and the
    /// leaf stays full enough: then there is no pair to tell of. Answers whether it has.
    #[inline(always)]
    pub(super) fn remove_apart(&mut self, path: &Path) -> bool {
        let (at, is_root) = (path.at(), self.height == 0);
        let leaf = self.leaves.get_mut(path.steps[0].node);
        let stays = at + 1 < leaf.len() && (is_root || leaf.len() > LEAF_MIN);
        if !stays || leaf.pair(at) != Relation::Apart || leaf.pair(at + 1) != Relation::Apart {
            return false;
        }
        let mut sums = Sums::NONE;
        sums.subtract(&Sums::of(&leaf.get(at, path.base)));
        let extent = leaf.extents()[at];
        let next = leaf.extent_mut(at + 1);
        next.gap += extent.reach();
        let gaps = (extent.gap, next.gap);
        leaf.remove(at);
        self.propagate_within(path, &sums, gaps);
        true
    }

    /// Removes the mapping at `path`.
    pub(super) fn remove_at(&mut self, path: &Path) {
        let at = path.at();
        let leaf = self.leaves.get_mut(path.steps[0].node);
        let extent = leaf.extents()[at];
        let mut change = Change {
            span: 0,
            sums: Sums::NONE,
            removed: extent.gap,
            added: 0,
        };
        change.sums.subtract(&Sums::of(&leaf.get(at, path.base)));
        change.sums.remove_pair(leaf.pair(at));
        if at + 1 < leaf.len() {
            change.sums.remove_pair(leaf.pair(at + 1));
            let next = leaf.extent_mut(at + 1);
            next.gap += extent.reach();
            change.added = next.gap;
        } else {
            change.span = change.span.wrapping_sub(extent.reach());
            if let Some(next) = self.step_on(path) {
                let gap = self.leaf(&next).extents()[0].gap;
                self.set_head(&next, gap + extent.reach(), Relation::Apart);
            }
        }
        let leaf = self.leaves.get_mut(path.steps[0].node);
        leaf.remove(at);
        if at == 0 {
            leaf.head = Relation::Apart;
        }
        self.propagate(path, &change);
        self.refill_leaf(path);
    }

    /// Changes the mapping at `path` to `vma`, which fits between its neighbours.
    pub(super) fn replace_at(&mut self, path: &Path, vma: &Vma) {
        let at = path.at();
        let pair = self.pair_with_previous(path, vma);
        let leaf = self.leaves.get_mut(path.steps[0].node);
        let old = leaf.extents()[at];
        let extent = Extent {
            gap: vma.start().get() - path.base,
            len: vma.range.len(),
        };
        let span = extent.reach().wrapping_sub(old.reach());
        let mut change = Change {
            span,
            sums: Sums::of(vma),
            removed: old.gap,
            added: extent.gap,
        };
        change.sums.subtract(&Sums::of(&leaf.get(at, path.base)));
        change.sums.remove_pair(leaf.pair(at));
        change.sums.add_pair(pair);
        let inner = at + 1 < leaf.len();
        if inner {
            change.sums.remove_pair(leaf.pair(at + 1));
            let next = leaf.extent_mut(at + 1);
            change.removed = change.removed.max(next.gap);
            next.gap = next.gap.wrapping_sub(span);
            change.added = change.added.max(next.gap);
            change.span = 0;
        } else if let Some(next) = self.step_on(path) {
            self.set_gap_and_head(&next, span, vma);
        }
        let leaf = self.leaves.get_mut(path.steps[0].node);
        *leaf.extent_mut(at) = extent;
        leaf.set_traits(at, vma);
        if at == 0 {
            leaf.head = pair;
        }
        if inner {
            change.sums.add_pair(leaf.pair(at + 1));
        }
        // Where it stays in its place and counts as before, nothing above the leaf changes.
        let homing = self.total.sums.homing() != 0;
        if extent != old || !change.sums.is_none() || homing {
            self.propagate(path, &change);
        }
    }

    /// Makes `vma` of the mapping at `path` and of `more` mappings behind it, which it covers exactly, if one leaf holds them and the one
    /// behind; answers whether it does.
    pub(super) fn absorb(&mut self, path: &Path, more: usize, vma: &Vma) -> bool {
        let (at, last) = (path.at(), path.at() + more);
        if last + 1 >= self.leaf(path).len() {
            return false;
        }
        let pair = self.pair_with_previous(path, vma);
        let leaf = self.leaves.get_mut(path.steps[0].node);
        let mut change = Change {
            span: 0,
            sums: Sums::of(vma),
            removed: 0,
            added: 0,
        };
        change.sums.add_pair(pair);
        for gone in at..=last {
            change.sums.subtract(&Sums::of(&leaf.get(gone, 0)));
            change.sums.remove_pair(leaf.pair(gone));
        }
        change.sums.remove_pair(leaf.pair(last + 1));
        for gone in (at + 1..=last).rev() {
            change.removed = change.removed.max(leaf.extents()[gone].gap);
            leaf.remove(gone);
        }
        leaf.extent_mut(at).len = vma.range.len();
        leaf.set_traits(at, vma);
        if at == 0 {
            leaf.head = pair;
        }
        change.sums.add_pair(leaf.pair(at + 1));
        self.propagate(path, &change);
        self.refill_leaf(path);
        true
    }

    /// Changes what the first mapping of the leaf at `path` knows of the one before it, which is now `prev`; its end has moved
    /// by `span`.
    pub(super) fn set_gap_and_head(&mut self, path: &Path, span: u64, prev: &Vma) {
        let leaf = self.leaf(path);
        let gap = leaf.extents()[0].gap.wrapping_sub(span);
        let pair = if gap == 0 {
            relation(prev, &leaf.get(0, path.base))
        } else {
            Relation::Apart
        };
        if span != 0 || pair != leaf.head {
            self.set_head(path, gap, pair);
        }
    }

    /// Changes what the first mapping of the leaf at `path` knows of the one before it.
    pub(super) fn set_head(&mut self, path: &Path, gap: u64, pair: Relation) {
        let leaf = self.leaves.get_mut(path.steps[0].node);
        let old = leaf.extents()[0].gap;
        let mut change = Change {
            span: gap.wrapping_sub(old),
            sums: Sums::NONE,
            removed: old,
            added: gap,
        };
        change.sums.remove_pair(leaf.head);
        change.sums.add_pair(pair);
        leaf.extent_mut(0).gap = gap;
        leaf.head = pair;
        self.propagate(path, &change);
    }

    /// Lets the mapping at `path` grow downwards by `bytes`: it becomes `vma`, which has the same flags and identity. Some of the free
    /// bytes before it must be left, so that what it is to its neighbours stays.
    #[inline]
    pub(super) fn stretch_down(&mut self, path: &Path, vma: &Vma, bytes: u64) {
        let leaf = self.leaves.get_mut(path.steps[0].node);
        leaf.set_traits(path.at(), vma);
        let extent = leaf.extent_mut(path.at());
        let gap = extent.gap;
        extent.gap -= bytes;
        extent.len += bytes;
        self.propagate_stretch(path, vma, bytes, gap);
    }

    /// Lets the mapping before the one at `path` grow upwards by `bytes`, as [`VmaTree::stretch_down`] does; answers `false` where it
    /// lies in another leaf.
    #[inline]
    pub(super) fn stretch_up(&mut self, path: &Path, vma: &Vma, bytes: u64) -> bool {
        let leaf = self.leaves.get_mut(path.steps[0].node);
        let Some(at) = path.at().checked_sub(1).filter(|_| path.at() < leaf.len()) else {
            return false;
        };
        leaf.set_traits(at, vma);
        leaf.extent_mut(at).len += bytes;
        let next = leaf.extent_mut(path.at());
        let gap = next.gap;
        next.gap -= bytes;
        self.propagate_stretch(path, vma, bytes, gap);
        true
    }

    /// What `vma`, put before `path` or in its place, is to the mapping before it.
    #[inline]
    pub(super) fn pair_with_previous(&self, path: &Path, vma: &Vma) -> Relation {
        if path.base != vma.start().get() {
            return Relation::Apart;
        }
        self.before(path)
            .map_or(Relation::Apart, |prev| relation(&prev, vma))
    }
}
