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
#[derive(Clone, Copy)]
#[must_use = "its nodes would be lost"]
pub(super) struct Piece {
    node: NodeId,
    height: usize,
    pub(super) total: Summary,
}

impl Piece {
    const NOTHING: Self = Self {
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
    /// Takes the whole tree as a piece and leaves it empty.
    pub(super) fn uproot(&mut self) -> Piece {
        let piece = Piece {
            node: self.root,
            height: self.height,
            total: self.total,
        };
        self.clear_root();
        piece
    }

    /// Makes `piece` the tree, which must be empty.
    pub(super) fn plant_piece(&mut self, piece: Piece) {
        debug_assert!(self.is_empty());
        (self.root, self.height, self.total) = (piece.node, piece.height, piece.total);
    }

    /// Cuts the tree before the mapping at `path` and leaves it empty.
    pub(super) fn cut(&mut self, path: &Path) -> (Piece, Piece) {
        let height = self.height;
        self.clear_root();
        let (node, at) = (path.steps[0].node, path.steps[0].at());
        let (mut left, mut right) = self.cut_leaf(node, at);
        for level in 1..=height {
            let (node, at) = (path.steps[level].node, path.steps[level].at());
            let (lower, upper) = self.cut_inner(node, at, level);
            left = self.join(lower, left);
            right = self.join(right, upper);
        }
        (left, right)
    }

    fn cut_leaf(&mut self, node: NodeId, at: usize) -> (Piece, Piece) {
        self.visit(2);
        let leaf = self.leaves.get(node);
        let (at, len) = (at, leaf.len());
        if at == 0 || at == len {
            let whole = Piece {
                node,
                height: 0,
                total: leaf.summary(),
            };
            return if at == 0 {
                (Piece::NOTHING, whole)
            } else {
                (whole, Piece::NOTHING)
            };
        }
        let new = self.leaves.take();
        let (lower, upper) = self.leaves.pair_mut(node, new);
        upper.clear();
        lower.move_to_front_of(upper, len - at);
        (
            Piece {
                node,
                height: 0,
                total: lower.summary(),
            },
            Piece {
                node: new,
                height: 0,
                total: upper.summary(),
            },
        )
    }

    /// Makes one piece of the subtrees before `at` and one of those behind it.
    fn cut_inner(&mut self, node: NodeId, at: usize, level: usize) -> (Piece, Piece) {
        self.visit(2);
        let new = self.inners.take();
        let (lower, upper) = self.inners.pair_mut(node, new);
        upper.clear();
        lower.move_to_front_of(upper, lower.len() - at - 1);
        lower.remove(at);
        (self.as_piece(node, level), self.as_piece(new, level))
    }

    /// The inner node as a piece of its own, which needs no node over a single subtree.
    fn as_piece(&mut self, node: NodeId, level: usize) -> Piece {
        let inner = self.inners.get(node);
        let piece = match inner.len() {
            0 => Piece::NOTHING,
            1 => Piece {
                node: inner.child(0),
                height: level - 1,
                total: inner.get(0),
            },
            _ => {
                return Piece {
                    node,
                    height: level,
                    total: inner.summary(),
                };
            }
        };
        self.inners.give(node);
        piece
    }

    /// Puts `right` behind `left`. The first mapping of `right` must know already what is before it.
    pub(super) fn join(&mut self, left: Piece, right: Piece) -> Piece {
        if left.is_empty() {
            return right;
        }
        if right.is_empty() {
            return left;
        }
        let kept = self.uproot();
        if left.height == right.height {
            self.join_level(left, right);
        } else if left.height > right.height {
            self.join_lower_right(left, right);
        } else {
            self.join_lower_left(left, right);
        }
        let joined = self.uproot();
        self.plant_piece(kept);
        joined
    }

    /// Makes a tree of two pieces of one height.
    fn join_level(&mut self, left: Piece, right: Piece) {
        self.visit(3);
        let root = self.inners.take();
        let inner = self.inners.get_mut(root);
        inner.clear();
        inner.insert(0, left.node, &left.total);
        inner.insert(1, right.node, &right.total);
        self.plant_piece(Piece {
            node: root,
            height: left.height + 1,
            total: left.total.then(&right.total),
        });
        self.fill_up(root, 0, left.height);
        if self.inners.get(root).len() == 1 {
            (self.root, self.height) = (self.inners.get(root).child(0), left.height);
            self.inners.give(root);
        }
    }

    /// Makes a tree of a piece and a lower one behind it.
    fn join_lower_right(&mut self, left: Piece, right: Piece) {
        self.plant_piece(left);
        let path = self.spine(right.height + 1, |inner| inner.len() - 1);
        for step in &path.steps[right.height + 2..=self.height] {
            let inner = self.inners.get_mut(step.node);
            let summary = inner.get(step.at()).then(&right.total);
            inner.set(step.at(), &summary);
        }
        self.total = self.total.then(&right.total);
        let last = path.steps[right.height + 1].at();
        self.hang(&path, right.height + 1, last + 1, right.node, &right.total);
        let path = self.spine(right.height + 1, |inner| inner.len() - 1);
        let above = path.steps[right.height + 1];
        self.fill_up(above.node, above.at() - 1, right.height);
    }

    /// Makes a tree of a piece and a lower one before it.
    fn join_lower_left(&mut self, left: Piece, right: Piece) {
        self.plant_piece(right);
        let path = self.spine(left.height + 1, |_| 0);
        for step in &path.steps[left.height + 2..=self.height] {
            let inner = self.inners.get_mut(step.node);
            let summary = left.total.then(&inner.get(0));
            inner.set(0, &summary);
        }
        self.total = left.total.then(&self.total);
        self.hang(&path, left.height + 1, 0, left.node, &left.total);
        let path = self.spine(left.height + 1, |_| 0);
        self.fill_up(path.steps[left.height + 1].node, 0, left.height);
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
    /// joined to.
    pub(super) fn set_first(&mut self, piece: Piece, gap: u64, prev: Option<Vma>) -> Piece {
        if piece.is_empty() {
            return piece;
        }
        let kept = self.uproot();
        self.plant_piece(piece);
        let path = self.locate(0);
        let pair = match prev {
            Some(prev) if gap == 0 => {
                let old_gap = self.leaf(&path).extents()[0].gap;
                relation(
                    &prev,
                    &self.leaf(&path).get(0, prev.end().get().wrapping_sub(old_gap)),
                )
            }
            _ => Relation::Apart,
        };
        self.set_head(&path, gap, pair);
        let piece = self.uproot();
        self.plant_piece(kept);
        piece
    }

    /// The free bytes before the first mapping of `piece`.
    pub(super) fn first_gap(&mut self, piece: &Piece) -> u64 {
        let (mut node, height) = (piece.node, piece.height);
        self.visit(height + 1);
        for _ in 0..height {
            node = self.inners.get(node).child(0);
        }
        self.leaves.get(node).extents()[0].gap
    }

    /// The last mapping of `piece`, if the piece begins at address `base`.
    pub(super) fn last_of(&mut self, piece: &Piece, base: u64) -> Option<Vma> {
        let kept = self.uproot();
        self.plant_piece(*piece);
        let last = self.last(base);
        let _same = self.uproot();
        self.plant_piece(kept);
        last
    }

    fn last(&self, base: u64) -> Option<Vma> {
        if self.is_empty() {
            return None;
        }
        let end = self.locate(self.total.span);
        let path = self.step_back(&end)?;
        let at = path.at();
        Some(self.leaf(&path).get(at, path.base + base))
    }
}
