//! Removing what is mapped in a range: mapping by mapping, or many as one piece.

use super::VmaTree;
use super::path::Path;
use super::pool::NodeId;
use crate::vma::Vma;
use crate::{PageRange, VirtAddr};

/// What a caller has reserved, and may still need after an edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spare {
    /// Calls of [`VmaTree::move_run`].
    pub runs: usize,
    /// Mappings to be added.
    pub mappings: usize,
}

impl Spare {
    /// Room for mappings alone.
    pub const fn mappings(mappings: usize) -> Self {
        Self { runs: 0, mappings }
    }
}

/// How many neighbours are removed faster by cutting the tree than one by one.
const MANY: usize = 8;

impl VmaTree {
    /// Removes what is mapped in `range`, cutting the mappings at its ends, and hands each removed mapping (or part of one) to
    /// `removed`, lowest first. Adds at most one (a hole in a mapping).
    ///
    /// # Panics
    /// If nothing is reserved.
    pub fn unmap(&mut self, range: PageRange, mut removed: impl FnMut(Vma)) {
        self.forget_plain();
        let mut path = Path::NOWHERE;
        while let Some(vma) = self.lead_into(&mut path, range) {
            if self.unmap_at(&path, &vma, range, &mut removed) == range.end() {
                break;
            }
        }
    }

    /// Does what [`VmaTree::unmap`] does; many neighbours go as one piece, if there is memory to cut the tree with: in O(log n), and
    /// what it takes to hear of each. What is reserved as `spare` stays so.
    ///
    /// # Panics
    /// If nothing is reserved.
    pub fn unmap_many(&mut self, range: PageRange, spare: Spare, mut removed: impl FnMut(Vma)) {
        self.forget_plain();
        let mut path = Path::NOWHERE;
        while let Some(vma) = self.lead_into(&mut path, range) {
            if self.has_many(&path, range) && self.reserve_moves(1 + spare.runs, spare.mappings + 1).is_ok() {
                let (run, base) = self.cut_out(&mut path, range.end());
                self.dissolve(run.node, run.height, base, &mut removed);
            } else if self.unmap_at(&path, &vma, range, &mut removed) == range.end() {
                break;
            }
        }
    }

    /// Makes `path` the way to the first mapping that shares a page with `range`, and answers that.
    #[inline]
    fn lead_into(&self, path: &mut Path, range: PageRange) -> Option<Vma> {
        if self.is_empty() || range.is_empty() {
            return None;
        }
        self.lead(path, range.start().get());
        self.at(path).filter(|vma| vma.start() < range.end())
    }

    /// Removes what the mapping at `path` has of `range`; answers where that ends.
    #[inline]
    fn unmap_at(
        &mut self,
        path: &Path,
        vma: &Vma,
        range: PageRange,
        removed: &mut impl FnMut(Vma),
    ) -> VirtAddr {
        let (start, end) = (vma.start().max(range.start()), vma.end().min(range.end()));
        let head = PageRange::between(vma.start(), start);
        let tail = PageRange::between(end, vma.end());
        if tail.is_empty() {
            self.shrink_to(path, vma, head);
        } else {
            self.replace_at(path, &vma.with_range(tail));
            self.insert_rest(vma, head);
        }
        removed(vma.with_range(PageRange::between(start, end)));
        end
    }

    /// Whether at least [`MANY`] mappings from that at `path` on lie in `range` as a whole.
    fn has_many(&self, path: &Path, range: PageRange) -> bool {
        let extents = &self.leaf(path).extents()[path.at()..];
        if extents
            .first()
            .is_none_or(|first| path.base + first.gap < range.start().get())
        {
            return false;
        }
        let some = &extents[..extents.len().min(MANY)];
        let end = some.iter().fold(path.base, |end, extent| end + extent.reach());
        // Where its leaf ends too early, those behind are counted.
        end <= range.end().get() && (some.len() == MANY || self.run(range).totals.mappings > MANY as u64)
    }

    /// Gives the nodes of a subtree back, whose base is `base`; hands its mappings to `removed`.
    fn dissolve(&mut self, node: NodeId, level: usize, mut base: u64, removed: &mut impl FnMut(Vma)) {
        self.visit(1);
        if level > 0 {
            for at in 0..self.inners.get(node).len() {
                let inner = self.inners.get(node);
                let (child, span) = (inner.child(at), inner.spans()[at]);
                self.dissolve(child, level - 1, base, removed);
                base += span;
            }
            return self.inners.give(node);
        }
        let leaf = self.leaves.get(node);
        for (at, extent) in leaf.extents().iter().enumerate() {
            removed(leaf.get(at, base));
            base += extent.reach();
        }
        self.leaves.give(node);
    }
}
