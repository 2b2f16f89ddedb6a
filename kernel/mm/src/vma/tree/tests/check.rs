//! What must hold of every tree.

use crate::vma::merge::{Relation, relation};
use crate::vma::tree::inner::{INNER, INNER_MIN};
use crate::vma::tree::leaf::{LEAF, LEAF_MIN};
use crate::vma::tree::pool::NodeId;
use crate::vma::tree::summary::Summary;
use crate::vma::{Vma, VmaTree};

impl VmaTree {
    /// Panics unless every node is as full as it must be, every summary is what its subtree says, every leaf's head is true, and every
    /// node is either in the tree or free.
    pub(crate) fn check(&self) {
        let (mut leaves, mut inners, mut prev) = (0, 0, None);
        if !self.is_empty() {
            let counts = (&mut leaves, &mut inners);
            let summary = self.check_node(self.root, self.height, true, &mut prev, counts);
            assert_eq!(summary, self.total);
        }
        assert_eq!(leaves, self.leaves.in_use(), "leaves are in the tree or free");
        assert_eq!(
            inners,
            self.inners.in_use(),
            "inner nodes are in the tree or free"
        );
    }

    fn check_node(
        &self,
        node: NodeId,
        level: usize,
        root: bool,
        prev: &mut Option<Vma>,
        (leaves, inners): (&mut usize, &mut usize),
    ) -> Summary {
        if level == 0 {
            *leaves += 1;
            return self.check_leaf(node, root, prev);
        }
        *inners += 1;
        let inner = self.inners.get(node);
        assert!(inner.len() >= if root { 2 } else { INNER_MIN } && inner.len() <= INNER);
        (0..inner.len()).fold(Summary::EMPTY, |all, at| {
            let counts = (&mut *leaves, &mut *inners);
            let summary = self.check_node(inner.child(at), level - 1, false, prev, counts);
            assert_eq!(summary, inner.get(at), "level {level}, subtree {at}");
            all.then(&summary)
        })
    }

    fn check_leaf(&self, node: NodeId, root: bool, prev: &mut Option<Vma>) -> Summary {
        let leaf = self.leaves.get(node);
        assert!(leaf.len() >= if root { 1 } else { LEAF_MIN } && leaf.len() <= LEAF);
        (0..leaf.len()).fold(Summary::EMPTY, |all, at| {
            let base = prev.map_or(0, |prev| prev.end().get());
            let vma = leaf.get(at, base);
            assert!(!vma.range.is_empty());
            let pair = match *prev {
                Some(prev) if prev.end() == vma.start() => relation(&prev, &vma),
                _ => Relation::Apart,
            };
            assert_eq!(leaf.pair(at), pair, "{prev:?} and {vma:?}");
            *prev = Some(vma);
            all.then(&Summary::of(vma.start().get() - base, &vma, pair))
        })
    }
}
