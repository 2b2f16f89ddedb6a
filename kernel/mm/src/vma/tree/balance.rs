//! Keeping nodes neither too full nor too empty.

use super::VmaTree;
use super::inner::{INNER, INNER_MIN};
use super::leaf::{LEAF, LEAF_MIN};
use super::path::Path;
use super::pool::NodeId;
use super::summary::Summary;

impl VmaTree {
    /// Makes two leaves of a full one.
    pub(super) fn split_leaf(&mut self, path: &Path) {
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
    pub(super) fn refill_leaf(&mut self, path: &Path) {
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
