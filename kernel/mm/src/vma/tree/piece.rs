//! Trees cut apart and put together in O(log n).

use super::inner::INNER_MIN;
use super::leaf::LEAF_MIN;
use super::path::{Path, Step};
use super::pool::NodeId;
use super::summary::Summary;
use super::{Inner, VmaTree};
use crate::vma::Vma;
use crate::vma::merge::{Relation, relation};

/// A tree, or a part of one that was cut out, whose base is the end of whatever comes before it. Its nodes stay in the pools that
/// they were in, so it is of use to its own [`VmaTree`] only.
#[must_use = "its nodes would be lost"]
pub(super) struct Piece {
    pub(super) node: NodeId,
    pub(super) height: usize,
    pub(super) total: Summary,
}

impl Piece {
    /// A piece without mappings.
    pub(super) const NOTHING: Self = Self {
        node: 0,
        height: 0,
        total: Summary::EMPTY,
    };

    /// Whether it holds no mapping.
    pub(super) const fn is_empty(&self) -> bool {
        self.total.sums.count() == 0
    }
}

impl VmaTree {
    /// Makes `piece` the tree, which must be empty.
    pub(super) fn plant_piece(&mut self, piece: &Piece) {
        debug_assert!(self.is_empty());
        (self.root, self.height) = (piece.node, piece.height);
        self.total = piece.total;
    }

    /// Cuts the tree before the mapping at `path` and leaves it empty.
    pub(super) fn cut(&mut self, path: &Path, left: &mut Piece, right: &mut Piece) {
        let height = self.height;
        self.cut_leaf(path, left, right);
        let (mut lower, mut upper) = (Piece::NOTHING, Piece::NOTHING);
        for level in 1..=height {
            // Putting the halves together uses the tree's own root; its height is wanted as it was.
            let whole = self.summary_at(path, level, height);
            self.cut_inner(path.steps[level], level, &whole, &mut lower, &mut upper);
            self.join_before(&lower, left);
            self.join(right, &upper);
        }
        self.clear_root();
    }

    /// The summary of the node of `path` at `level`, in a tree of that height.
    fn summary_at(&self, path: &Path, level: usize, height: usize) -> Summary {
        if level == height {
            return self.total;
        }
        let above = path.steps[level + 1];
        self.inners.get(above.node).get(above.at())
    }

    fn cut_leaf(&mut self, path: &Path, left: &mut Piece, right: &mut Piece) {
        self.visit(2);
        let whole = self.summary_at(path, 0, self.height);
        let (node, at, len) = (path.steps[0].node, path.at(), self.leaf(path).len());
        (*left, *right) = (Piece::NOTHING, Piece::NOTHING);
        if at == 0 || at == len {
            let side = if at == 0 { right } else { left };
            *side = Piece {
                node,
                height: 0,
                total: whole,
            };
            return;
        }
        let new = self.leaves.take();
        let (lower, upper) = self.leaves.pair_mut(node, new);
        upper.clear();
        lower.move_to_front_of(upper, len - at);
        (left.node, right.node) = (node, new);
        if whole.sums.homing() != 0 {
            (left.total, right.total) = (lower.summary(), upper.summary());
            return;
        }
        let (known, other) = if lower.len() < upper.len() {
            (&mut *left, &mut *right)
        } else {
            (&mut *right, &mut *left)
        };
        let summed = if lower.len() < upper.len() {
            &*lower
        } else {
            &*upper
        };
        summed.add_up(&mut known.total);
        other.total.sums = whole.sums;
        other.total.sums.subtract(&known.total.sums);
        other.total.span = whole.span - known.total.span;
        left.total.gap = lower.largest_gap();
        right.total.gap = upper.largest_gap();
    }

    /// Makes one piece of the subtrees of `step` before the one on the way, and one of those behind it. `whole` is the summary of all.
    fn cut_inner(&mut self, step: Step, level: usize, whole: &Summary, left: &mut Piece, right: &mut Piece) {
        self.visit(2);
        let (node, at) = (step.node, step.at());
        let new = self.inners.take();
        let (lower, upper) = self.inners.pair_mut(node, new);
        let (before, behind) = (at, lower.len() - at - 1);
        let (known, other, range) = if before < behind {
            (&mut *left, &mut *right, 0..at)
        } else {
            (&mut *right, &mut *left, at + 1..lower.len())
        };
        known.total = lower.summary_of(range);
        other.total.sums = whole.sums;
        other.total.sums.subtract(&known.total.sums);
        lower.subtract_sums(at, &mut other.total.sums);
        other.total.span = whole.span - known.total.span - lower.spans()[at];
        upper.clear();
        lower.move_to_front_of(upper, behind);
        lower.remove(at);
        left.total.gap = lower.largest_gap();
        right.total.gap = upper.largest_gap();
        if whole.sums.homing() != 0 {
            (left.total.homes, right.total.homes) = (lower.all_homes(), upper.all_homes());
        }
        self.as_piece(node, level, left);
        self.as_piece(new, level, right);
    }

    /// Makes the inner node a piece of its own, which needs no node over a single subtree.
    fn as_piece(&mut self, node: NodeId, level: usize, piece: &mut Piece) {
        let inner = self.inners.get(node);
        (piece.node, piece.height) = match inner.len() {
            0 => (0, 0),
            1 => (inner.child(0), level - 1),
            _ => {
                (piece.node, piece.height) = (node, level);
                return;
            }
        };
        self.inners.give(node);
    }

