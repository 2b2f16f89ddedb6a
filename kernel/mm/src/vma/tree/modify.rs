//! Changing a part of one mapping, which may cut it: what `mprotect`, `mlock`, `madvise` and `mseal` do.

use super::VmaTree;
use super::leaf::LEAF;
use super::lone::Place;
use super::path::Path;
use super::propagate::Change;
use super::summary::Sums;
use crate::vma::Vma;
use crate::vma::merge::{self, Origin, Sides};
use crate::{PageRange, VirtAddr};

impl VmaTree {
    /// The mapping that holds `addr`, or else the first one behind it; `place` becomes its place.
    #[inline]
    pub fn seek(&self, addr: VirtAddr, place: &mut Place) -> Option<Vma> {
        if self.is_empty() {
            return None;
        }
        self.lead(&mut place.path, addr.get());
        self.at(&place.path)
    }

    /// With which neighbours `part` merges, which is a part of `vma`, the mapping at `place`, as it will be. It can only at an end of
    /// that mapping.
    #[inline]
    pub fn sides_at(&self, place: &Place, vma: &Vma, part: &Vma) -> Sides {
        if part.start() != vma.start() && part.end() != vma.end() {
            return Sides::default();
        }
        let (prev, next) = self.beside(&place.path, vma, part);
        merge::sides(prev.as_ref(), part, next.as_ref(), Origin::Usual)
    }

    /// Changes a part of `vma`, the mapping at `place`, to `part`: it is cut off, or merges with the neighbours on `sides`, those that
    /// [`VmaTree::sides_at`] answers (Linux's `vma_modify`). Adds at most two.
    ///
    /// Protection, flags, userfaultfd and name may differ; backing and anonymous part are those of that part of `vma`.
    ///
    /// # Panics
    /// If too little is reserved.
    #[inline]
    pub fn modify_at(&mut self, place: &Place, vma: &Vma, part: &Vma, sides: Sides) {
        debug_assert!(vma.range.covers(part.range) && !part.range.is_empty());
        self.forget_plain();
        if sides != Sides::default() {
            self.modify_joined(&place.path, vma, part, sides);
        } else if part.range == vma.range {
            self.replace_at(&place.path, part);
        } else {
            self.carve(&place.path, vma, part);
        }
    }

    /// Changes the part of one mapping that lies in `range` as `change` says, and answers the mapping that it belongs to then; otherwise
    /// as [`VmaTree::modify_at`].
    ///
    /// # Panics
    /// If `range` is empty or not within one mapping, or too little is reserved.
    pub fn modify(&mut self, range: PageRange, change: impl FnOnce(&mut Vma)) -> Vma {
        let mut place = Place::NOWHERE;
        let vma = self.expect_at(range.start(), &mut place.path);
        assert!(
            vma.range.covers(range) && !range.is_empty(),
            "{range:?} is not within {vma:?}"
        );
        let mut part = vma.with_range(range);
        change(&mut part);
        let sides = self.sides_at(&place, &vma, &part);
        self.modify_at(&place, &vma, &part, sides);
        self.expect_at(range.start(), &mut place.path)
    }

    /// The neighbours of `vma`, the mapping at `path`, at whose ends `part` lies.
    fn beside(&self, path: &Path, vma: &Vma, part: &Vma) -> (Option<Vma>, Option<Vma>) {
        let prev = if part.start() == vma.start() {
            self.before(path)
        } else {
            None
        };
        let next = if part.end() == vma.end() {
            self.behind(path)
        } else {
            None
        };
        (prev, next)
    }

    /// Changes a part of `vma` that merges.
    fn modify_joined(&mut self, path: &Path, vma: &Vma, part: &Vma, sides: Sides) {
        let (prev, next) = self.beside(path, vma, part);
        let merged = merge::merged(prev.as_ref(), part, next.as_ref(), sides);
        if self.absorb_whole(path, vma, &merged, sides) {
            return;
        }
        match (sides.prev, sides.next) {
            (true, true) => {
                self.remove_at(path);
                self.remove(part.end());
                self.replace(merged.start(), &merged);
            }
            (true, false) => {
                self.shrink_to(path, vma, PageRange::between(part.end(), vma.end()));
                self.replace(merged.start(), &merged);
            }
            _ => {
                self.shrink_to(path, vma, PageRange::between(vma.start(), part.start()));
                self.replace(part.end(), &merged);
            }
        }
    }

    /// Makes `merged` of the mapping at `path` and its neighbours on `sides`, if it becomes part of it as a whole and one leaf holds all;
    /// answers whether that is so.
    fn absorb_whole(&mut self, path: &Path, vma: &Vma, merged: &Vma, sides: Sides) -> bool {
        if !merged.range.covers(vma.range) || merged.range == vma.range {
            return false;
        }
        let more = usize::from(sides.prev) + usize::from(sides.next);
        if !sides.prev {
            return self.absorb(path, more, merged);
        }
        self.back_in_same_leaf(path)
            .is_some_and(|first| self.absorb(&first, more, merged))
    }

    /// Changes a part of `old`, the mapping at `path`, to `part`: what is left of `old` on one side or on both becomes mappings of
    /// their own.
    pub(super) fn carve(&mut self, path: &Path, old: &Vma, part: &Vma) {
        let head = part.start() - old.start();
        let tail = old.end() - part.end();
        let more = usize::from(head != 0) + usize::from(tail != 0);
        if self.leaf(path).len() + more > LEAF {
            self.split_leaf(path);
            let path = self.locate(old.start().get());
            return self.carve(&path, old, part);
        }
        let mut change = Change {
            span: 0,
            sums: Sums::of(part),
            removed: 0,
            added: 0,
        };
        change.sums.subtract(&Sums::of_len(old, part.range.len()));
        for _ in 0..more {
            change.sums.add(&Sums::of_len(old, 0));
        }
        // What `old` is to its neighbours, the rest of it is on that side.
        let first = path.at();
        let at = first + usize::from(head != 0);
        let pair = if head == 0 {
            Some(self.pair_with_previous(path, part))
        } else {
            None
        };
        let inner = first + 1 < self.leaf(path).len();
        let next = if tail == 0 && !inner {
            self.step_on(path)
        } else {
            None
        };
        let leaf = self.leaves.get_mut(path.steps[0].node);
        if head == 0 {
            change.sums.remove_pair(leaf.pair(first));
        }
        if tail == 0 && inner {
            change.sums.remove_pair(leaf.pair(first + 1));
        }
        leaf.cut(first, old, part);
        change.sums.add_pair(pair.unwrap_or_else(|| leaf.pair(at)));
        if let Some(pair) = pair.filter(|_| first == 0) {
            leaf.head = pair;
        }
        if tail != 0 || inner {
            change.sums.add_pair(leaf.pair(at + 1));
        }
        self.propagate(path, &change);
        if let Some(next) = next {
            self.set_gap_and_head(&next, 0, part);
        }
    }
}
