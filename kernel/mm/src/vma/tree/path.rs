//! The way from the root to one mapping.

use super::inner::INNER_MIN;
use super::leaf::LEAF_MIN;
use super::pool::NodeId;
use super::{Leaf, VmaTree};
use crate::vma::Vma;

/// How high a tree can grow: 2^32 mappings in nodes that are as empty as may be.
pub(super) const MAX_HEIGHT: usize = 13;
const _: () = assert!(LEAF_MIN.pow(2) * INNER_MIN.pow(10) > 1 << 32);

/// A node on the way, and the place in it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Step {
    pub(super) node: NodeId,
    pub(super) at: usize,
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
    /// Which mapping of the leaf.
    #[inline]
    pub(super) const fn at(&self) -> usize {
        self.steps[0].at
    }
}

impl VmaTree {
    /// The way to the first mapping that ends after `addr`, or to the end. There must be a mapping.
    #[inline]
    pub(super) fn locate(&self, addr: u64) -> Path {
        self.visit(self.height + 1);
        let mut path = Path {
            steps: [Step::default(); MAX_HEIGHT],
            base: 0,
        };
        let (mut node, mut rest) = (self.root, addr);
        for level in (1..=self.height).rev() {
            let inner = self.inners.get(node);
            let mut at = 0;
            while at + 1 < inner.len() && rest >= inner.spans()[at] {
                rest -= inner.spans()[at];
                at += 1;
            }
            path.steps[level] = Step { node, at };
            node = inner.child(at);
        }
        let mut at = 0;
        for extent in self.leaves.get(node).extents() {
            if rest < extent.reach() {
                break;
            }
            rest -= extent.reach();
            at += 1;
        }
        path.steps[0] = Step { node, at };
        path.base = addr - rest;
        path
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
        self.step_on(path).and_then(|path| self.at(&path))
    }

    /// The way to the mapping behind; `None` from the last one and from the end.
    pub(super) fn step_on(&self, path: &Path) -> Option<Path> {
        let mut next = *path;
        let extent = self.leaf(path).extents().get(path.at())?;
        next.base += extent.reach();
        next.steps[0].at += 1;
        if next.at() < self.leaf(path).len() {
            return Some(next);
        }
        let level = (1..=self.height).find(|&level| {
            let step = path.steps[level];
            step.at + 1 < self.inners.get(step.node).len()
        })?;
        next.steps[level].at += 1;
        for below in (0..level).rev() {
            let above = next.steps[below + 1];
            next.steps[below] = Step {
                node: self.inners.get(above.node).child(above.at),
                at: 0,
            };
        }
        self.visit(2 * level);
        Some(next)
    }

    /// The way to the mapping before; `None` from the first one.
    pub(super) fn step_back(&self, path: &Path) -> Option<Path> {
        let mut back = *path;
        if path.at() == 0 {
            let level = (1..=self.height).find(|&level| path.steps[level].at > 0)?;
            back.steps[level].at -= 1;
            for below in (0..level).rev() {
                let above = back.steps[below + 1];
                let node = self.inners.get(above.node).child(above.at);
                let len = if below == 0 {
                    self.leaves.get(node).len()
                } else {
                    self.inners.get(node).len()
                };
                back.steps[below] = Step { node, at: len - 1 };
            }
            self.visit(2 * level);
        } else {
            back.steps[0].at -= 1;
        }
        back.base -= self.leaf(&back).extents()[back.at()].reach();
        Some(back)
    }
}
