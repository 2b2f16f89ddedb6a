//! Changing a part of one mapping, which may cut it: what `mprotect`, `mlock`, `madvise` and `mseal` do.

use super::VmaTree;
use super::leaf::LEAF;
use super::lone::Place;
use super::path::Path;
use super::summary::Sums;
use crate::vma::Vma;
use crate::vma::merge::{self, Origin, Sides};
use crate::{PageRange, VirtAddr};

/// The neighbours that a part of a mapping may merge with: found by [`VmaTree::beside`].
pub struct Beside {
    prev: Option<Vma>,
    next: Option<Vma>,
}

impl Beside {
    /// With which of them `part`, as it will be, merges.
    #[inline]
    pub fn sides_of(&self, part: &Vma) -> Sides {
        if self.prev.is_none() && self.next.is_none() {
            return Sides::default();
        }
        merge::sides(self.prev.as_ref(), part, self.next.as_ref(), Origin::Usual)
    }
}

impl VmaTree {
    /// Makes `place` that of the mapping that holds `addr`, or else of the first one behind it; answers whether there is one.
    #[inline(always)]
    pub fn seek(&self, addr: VirtAddr, place: &mut Place) -> bool {
        if self.is_empty() {
            return false;
        }
        self.lead(&mut place.path, addr.get());
        place.path.at() < self.leaf(&place.path).len()
    }

    /// The mapping at `place`.
    #[inline(always)]
    pub fn vma_at(&self, place: &Place) -> Vma {
        self.leaf(&place.path).get(place.path.at(), place.path.base)
    }

    /// The neighbours of `vma`, the mapping at `place`, at whose ends its part `part` lies: all that the part may merge with.
    #[inline(always)]
    pub fn beside(&self, place: &Place, vma: &Vma, part: &Vma) -> Beside {
        if part.start() == vma.start() || part.end() == vma.end() {
            self.beside_end(place, vma, part)
        } else {
            // Written out: a constant of it would be copied with all that it does not hold.
            Beside {
                prev: None,
                next: None,
            }
        }
    }

    #[inline(never)]
    fn beside_end(&self, place: &Place, vma: &Vma, part: &Vma) -> Beside {
        let prev = if part.start() == vma.start() {
            self.before(&place.path)
        } else {
            None
        };
        let next = if part.end() == vma.end() {
            self.behind(&place.path)
        } else {
            None
        };
        Beside { prev, next }
    }

    /// Changes a part of `vma`, the mapping at `place`, to `part`: it is cut off, or merges with the neighbours on `sides`, of those
    /// `beside` it (Linux's `vma_modify`). Adds at most two.
    ///
    /// Protection, flags, userfaultfd and name may differ; backing and anonymous part are those of that part of `vma`.
    ///
    /// # Panics
    /// If too little is reserved.
    #[inline(always)]
    pub fn modify_at(&mut self, place: &Place, vma: &Vma, part: &Vma, beside: &Beside, sides: Sides) {
        debug_assert!(vma.range.covers(part.range) && !part.range.is_empty());
        self.forget_plain();
        if sides != Sides::default() {
            self.modify_joined(&place.path, vma, part, beside, sides);
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
        let beside = self.beside(&place, &vma, &part);
        let sides = beside.sides_of(&part);
        self.modify_at(&place, &vma, &part, &beside, sides);
        self.expect_at(range.start(), &mut place.path)
    }

    /// Changes a part of `vma` that merges.
    fn modify_joined(&mut self, path: &Path, vma: &Vma, part: &Vma, beside: &Beside, sides: Sides) {
        let merged = merge::merged(beside.prev.as_ref(), part, beside.next.as_ref(), sides);
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
    #[inline]
    pub(super) fn carve(&mut self, path: &Path, old: &Vma, part: &Vma) {
        let more = usize::from(part.start() != old.start()) + usize::from(part.end() != old.end());
        if self.leaf(path).len() + more > LEAF {
            self.carve_full(path, old, part);
        } else if more == 2 {
            self.carve_middle(path, old, part);
        } else {
            self.carve_end(path, old, part);
        }
    }

    /// [`VmaTree::carve`] where the leaf has no room for the pieces.
    #[cold]
    fn carve_full(&mut self, path: &Path, old: &Vma, part: &Vma) {
        self.split_leaf(path);
        let path = self.locate(old.start().get());
        self.carve(&path, old, part);
    }

    /// [`VmaTree::carve`] of a part that reaches neither end. What `old` is to its neighbours, its rests are.
    fn carve_middle(&mut self, path: &Path, old: &Vma, part: &Vma) {
        let mut sums = Sums::of_cut(old, part);
        let at = path.at();
        let leaf = self.leaves.get_mut(path.steps[0].node);
        leaf.cut(at, old, part);
        if part.prot == old.prot {
            sums.add_pair(leaf.pair(at + 1));
            sums.add_pair(leaf.pair(at + 2));
        }
        self.propagate_sums(path, &sums);
    }

    /// [`VmaTree::carve`] of a part that reaches one end.
    fn carve_end(&mut self, path: &Path, old: &Vma, part: &Vma) {
        let mut sums = Sums::of(part);
        sums.subtract_bytes(&Sums::of_bytes(old, part.range.len()));
        let at = path.at();
        if part.start() == old.start() {
            let pair = self.pair_with_previous(path, part);
            let leaf = self.leaves.get_mut(path.steps[0].node);
            sums.remove_pair(leaf.pair(at));
            leaf.cut(at, old, part);
            sums.add_pair(pair);
            sums.add_pair(leaf.pair(at + 1));
            if at == 0 {
                leaf.head = pair;
            }
            return self.propagate_sums(path, &sums);
        }
        let inner = at + 1 < self.leaf(path).len();
        let next = if inner { None } else { self.step_on(path) };
        let leaf = self.leaves.get_mut(path.steps[0].node);
        if inner {
            sums.remove_pair(leaf.pair(at + 1));
        }
        leaf.cut(at, old, part);
        sums.add_pair(leaf.pair(at + 1));
        if inner {
            sums.add_pair(leaf.pair(at + 2));
        }
        self.propagate_sums(path, &sums);
        if let Some(next) = next {
            self.set_gap_and_head(&next, 0, part);
        }
    }
}
