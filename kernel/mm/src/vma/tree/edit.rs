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
        let prev = self.before_if_touching(path, vma);
        let next = self.at(path);
        let extent = Extent {
            gap: vma.start().get() - path.base,
            len: vma.range.len(),
        };
        let pair = related(prev.as_ref(), vma);
        let sums = Sums::of(vma).with(pair);
        let sums = match next {
            Some(next) => sums.with(related(Some(vma), &next)),
            None => sums,
        };
        let leaf = self.leaves.get_mut(path.steps[0].node);
        leaf.insert(path.at(), extent, vma);
        if path.at() == 0 {
            leaf.head = pair;
        }
        let mut span = extent.reach();
        if next.is_some() {
            leaf.extent_mut(path.at() + 1).gap -= span;
            span = 0;
        }
        self.propagate(path, span, &sums);
    }

    /// Removes the mapping at `path`.
    pub(super) fn remove_at(&mut self, path: &Path) {
        let leaf = self.leaf(path);
        let (at, vma) = (path.at(), leaf.get(path.at(), path.base));
        let mut sums = Sums::NONE.without(leaf.pair(at));
        sums.subtract(&Sums::of(&vma));
        let reach = leaf.extents()[at].reach();
        let mut span = 0u64.wrapping_sub(reach);
        if at + 1 < leaf.len() {
            sums = sums.without(leaf.pair(at + 1));
            span = 0;
            let leaf = self.leaves.get_mut(path.steps[0].node);
            leaf.extent_mut(at + 1).gap += reach;
        } else if let Some(next) = self.step_on(path) {
            let gap = self.leaf(&next).extents()[0].gap;
            self.set_head(&next, gap + reach, Relation::Apart);
        }
        let leaf = self.leaves.get_mut(path.steps[0].node);
        leaf.remove(at);
        if at == 0 {
            leaf.head = Relation::Apart;
        }
        self.propagate(path, span, &sums);
        self.refill_leaf(path);
    }

    /// Changes the mapping at `path` to `vma`, which fits between its neighbours.
    pub(super) fn replace_at(&mut self, path: &Path, vma: &Vma) {
        let leaf = self.leaf(path);
        let (at, len, old) = (path.at(), leaf.len(), leaf.get(path.at(), path.base));
        let prev = self.before_if_touching(path, vma);
        let pair = related(prev.as_ref(), vma);
        let mut sums = Sums::of(vma).with(pair).without(leaf.pair(at));
        sums.subtract(&Sums::of(&old));
        let extent = Extent {
            gap: vma.start().get() - path.base,
            len: vma.range.len(),
        };
        let mut span = extent.reach().wrapping_sub(leaf.extents()[at].reach());
        if at + 1 < len {
            let next_before = leaf.pair(at + 1);
            let leaf = self.leaves.get_mut(path.steps[0].node);
            let next = leaf.extent_mut(at + 1);
            next.gap = next.gap.wrapping_sub(span);
            span = 0;
            *leaf.extent_mut(at) = extent;
            leaf.set_traits(at, vma);
            let next_after = leaf.pair(at + 1);
            sums = sums.with(next_after).without(next_before);
        } else {
            if let Some(next) = self.step_on(path) {
                let next_vma = self.leaf(&next).get(0, next.base);
                let gap = self.leaf(&next).extents()[0].gap.wrapping_sub(span);
                self.set_head(&next, gap, related(Some(vma), &next_vma));
            }
            let leaf = self.leaves.get_mut(path.steps[0].node);
            *leaf.extent_mut(at) = extent;
            leaf.set_traits(at, vma);
        }
        if at == 0 {
            self.leaves.get_mut(path.steps[0].node).head = pair;
        }
        self.propagate(path, span, &sums);
    }

    /// Changes what the first mapping of the leaf at `path` knows of the one before it.
    pub(super) fn set_head(&mut self, path: &Path, gap: u64, pair: Relation) {
        let leaf = self.leaves.get_mut(path.steps[0].node);
        let span = gap.wrapping_sub(leaf.extents()[0].gap);
        let sums = Sums::NONE.with(pair).without(leaf.head);
        leaf.extent_mut(0).gap = gap;
        leaf.head = pair;
        self.propagate(path, span, &sums);
    }

    /// Carries the change of a leaf up to the root: `span` and `sums` are differences, gaps and homes are read anew.
    pub(super) fn propagate(&mut self, path: &Path, span: u64, sums: &Sums) {
        let leaf = self.leaves.get(path.steps[0].node);
        let mut gap = Some(leaf.largest_gap());
        let homing = self.total.sums.homing() != 0 || sums.has_pairs();
        let mut homes = if homing { Some(leaf.homes()) } else { None };
        for step in &path.steps[1..=self.height] {
            let inner = self.inners.get_mut(step.node);
            inner.adjust(step.at(), span, sums);
            gap = gap.and_then(|gap| inner.set_gap(step.at(), gap));
            homes = homes.map(|homes| inner.set_homes(step.at(), homes));
        }
        self.total.span = self.total.span.wrapping_add(span);
        self.total.sums.add(sums);
        self.total.gap = gap.unwrap_or(self.total.gap);
        self.total.homes = homes.unwrap_or(self.total.homes);
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
        let bytes = Sums::of_bytes(vma, bytes);
        // Only where it was the largest can the largest have changed.
        let above = path.steps[1];
        let largest = if self.height == 0 {
            self.total.gap
        } else {
            self.inners.get(above.node).gaps()[above.at()]
        };
        let mut largest = if largest == gap {
            Some(self.leaves.get(path.steps[0].node).largest_gap())
        } else {
            None
        };
        for step in &path.steps[1..=self.height] {
            let inner = self.inners.get_mut(step.node);
            inner.adjust_bytes(step.at(), &bytes);
            largest = largest.and_then(|largest| inner.set_gap(step.at(), largest));
        }
        self.total.sums.add_bytes(&bytes);
        self.total.gap = largest.unwrap_or(self.total.gap);
    }

    /// The mapping before `path`, if `vma` will touch it: only then anyone asks what the two are to each other.
    fn before_if_touching(&self, path: &Path, vma: &Vma) -> Option<Vma> {
        if path.base == vma.start().get() {
            self.before(path)
        } else {
            None
        }
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

/// What `vma` is to the one before it.
fn related(prev: Option<&Vma>, vma: &Vma) -> Relation {
    match prev {
        Some(prev) if prev.end() == vma.start() => relation(prev, vma),
        _ => Relation::Apart,
    }
}
