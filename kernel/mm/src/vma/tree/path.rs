//! The way from the root to one mapping.

use super::inner::INNER_MIN;
use super::leaf::LEAF_MIN;
use super::pool::NodeId;
use super::{Leaf, VmaTree};
use crate::vma::Vma;

/// How high a tree can grow.
pub(super) const MAX_HEIGHT: usize = 8;
/// How many mappings never make a tree higher than that, even if the nodes are as empty as may be.
pub(super) const MAX_MAPPINGS: usize = LEAF_MIN * INNER_MIN.pow(MAX_HEIGHT as u32 - 2);

/// A node on the way, and the place in it.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(8))]
pub(super) struct Step {
    pub(super) node: NodeId,
    at: u32,
}

impl Step {
    #[inline]
    pub(super) const fn new(node: NodeId, at: usize) -> Self {
        Self { node, at: at as u32 }
    }

    /// Which mapping of the leaf, or which subtree of the inner node.
    #[inline]
    pub(super) const fn at(self) -> usize {
        self.at as usize
    }
}

/// The way to a mapping, or to the end of the last leaf.
#[derive(Clone, Copy, Debug)]
pub(super) struct Path {
    /// The leaf, and above it the inner nodes up to the root.
    pub(super) steps: [Step; MAX_HEIGHT],
    /// Where the mapping's gap begins: the end of the mapping before it.
    pub(super) base: u64,
}

impl Path {
    /// A way that leads nowhere yet.
    pub(super) const NOWHERE: Self = Self {
        steps: [Step::new(0, 0); MAX_HEIGHT],
        base: 0,
    };

    /// Which mapping of the leaf.
    #[inline]
    pub(super) const fn at(&self) -> usize {
        self.steps[0].at()
    }

    /// Goes to mapping `at` of the leaf; `base` is the caller's to change.
    #[inline]
    pub(super) const fn set_at(&mut self, at: usize) {
        self.steps[0].at = at as u32;
    }
}

impl VmaTree {
    /// The way to the first mapping that ends after `addr`, or to the end. There must be a mapping.
    pub(super) fn locate(&self, addr: u64) -> Path {
        let mut path = Path::NOWHERE;
        self.lead(&mut path, addr);
        path
    }

    /// Makes `path` the way to the first mapping that ends after `addr`, or to the end, and answers its leaf: for callers that count
    /// instructions.
    #[inline]
    pub(super) fn lead(&self, path: &mut Path, addr: u64) -> &Leaf {
        let (leaf, step, base) = self.descend(addr, |level, step| path.steps[level] = step);
        path.steps[0] = step;
        path.base = base;
        leaf
    }

    /// Goes down to the first mapping that ends after `addr`, or to the end, and answers its leaf, its place there, and the end of the
    /// mapping before it. `note` hears of each inner node.
    #[inline(always)]
    pub(super) fn descend(&self, addr: u64, mut note: impl FnMut(usize, Step)) -> (&Leaf, Step, u64) {
        self.visit(self.height + 1);
        let (mut node, mut rest) = (self.root, addr);
        for level in (1..=self.height).rev() {
            let inner = self.inners.get(node);
            let mut at = 0;
            for &span in inner.spans().split_last().map_or(&[][..], |(_, before)| before) {
                if rest < span {
                    break;
                }
                rest -= span;
                at += 1;
            }
            note(level, Step::new(node, at));
            node = inner.child(at);
        }
        let leaf = self.leaves.get(node);
        let mut at = 0;
        for extent in leaf.extents() {
            if rest < extent.reach() {
                break;
            }
            rest -= extent.reach();
            at += 1;
        }
        (leaf, Step::new(node, at), addr - rest)
    }

    /// The leaf at the end of the way.
    #[inline]
    pub(super) fn leaf(&self, path: &Path) -> &Leaf {
        self.leaves.get(path.steps[0].node)
    }

    /// The mapping at the end of the way.
    #[inline]
    pub(super) fn at(&self, path: &Path) -> Option<Vma> {
        let leaf = self.leaf(path);
        (path.at() < leaf.len()).then(|| leaf.get(path.at(), path.base))
    }

    /// The mapping before the one at the end of the way.
    #[inline]
    pub(super) fn before(&self, path: &Path) -> Option<Vma> {
        if let Some(at) = path.at().checked_sub(1) {
            let leaf = self.leaf(path);
            let base = path.base - leaf.extents()[at].reach();
            return Some(leaf.get(at, base));
        }
        self.step_back(path).and_then(|path| self.at(&path))
    }

    /// The mapping behind the one at the end of the way.
    #[inline]
    pub(super) fn behind(&self, path: &Path) -> Option<Vma> {
        let (leaf, at) = (self.leaf(path), path.at());
        if at + 1 < leaf.len() {
            return Some(leaf.get(at + 1, path.base + leaf.extents()[at].reach()));
        }
        self.step_on(path).and_then(|path| self.at(&path))
    }

    /// The way to the mapping behind; `None` from the last one and from the end.
    pub(super) fn step_on(&self, path: &Path) -> Option<Path> {
        let mut next = *path;
        let extent = self.leaf(path).extents().get(path.at())?;
        next.base += extent.reach();
        next.set_at(path.at() + 1);
        if next.at() < self.leaf(path).len() {
            return Some(next);
        }
        let level = (1..=self.height).find(|&level| {
            let step = path.steps[level];
            step.at() + 1 < self.inners.get(step.node).len()
        })?;
        let step = path.steps[level];
        next.steps[level] = Step::new(step.node, step.at() + 1);
        for below in (0..level).rev() {
            let above = next.steps[below + 1];
            next.steps[below] = Step::new(self.inners.get(above.node).child(above.at()), 0);
        }
        self.visit(2 * level);
        Some(next)
    }

    /// The way to the mapping before, if that lies in the same leaf.
    #[inline]
    pub(super) fn back_in_same_leaf(&self, path: &Path) -> Option<Path> {
        let at = path.at().checked_sub(1)?;
        let mut back = *path;
        back.set_at(at);
        back.base -= self.leaf(path).extents()[at].reach();
        Some(back)
    }

    /// The way to the mapping before; `None` from the first one.
    pub(super) fn step_back(&self, path: &Path) -> Option<Path> {
        let mut back = *path;
        if path.at() == 0 {
            let level = (1..=self.height).find(|&level| path.steps[level].at() > 0)?;
            let step = path.steps[level];
            back.steps[level] = Step::new(step.node, step.at() - 1);
            for below in (0..level).rev() {
                let above = back.steps[below + 1];
                let node = self.inners.get(above.node).child(above.at());
                let len = if below == 0 {
                    self.leaves.get(node).len()
                } else {
                    self.inners.get(node).len()
                };
                back.steps[below] = Step::new(node, len - 1);
            }
            self.visit(2 * level);
        } else {
            back.set_at(path.at() - 1);
        }
        back.base -= self.leaf(&back).extents()[back.at()].reach();
        Some(back)
    }
}