    /// Puts `right` behind `left`. The first mapping of `right` must know already what is before it.
    pub(super) fn join(&mut self, left: &mut Piece, right: &Piece) {
        if right.is_empty() {
            return;
        }
        (left.node, left.height) = if left.is_empty() {
            (right.node, right.height)
        } else {
            self.link(left, right)
        };
        left.total.append(&right.total);
    }

    /// Puts `left` before `right`. The first mapping of `right` must know already what is before it.
    fn join_before(&mut self, left: &Piece, right: &mut Piece) {
        if left.is_empty() {
            return;
        }
        (right.node, right.height) = if right.is_empty() {
            (left.node, left.height)
        } else {
            self.link(left, right)
        };
        right.total.prepend(&left.total);
    }

    /// Makes one tree of two, and answers its root and its height. The tree's own root is lost.
    fn link(&mut self, left: &Piece, right: &Piece) -> (NodeId, usize) {
        if left.height == right.height {
            self.link_level(left, right);
        } else if left.height > right.height {
            self.link_lower_right(left, right);
        } else {
            self.link_lower_left(left, right);
        }
        (self.root, self.height)
    }

    /// Makes a tree of two of one height.
    fn link_level(&mut self, left: &Piece, right: &Piece) {
        self.visit(3);
        let root = self.inners.take();
        let inner = self.inners.get_mut(root);
        inner.clear();
        inner.insert(0, left.node, &left.total);
        inner.insert(1, right.node, &right.total);
        (self.root, self.height) = (root, left.height + 1);
        self.fill_up(root, 0, left.height);
        if self.inners.get(root).len() == 1 {
            (self.root, self.height) = (self.inners.get(root).child(0), left.height);
            self.inners.give(root);
        }
    }

    /// Makes a tree of one and a lower one behind it.
    fn link_lower_right(&mut self, left: &Piece, right: &Piece) {
        (self.root, self.height) = (left.node, left.height);
        let level = right.height + 1;
        let path = self.spine(level, |inner| inner.len() - 1);
        for step in &path.steps[level + 1..=self.height] {
            self.inners.get_mut(step.node).append(step.at(), &right.total);
        }
        self.hang(&path, level, path.steps[level].at() + 1, right.node, &right.total);
        let path = self.spine(level, |inner| inner.len() - 1);
        self.fill_up(path.steps[level].node, path.steps[level].at() - 1, right.height);
    }

    /// Makes a tree of one and a lower one before it.
    fn link_lower_left(&mut self, left: &Piece, right: &Piece) {
        (self.root, self.height) = (right.node, right.height);
        let level = left.height + 1;
        let path = self.spine(level, |_| 0);
        for step in &path.steps[level + 1..=self.height] {
            self.inners.get_mut(step.node).prepend(0, &left.total);
        }
        self.hang(&path, level, 0, left.node, &left.total);
        let path = self.spine(level, |_| 0);
        self.fill_up(path.steps[level].node, 0, left.height);
    }

    /// The way down one side of the tree, as far as `level`.
    fn spine(&self, level: usize, side: impl Fn(&Inner) -> usize) -> Path {
        self.visit(self.height + 1 - level);
        let mut path = Path::NOWHERE;
        let mut node = self.root;
        for level in (level..=self.height).rev() {
            let inner = self.inners.get(node);
            let at = side(inner);
            path.steps[level] = Step::new(node, at);
            node = inner.child(at);
        }
        path
    }

    /// Evens out subtrees `at` and `at + 1` of `node`, which lie at `level`, if one of them is too empty.
    fn fill_up(&mut self, node: NodeId, at: usize, level: usize) {
        let inner = self.inners.get(node);
        let children = [inner.child(at), inner.child(at + 1)];
        if level == 0 {
            if children
                .iter()
                .any(|&leaf| self.leaves.get(leaf).len() < LEAF_MIN)
            {
                self.even_out_leaves(node, at);
            }
        } else if children
            .iter()
            .any(|&inner| self.inners.get(inner).len() < INNER_MIN)
        {
            self.even_out_inners(node, at);
        }
    }

    /// Tells the first mapping of `piece` that it lies `gap` bytes behind `prev`, the last mapping of the piece that it will be
    /// joined to. The tree must be empty.
    pub(super) fn set_first(&mut self, piece: &mut Piece, gap: u64, prev: Option<&Vma>) {
        if piece.is_empty() {
            return;
        }
        self.plant_piece(piece);
        let path = self.locate(0);
        let pair = match prev {
            Some(prev) if gap == 0 => {
                let old_gap = self.leaf(&path).extents()[0].gap;
                relation(
                    prev,
                    &self.leaf(&path).get(0, prev.end().get().wrapping_sub(old_gap)),
                )
            }
            _ => Relation::Apart,
        };
        self.set_head(&path, gap, pair);
        piece.total = self.total;
        self.clear_root();
    }

    /// The free bytes before the first mapping of `piece`.
    pub(super) fn first_gap(&self, piece: &Piece) -> u64 {
        let mut node = piece.node;
        self.visit(piece.height + 1);
        for _ in 0..piece.height {
            node = self.inners.get(node).child(0);
        }
        self.leaves.get(node).extents()[0].gap
    }

    /// The last mapping of `piece`, which begins at address 0.
    pub(super) fn last_of(&self, piece: &Piece) -> Option<Vma> {
        if piece.is_empty() {
            return None;
        }
        let mut node = piece.node;
        self.visit(piece.height + 1);
        for _ in 0..piece.height {
            let inner = self.inners.get(node);
            node = inner.child(inner.len() - 1);
        }
        let leaf = self.leaves.get(node);
        let last = leaf.len() - 1;
        Some(leaf.get(last, piece.total.span - leaf.extents()[last].reach()))
    }
}
