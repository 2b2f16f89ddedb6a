//! The edits that the address space asks for, each made of edits of single mappings.

use super::VmaTree;
use super::path::Path;
use crate::vma::Vma;
use crate::vma::merge::{self, Origin, Sides};
use crate::{PageRange, VirtAddr};

impl VmaTree {
    /// Adds a mapping without merging it. Adds one.
    ///
    /// # Panics
    /// If its range is empty or not free, or nothing is reserved.
    pub fn insert(&mut self, vma: Vma) {
        self.forget_plain();
        assert!(!vma.range.is_empty(), "an empty mapping");
        if self.is_empty() {
            return self.plant(&vma);
        }
        let path = self.locate(vma.start().get());
        self.insert_checked(&path, &vma);
    }

    /// Adds a mapping, and merges it with its neighbours where [`merge::sides`] allows that. Answers what it became part of. Adds
    /// at most one.
    ///
    /// # Panics
    /// As [`VmaTree::insert`].
    pub fn map(&mut self, vma: Vma, origin: Origin) -> Vma {
        self.forget_plain();
        if self.is_empty() {
            self.insert(vma);
            return vma;
        }
        let mut path = Path::NOWHERE;
        self.lead(&mut path, vma.start().get());
        if path.base != vma.start().get() {
            if self.insert_apart(&path, &vma) {
                return vma;
            }
            if let Some(merged) = self.map_below(&path, &vma, origin) {
                return merged;
            }
        }
        let (prev, next) = self.touching(&path, &vma);
        let sides = merge::sides(prev.as_ref(), &vma, next.as_ref(), origin);
        self.join_in(&path, prev.as_ref(), &vma, next.as_ref(), sides)
    }

    /// Merges `vma` with the mapping at `path`, directly below which it goes; what the mappings that the kernel places mostly do.
    /// Answers `None` where that takes more than letting the mapping grow.
    #[inline]
    pub(super) fn map_below(&mut self, path: &Path, vma: &Vma, origin: Origin) -> Option<Vma> {
        let leaf = self.leaf(path);
        let extent = leaf.extents().get(path.at())?;
        if path.base + extent.gap != vma.end().get() || extent.gap <= vma.range.len() {
            return None;
        }
        let next = leaf.get(path.at(), path.base);
        if !merge::sides(None, vma, Some(&next), origin).next {
            return None;
        }
        let merged = merge::merged(
            None,
            vma,
            Some(&next),
            Sides {
                prev: false,
                next: true,
            },
        );
        if !next.has_traits_of(&merged) {
            return None;
        }
        self.stretch_down(path, &merged, vma.range.len());
        Some(merged)
    }

    /// Adds a mapping, merged with the neighbours on `sides`: for a caller that knows more than [`merge::sides`] does (a
    /// mapping whose userfaultfd is dropped by the move merges with nobody; one that stays behind under
    /// `MREMAP_DONTUNMAP` does not merge with its own copy).
    ///
    /// # Panics
    /// As [`VmaTree::insert`]; or if there is no neighbour on a side.
    pub fn map_with(&mut self, vma: Vma, sides: Sides) -> Vma {
        self.forget_plain();
        if self.is_empty() {
            self.insert(vma);
            return vma;
        }
        let path = self.locate(vma.start().get());
        let (prev, next) = self.touching(&path, &vma);
        assert!(
            (!sides.prev || prev.is_some()) && (!sides.next || next.is_some()),
            "a neighbour to join"
        );
        self.join_in(&path, prev.as_ref(), &vma, next.as_ref(), sides)
    }

    /// Changes one whole mapping where it is, and merges it with nobody: for what a fault, `MREMAP_DONTUNMAP` or `mseal` do.
    /// `change` must leave the range as it is.
    ///
    /// # Panics
    /// If no mapping holds `addr`.
    pub fn update(&mut self, addr: VirtAddr, change: impl FnOnce(&mut Vma)) {
        self.forget_plain();
        let mut path = Path::NOWHERE;
        let mut vma = self.expect_at(addr, &mut path);
        let range = vma.range;
        change(&mut vma);
        assert_eq!(vma.range, range, "the range stays");
        self.replace_at(&path, &vma);
    }

