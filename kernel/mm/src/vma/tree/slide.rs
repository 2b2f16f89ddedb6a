//! Runs that move without passing another mapping: they stay where they are in the tree, and only the free bytes before and behind
//! them change.

use super::VmaTree;
use super::lone::Place;
use super::path::Path;
use super::propagate::Change;
use super::summary::Sums;
use crate::vma::merge::Relation;
use crate::{PageRange, VirtAddr};

/// A run that can slide, and how far: found by [`VmaTree::find_slide`], made by [`VmaTree::slide`].
pub struct Slide {
    /// The way to the mapping behind it, or to the end.
    behind: Path,
    /// In bytes; wraps where it goes down.
    shift: u64,
}

impl VmaTree {
    /// The move of all mappings in `range`, at whose start lies `first`, so that this one lies at `to`, if none crosses the end of the
    /// range, they pass no mapping on the way, and where the range goes none is, nor touches them. `None` says no more than that.
    pub fn find_slide(&self, first: &Place, range: PageRange, to: VirtAddr) -> Option<Slide> {
        if to.get() <= first.path.base {
            return None;
        }
        let mut behind = Path::NOWHERE;
        self.lead(&mut behind, range.end().get());
        let shift = to.get().wrapping_sub(range.start().get());
        if let Some(next) = self.leaf(&behind).extents().get(behind.at()) {
            let next = behind.base + next.gap;
            let crosses = next < range.end().get();
            let touches = behind.base.wrapping_add(shift) >= next;
            // Where the range ends with a gap, the next mapping may lie opposite that, and its pages where the range's would go.
            let reaches = range.end().get().wrapping_add(shift) > next;
            if crosses || touches || reaches {
                return None;
            }
        }
        Some(Slide { behind, shift })
    }

    /// Makes the move, in O(log n) and without new nodes, if the tree is as it was when it was found.
    pub fn slide(&mut self, first: &Place, slide: &Slide) {
        self.forget_plain();
        let Slide { behind, shift } = slide;
        let first = &first.path;
        let mut change = self.widen_gap(first, *shift);
        if behind.at() == self.leaf(behind).len() {
            return self.propagate_move(first, &change);
        }
        let same_leaf = first.steps[0].node == behind.steps[0].node;
        if !same_leaf {
            self.propagate_move(first, &change);
        }
        let other = self.widen_gap(behind, shift.wrapping_neg());
        if !same_leaf {
            return self.propagate_move(behind, &other);
        }
        change.span = 0;
        change.sums.add(&other.sums);
        change.removed = change.removed.max(other.removed);
        change.added = change.added.max(other.added);
        self.propagate_move(first, &change);
    }

    /// Adds to the free bytes before the mapping at `path`, some of which are left; what that changes is the caller's to carry up.
    fn widen_gap(&mut self, path: &Path, by: u64) -> Change {
        let at = path.at();
        let leaf = self.leaves.get_mut(path.steps[0].node);
        let old = leaf.extents()[at].gap;
        let new = old.wrapping_add(by);
        let mut change = Change {
            span: by,
            sums: Sums::NONE,
            removed: old,
            added: new,
        };
        change.sums.remove_pair(leaf.pair(at));
        leaf.extent_mut(at).gap = new;
        if at == 0 {
            leaf.head = Relation::Apart;
        }
        change
    }
}
