//! Edits of one mapping where it lies, and what they change on the way to the root.
//!
//! A mapping's gap counts from the end of the one before it, so an edit that moves a mapping's end changes the gap of the next one
//! too, and no other: all others stay where they are, and no subtree between needs to hear of it.

use super::VmaTree;
use super::inner::{INNER, INNER_MIN};
use super::leaf::{Extent, LEAF, LEAF_MIN};
use super::path::Path;
use super::pool::NodeId;
use super::summary::{Summary, Sums};
use crate::PageRange;
use crate::vma::Vma;
use crate::vma::merge::{Relation, relation};

/// What an edit changes for the nodes above its leaf.
pub(super) struct Change {
    /// How much further the leaf reaches.
    span: u64,
    /// What there is more.
    sums: Sums,
    /// The largest gap that is gone or smaller; zero for none.
    removed: u64,
    /// The largest gap that is new or larger; zero for none.
    added: u64,
}

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
        self.propagate(path, &change);
    }

    /// Changes a part of `old`, the mapping at `path`, to `part`: what is left of `old` on one side or on both becomes mappings of
    /// their own.
    pub(super) fn carve(&mut self, path: &Path, old: &Vma, part: &Vma) {
        let head = PageRange::between(old.start(), part.start());
        let tail = PageRange::between(part.end(), old.end());
        let more = usize::from(!head.is_empty()) + usize::from(!tail.is_empty());
        if self.leaf(path).len() + more > LEAF {
            self.split_leaf(path);
            let path = self.locate(old.start().get());
            return self.carve(&path, old, part);
        }
        let pair = if head.is_empty() {
            self.pair_with_previous(path, part)
        } else {
            self.leaf(path).pair(path.at())
        };
        let next_leaf = tail.is_empty() && path.at() + 1 == self.leaf(path).len();
        let next = if next_leaf { self.step_on(path) } else { None };
        let mut change = Change {
            span: 0,
            sums: Sums::NONE,
            removed: 0,
            added: 0,
        };
        let (first, last) = (path.at(), path.at() + more);
        let leaf = self.leaves.get_mut(path.steps[0].node);
        change.sums.subtract(&Sums::of(old));
        change.sums.remove_pair(leaf.pair(first));
        let inner = first + 1 < leaf.len();
        if inner {
            change.sums.remove_pair(leaf.pair(first + 1));
        }
        let mut at = first;
        if !head.is_empty() {
            leaf.extent_mut(at).len = head.len();
            at += 1;
            leaf.insert(
                at,
                Extent {
                    gap: 0,
                    len: part.range.len(),
                },
                part,
            );
        } else {
            leaf.extent_mut(at).len = part.range.len();
            leaf.set_traits(at, part);
        }
        if !tail.is_empty() {
            leaf.insert(
                at + 1,
                Extent {
                    gap: 0,
                    len: tail.len(),
                },
                &old.with_range(tail),
            );
        }
        if first == 0 {
            leaf.head = pair;
        }
        for at in first..=last {
            change.sums.add(&Sums::of(&leaf.get(at, 0)));
            change.sums.add_pair(leaf.pair(at));
        }
        if inner {
            change.sums.add_pair(leaf.pair(last + 1));
        }
        self.propagate(path, &change);
        if let Some(next) = next {
            self.set_gap_and_head(&next, 0, part);
        }
    }

    /// Changes what the first mapping of the leaf at `path` knows of the one before it, which is now `prev`; its end has moved
    /// by `span`.
    fn set_gap_and_head(&mut self, path: &Path, span: u64, prev: &Vma) {
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

    /// Carries the change of a leaf up to the root.
    pub(super) fn propagate(&mut self, path: &Path, change: &Change) {
        let homing = self.total.sums.homing() != 0 || change.sums.has_pairs();
        let mut homes = if homing {
            Some(self.leaf(path).homes())
        } else {
            None
        };
        let mut gaps = Some((change.removed, change.added));
        for level in 1..=self.height {
            let step = path.steps[level];
            let old = self.inners.get(step.node).gaps()[step.at()];
            gaps = gaps.and_then(|gaps| self.change_of_gap(path, level, old, gaps));
            let inner = self.inners.get_mut(step.node);
            inner.adjust(step.at(), change.span, &change.sums);
            if let Some((_, gap)) = gaps {
                inner.set_gap(step.at(), gap);
            }
            if let Some(below) = homes {
                homes = Some(inner.set_homes(step.at(), below));
            }
        }
        if let Some(gaps) = gaps {
            let change = self.change_of_gap(path, self.height + 1, self.total.gap, gaps);
            self.total.gap = change.map_or(self.total.gap, |(_, gap)| gap);
        }
        self.total.span = self.total.span.wrapping_add(change.span);
        self.total.sums.add(&change.sums);
        if let Some(homes) = homes {
            self.total.homes = homes;
        }
    }

    /// The largest gap of the node of `path` below `level`, `old` up to now, and what it becomes where of the gaps below it, one was
    /// `removed` and another `added`; `None` if it stays.
    #[inline]
    fn change_of_gap(
        &self,
        path: &Path,
        level: usize,
        old: u64,
        (removed, added): (u64, u64),
    ) -> Option<(u64, u64)> {
        let new = if added >= old {
            added
        } else if removed < old {
            old
        } else if level == 1 {
            self.leaf(path).largest_gap()
        } else {
            self.inners.get(path.steps[level - 1].node).largest_gap()
        };
        if new == old { None } else { Some((old, new)) }
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

    /// Carries up to the root that a mapping like `vma` has grown by `bytes`, out of a gap that was `gap` bytes long.
    fn propagate_stretch(&mut self, path: &Path, vma: &Vma, bytes: u64, gap: u64) {
        let sums = Sums::of_bytes(vma, bytes);
        let mut gaps = Some((gap, gap - bytes));
        for level in 1..=self.height {
            let step = path.steps[level];
            let old = self.inners.get(step.node).gaps()[step.at()];
            gaps = gaps.and_then(|gaps| self.change_of_gap(path, level, old, gaps));
            let inner = self.inners.get_mut(step.node);
            inner.adjust_bytes(step.at(), &sums);
            if let Some((_, gap)) = gaps {
                inner.set_gap(step.at(), gap);
            }
        }
        if let Some(gaps) = gaps {
            let change = self.change_of_gap(path, self.height + 1, self.total.gap, gaps);
            self.total.gap = change.map_or(self.total.gap, |(_, gap)| gap);
        }
        self.total.sums.add_bytes(&sums);
    }

    /// What `vma`, put before `path` or in its place, is to the mapping before it.
    #[inline]
    fn pair_with_previous(&self, path: &Path, vma: &Vma) -> Relation {
        if path.base != vma.start().get() {
            return Relation::Apart;
        }
        self.before(path)
            .map_or(Relation::Apart, |prev| relation(&prev, vma))
    }

    /// Makes two leaves of a full one.
    fn split_leaf(&mut self, path: &Path) {
        let (left, right) = (path.steps[0].node, self.leaves.take());
        let (lower, upper) = self.leaves.pair_mut(left, right);
        upper.clear();
        lower.move_to_front_of(upper, LEAF / 2);
        let (lower, upper) = (lower.summary(), upper.summary());
        self.divided(path, 1, (left, &lower), (right, &upper));
    }

    /// Tells the node of `path` at `level` that its subtree there has become two.
    fn divided(
        &mut self,
        path: &Path,
        level: usize,
        (left, left_summary): (NodeId, &Summary),
        (right, right_summary): (NodeId, &Summary),
    ) {
        if level > self.height {
            let root = self.inners.take();
            let inner = self.inners.get_mut(root);
            inner.clear();
            inner.insert(0, left, left_summary);
            inner.insert(1, right, right_summary);
            (self.root, self.height) = (root, level);
            return;
        }
        let step = path.steps[level];
        self.inners.get_mut(step.node).set(step.at(), left_summary);
        self.hang(path, level, step.at() + 1, right, right_summary);
    }

    /// Hangs a subtree into the node of `path` at `level`, before its subtree `at`, and makes two nodes of it if it is full. The nodes
    /// above must know of the subtree's contents already.
    pub(super) fn hang(&mut self, path: &Path, level: usize, at: usize, child: NodeId, summary: &Summary) {
        let node = path.steps[level].node;
        if self.inners.get(node).len() < INNER {
            return self.inners.get_mut(node).insert(at, child, summary);
        }
        let new = self.inners.take();
        let (lower, upper) = self.inners.pair_mut(node, new);
        upper.clear();
        lower.move_to_front_of(upper, INNER / 2);
        match at.checked_sub(lower.len()) {
            Some(at) if at > 0 => upper.insert(at, child, summary),
            _ => lower.insert(at, child, summary),
        }
        let (lower, upper) = (lower.summary(), upper.summary());
        self.visit(2);
        self.divided(path, level + 1, (node, &lower), (new, &upper));
    }

    /// Sees to it that the leaf at `path` is full enough.
    fn refill_leaf(&mut self, path: &Path) {
        if self.leaf(path).len() >= LEAF_MIN {
            return;
        }
        if self.height == 0 {
            if self.leaf(path).len() == 0 {
                self.leaves.give(self.root);
                self.clear_root();
            }
            return;
        }
        let above = path.steps[1];
        let inner = self.inners.get(above.node);
        let left_at = if above.at() + 1 < inner.len() {
            above.at()
        } else {
            above.at() - 1
        };
        self.even_out_leaves(above.node, left_at);
        self.refill_inner(path, 1);
    }

    /// Makes one leaf of subtrees `at` and `at + 1` of `inner`, or two that are equally full.
    pub(super) fn even_out_leaves(&mut self, inner: u32, at: usize) {
        self.visit(3);
        let parent = self.inners.get_mut(inner);
        let (left_id, right_id) = (parent.child(at), parent.child(at + 1));
        let (left, right) = self.leaves.pair_mut(left_id, right_id);
        let all = left.len() + right.len();
        if all <= LEAF {
            left.take_from_front_of(right, right.len());
            let summary = parent.get(at).then(&parent.get(at + 1));
            parent.set(at, &summary);
            parent.remove(at + 1);
            self.leaves.give(right_id);
            return;
        }
        if left.len() < right.len() {
            left.take_from_front_of(right, all / 2 - left.len());
        } else {
            left.move_to_front_of(right, all / 2 - right.len());
        }
        parent.set(at, &left.summary());
        parent.set(at + 1, &right.summary());
    }

    /// Sees to it that the inner node of `path` at `level` is full enough.
    fn refill_inner(&mut self, path: &Path, level: usize) {
        let node = path.steps[level].node;
        let inner = self.inners.get(node);
        if level == self.height {
            if inner.len() == 1 {
                (self.root, self.height) = (inner.child(0), level - 1);
                self.inners.give(node);
            }
            return;
        }
        if inner.len() >= INNER_MIN {
            return;
        }
        let above = path.steps[level + 1];
        let left_at = if above.at() + 1 < self.inners.get(above.node).len() {
            above.at()
        } else {
            above.at() - 1
        };
        self.even_out_inners(above.node, left_at);
        self.refill_inner(path, level + 1);
    }

    /// Makes one inner node of subtrees `at` and `at + 1` of `inner`, or two that are equally full.
    pub(super) fn even_out_inners(&mut self, inner: u32, at: usize) {
        self.visit(3);
        let parent = self.inners.get(inner);
        let (left_id, right_id) = (parent.child(at), parent.child(at + 1));
        let (left, right) = self.inners.pair_mut(left_id, right_id);
        let all = left.len() + right.len();
        if all <= INNER {
            left.take_from_front_of(right, right.len());
            let summary = left.summary();
            let parent = self.inners.get_mut(inner);
            parent.set(at, &summary);
            parent.remove(at + 1);
            self.inners.give(right_id);
            return;
        }
        if left.len() < right.len() {
            left.take_from_front_of(right, all / 2 - left.len());
        } else {
            left.move_to_front_of(right, all / 2 - right.len());
        }
        let (left, right) = (left.summary(), right.summary());
        let parent = self.inners.get_mut(inner);
        parent.set(at, &left);
        parent.set(at + 1, &right);
    }
}