    /// Cuts the mapping that holds `addr` in two there, and answers whether there was one to cut. Adds at most one.
    ///
    /// # Panics
    /// If nothing is reserved.
    pub fn split(&mut self, addr: VirtAddr) -> bool {
        self.forget_plain();
        if self.is_empty() {
            return false;
        }
        let path = self.locate(addr.get());
        let Some(vma) = self.at(&path).filter(|vma| vma.start() < addr) else {
            return false;
        };
        self.carve(&path, &vma, &vma.with_range(PageRange::between(addr, vma.end())));
        true
    }

    /// Adds the part `rest` of a mapping that was cut; nothing if that is empty.
    pub(super) fn insert_rest(&mut self, vma: &Vma, rest: PageRange) {
        if !rest.is_empty() {
            self.insert(vma.with_range(rest));
        }
    }

    /// Leaves of the mapping at `path` only `rest`, which may be nothing.
    pub(super) fn shrink_to(&mut self, path: &Path, vma: &Vma, rest: PageRange) {
        if rest.is_empty() {
            self.remove_at(path);
        } else {
            self.replace_at(path, &vma.with_range(rest));
        }
    }

    /// The mappings before and at `path`, as far as they touch `vma`, which goes between them.
    #[inline]
    fn touching(&self, path: &Path, vma: &Vma) -> (Option<Vma>, Option<Vma>) {
        let prev = if path.base == vma.start().get() {
            self.before(path)
        } else {
            None
        };
        let leaf = self.leaf(path);
        let next = leaf
            .extents()
            .get(path.at())
            .filter(|next| path.base + next.gap == vma.end().get());
        (prev, next.map(|_| leaf.get(path.at(), path.base)))
    }

    /// Adds `vma` before `path`, between `prev` and `next`, and merges it with those on `sides`.
    #[inline]
    fn join_in(
        &mut self,
        path: &Path,
        prev: Option<&Vma>,
        vma: &Vma,
        next: Option<&Vma>,
        sides: Sides,
    ) -> Vma {
        let merged = merge::merged(prev, vma, next, sides);
        match (sides.prev, sides.next) {
            (false, false) => self.insert_checked(path, vma),
            (false, true) => self.replace_at(path, &merged),
            (true, false) => {
                let same = next.is_none() && prev.is_some_and(|prev| prev.has_traits_of(&merged));
                if !(same && self.stretch_up(path, &merged, vma.range.len())) {
                    self.replace(merged.start(), &merged);
                }
            }
            (true, true) => {
                let first = self.back_in_same_leaf(path);
                if !first.is_some_and(|first| self.absorb(&first, 1, &merged)) {
                    self.remove_at(path);
                    self.replace(merged.start(), &merged);
                }
            }
        }
        merged
    }

    /// Adds `vma` before `path`.
    fn insert_checked(&mut self, path: &Path, vma: &Vma) {
        let room = self
            .leaf(path)
            .extents()
            .get(path.at())
            .map_or(u64::MAX, |next| next.gap);
        let used = vma.end().get().wrapping_sub(path.base);
        assert!(
            vma.start().get() >= path.base && used <= room,
            "{vma:?} overlaps a mapping"
        );
        self.insert_before(path, vma);
    }

    /// Changes the mapping that holds `addr` to `vma`.
    pub(super) fn replace(&mut self, addr: VirtAddr, vma: &Vma) {
        let path = self.locate(addr.get());
        self.replace_at(&path, vma);
    }

    /// Removes the mapping that holds `addr`.
    pub(super) fn remove(&mut self, addr: VirtAddr) {
        let path = self.locate(addr.get());
        self.remove_at(&path);
    }

    /// The mapping that holds `addr`, and the way to it.
    #[inline]
    pub(super) fn expect_at(&self, addr: VirtAddr, path: &mut Path) -> Vma {
        assert!(!self.is_empty(), "no mapping at {addr}");
        self.lead(path, addr.get());
        match self.at(path) {
            Some(vma) if vma.start() <= addr => vma,
            _ => panic!("no mapping at {addr}"),
        }
    }
}
