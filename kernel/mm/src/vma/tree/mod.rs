//! [`VmaTree`]: all mappings of an address space, in order of their addresses.
//!
//! Reading never fails. Every edit is infallible too, once [`VmaTree::reserve`] has set aside room for it: a call reserves
//! what its plan needs, and nothing can fail after that.
//!
//! The tree is a B+tree that stores no address. Each mapping has its length and the free bytes before it; each inner node knows
//! how far each of its subtrees reaches, and an address is what a search adds up on its way down. A run of neighbouring
//! mappings is therefore a few subtrees that can be hung elsewhere as they are, which is how
//! [`VmaTree::move_run`] moves a hundred thousand mappings by editing some dozen nodes.

mod edit;
mod free;
mod inner;
mod iter;
mod leaf;
mod path;
mod piece;
mod pool;
mod run;
mod summary;
#[cfg(test)]
mod tests;

use super::mapping::Vma;
use super::merge::{self, Origin, Sides};
use crate::{Errno, PageRange, VirtAddr};
use core::cell::Cell;
pub use free::{Direction, FreeRequest};
use inner::Inner;
pub use iter::Iter;
use leaf::Leaf;
use path::Path;
use pool::{NodeId, Pool};
pub use run::Run;
use summary::{Summary, Sums};

/// Sums over all mappings of a tree; in bytes, but for the number of mappings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Mappings.
    pub mappings: u64,
    /// All of them.
    pub bytes: u64,
    /// Those with [`VmaFlags::ACCOUNT`](super::VmaFlags::ACCOUNT).
    pub accounted: u64,
    /// Those with [`VmaFlags::LOCKED`](super::VmaFlags::LOCKED).
    pub locked: u64,
    /// Those that count for `RLIMIT_DATA` ([`Vma::is_data`]).
    pub data: u64,
}

impl Totals {
    const fn of(sums: &Sums) -> Self {
        Self {
            mappings: sums.count() as u64,
            bytes: sums.mapped(),
            accounted: sums.accounted(),
            locked: sums.locked(),
            data: sums.data(),
        }
    }
}

/// The mappings of an address space.
pub struct VmaTree {
    leaves: Pool<Leaf, 4>,
    inners: Pool<Inner, 2>,
    /// Meaningless while there is no mapping.
    root: NodeId,
    /// How many levels of inner nodes there are.
    height: usize,
    /// The summary of the whole tree, whose base is address 0.
    total: Summary,
    visited: Cell<u64>,
}

impl Default for VmaTree {
    fn default() -> Self {
        Self::new()
    }
}

impl VmaTree {
    /// An empty tree, which owns no memory.
    pub const fn new() -> Self {
        Self {
            leaves: Pool::new(),
            inners: Pool::new(),
            root: 0,
            height: 0,
            total: Summary::EMPTY,
            visited: Cell::new(0),
        }
    }

    /// How many mappings there are.
    pub const fn len(&self) -> u64 {
        self.total.sums.count() as u64
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.total.sums.count() == 0
    }

    /// Sums over all mappings; kept up to date by every edit, so that asking costs nothing.
    pub const fn totals(&self) -> Totals {
        Totals::of(&self.total.sums)
    }

    /// How many nodes searches and rearrangements have gone through since the tree was made.
    pub const fn nodes_visited(&self) -> u64 {
        self.visited.get()
    }

    /// The mapping that holds `addr`.
    #[inline]
    pub fn find(&self, addr: VirtAddr) -> Option<Vma> {
        self.find_or_next(addr).filter(|vma| vma.start() <= addr)
    }

    /// The mapping that holds `addr`, or else the first one behind it (Linux's `find_vma`).
    #[inline]
    pub fn find_or_next(&self, addr: VirtAddr) -> Option<Vma> {
        if self.is_empty() {
            return None;
        }
        let (leaf, base) = self.descend(addr.get(), |_, _| {});
        let at = leaf.at();
        let leaf = self.leaves.get(leaf.node);
        (at < leaf.len()).then(|| leaf.get(at, base))
    }

    /// The mapping that holds `addr` or else the first one behind it, and the one before that (Linux's `find_vma_prev`), the
    /// latter first.
    pub fn around(&self, addr: VirtAddr) -> (Option<Vma>, Option<Vma>) {
        if self.is_empty() {
            return (None, None);
        }
        let path = self.locate(addr.get());
        (self.before(&path), self.at(&path))
    }

    /// Whether nothing is mapped in `range`.
    pub fn is_free(&self, range: PageRange) -> bool {
        self.find_or_next(range.start())
            .is_none_or(|vma| vma.start() >= range.end())
    }

    /// The mappings that share a page with `range`, whole, lowest first.
    pub fn iter(&self, range: PageRange) -> Iter<'_> {
        Iter::new(self, range)
    }

    /// Sets memory aside for edits that together add at most `added` mappings (each cut of a mapping in two adds one).
    /// What was set aside and not used stays for later calls.
    ///
    /// # Errors
    /// `ENOMEM`; the mappings are as before.
    pub fn reserve(&mut self, added: usize) -> Result<(), Errno> {
        self.check_room(added)?;
        let (leaves, inners) = self.nodes_for(added);
        self.leaves.reserve(leaves, &Leaf::BLANK)?;
        self.inners.reserve(inners, &Inner::BLANK)
    }

    /// Whether the tree may grow by so much: ways are of limited length.
    fn check_room(&self, added: usize) -> Result<(), Errno> {
        let room = path::MAX_MAPPINGS - self.total.sums.count() as usize;
        if added > room { Err(Errno::ENOMEM) } else { Ok(()) }
    }

    /// How many leaves and inner nodes `added` more mappings need at most.
    fn nodes_for(&self, added: usize) -> (usize, usize) {
        // Each leaf that is full now splits once at most, and a leaf that was split takes 7 more mappings before it splits again; the
        // same goes for inner nodes, with 10 subtrees, and one more for each level that the tree gains.
        let leaves = added.min(self.leaves.in_use()) + added / 7 + 1;
        let inners = (leaves * self.height).min(self.inners.in_use()) + leaves / 9 + 2;
        (leaves, inners)
    }

    /// Adds a mapping without merging it. Adds one.
    ///
    /// # Panics
    /// If its range is empty or not free, or nothing is reserved.
    pub fn insert(&mut self, vma: Vma) {
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
        if self.is_empty() {
            self.insert(vma);
            return vma;
        }
        let mut path = Path::NOWHERE;
        self.lead(&mut path, vma.start().get());
        if path.base != vma.start().get()
            && let Some(merged) = self.map_below(&path, &vma, origin)
        {
            return merged;
        }
        let (prev, next) = self.touching(&path, &vma);
        let sides = merge::sides(prev.as_ref(), &vma, next.as_ref(), origin);
        self.join_in(&path, prev.as_ref(), &vma, next.as_ref(), sides)
    }

    /// Merges `vma` with the mapping at `path`, directly below which it goes; what the mappings that the kernel places mostly do.
    /// Answers `None` where that takes more than letting the mapping grow.
    #[inline]
    fn map_below(&mut self, path: &Path, vma: &Vma, origin: Origin) -> Option<Vma> {
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

    /// Changes protection, flags, userfaultfd or name of the part of one mapping that lies in `range`, as `change` says; the part is
    /// cut off, or merges with a neighbour that has become equal (Linux's `vma_modify`). Answers the mapping that the part now
    /// belongs to. Adds at most two.
    ///
    /// `change` must leave range, backing and anonymous part as they are.
    ///
    /// # Panics
    /// If `range` is empty or not within one mapping, or too little is reserved.
    pub fn modify(&mut self, range: PageRange, change: impl FnOnce(&mut Vma)) -> Vma {
        let mut path = Path::NOWHERE;
        let vma = self.expect_at(range.start(), &mut path);
        assert!(
            vma.range.covers(range) && !range.is_empty(),
            "{range:?} is not within {vma:?}"
        );
        let mut part = vma.with_range(range);
        change(&mut part);
        let prev = if range.start() == vma.start() {
            self.before(&path)
        } else {
            None
        };
        let next = if range.end() == vma.end() {
            self.behind(&path)
        } else {
            None
        };
        let sides = merge::sides(prev.as_ref(), &part, next.as_ref(), Origin::Usual);
        let merged = merge::merged(prev.as_ref(), &part, next.as_ref(), sides);
        let head = PageRange::between(vma.start(), range.start());
        let tail = PageRange::between(range.end(), vma.end());
        match (sides.prev, sides.next) {
            (false, false) if head.is_empty() && tail.is_empty() => self.replace_at(&path, &part),
            (false, false) => self.carve(&path, &vma, &part),
            (true, true) => {
                self.remove_at(&path);
                self.remove(range.end());
                self.replace(merged.start(), &merged);
            }
            (true, false) => {
                self.shrink_to(&path, &vma, tail);
                self.replace(merged.start(), &merged);
            }
            (false, true) => {
                self.shrink_to(&path, &vma, head);
                self.replace(range.end(), &merged);
            }
        }
        merged
    }

    /// Changes one whole mapping where it is, and merges it with nobody: for what a fault, `MREMAP_DONTUNMAP` or `mseal` do.
    /// `change` must leave the range as it is.
    ///
    /// # Panics
    /// If no mapping holds `addr`.
    pub fn update(&mut self, addr: VirtAddr, change: impl FnOnce(&mut Vma)) {
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

    /// Removes what is mapped in `range`, cutting the mappings at its ends, and hands each removed mapping (or part of one) to
    /// `removed`, lowest first. Adds at most one (a hole in a mapping).
    ///
    /// # Panics
    /// If nothing is reserved.
    pub fn unmap(&mut self, range: PageRange, mut removed: impl FnMut(Vma)) {
        if range.is_empty() {
            return;
        }
        let mut path = Path::NOWHERE;
        while !self.is_empty() {
            self.lead(&mut path, range.start().get());
            let Some(vma) = self.at(&path).filter(|vma| vma.start() < range.end()) else {
                break;
            };
            let (start, end) = (vma.start().max(range.start()), vma.end().min(range.end()));
            let head = PageRange::between(vma.start(), start);
            let tail = PageRange::between(end, vma.end());
            if tail.is_empty() {
                self.shrink_to(&path, &vma, head);
            } else {
                self.replace_at(&path, &vma.with_range(tail));
                self.insert_rest(&vma, head);
            }
            removed(vma.with_range(PageRange::between(start, end)));
            if end == range.end() {
                break;
            }
        }
    }

    /// Adds the part `rest` of a mapping that was cut; nothing if that is empty.
    fn insert_rest(&mut self, vma: &Vma, rest: PageRange) {
        if !rest.is_empty() {
            self.insert(vma.with_range(rest));
        }
    }

    /// Leaves of the mapping at `path` only `rest`, which may be nothing.
    fn shrink_to(&mut self, path: &Path, vma: &Vma, rest: PageRange) {
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
                self.remove_at(path);
                self.replace(merged.start(), &merged);
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
    fn replace(&mut self, addr: VirtAddr, vma: &Vma) {
        let path = self.locate(addr.get());
        self.replace_at(&path, vma);
    }

    /// Removes the mapping that holds `addr`.
    fn remove(&mut self, addr: VirtAddr) {
        let path = self.locate(addr.get());
        self.remove_at(&path);
    }

    /// The mapping that holds `addr`, and the way to it.
    #[inline]
    fn expect_at(&self, addr: VirtAddr, path: &mut Path) -> Vma {
        assert!(!self.is_empty(), "no mapping at {addr}");
        self.lead(path, addr.get());
        match self.at(path) {
            Some(vma) if vma.start() <= addr => vma,
            _ => panic!("no mapping at {addr}"),
        }
    }

    /// Makes `vma` the only mapping.
    fn plant(&mut self, vma: &Vma) {
        let root = self.leaves.take();
        let leaf = self.leaves.get_mut(root);
        leaf.clear();
        leaf.insert(
            0,
            leaf::Extent {
                gap: vma.start().get(),
                len: vma.range.len(),
            },
            vma,
        );
        (self.root, self.height, self.total) = (root, 0, leaf.summary());
    }

    /// After the last mapping is gone.
    fn clear_root(&mut self) {
        (self.root, self.height, self.total) = (0, 0, Summary::EMPTY);
    }

    /// Counts nodes.
    #[inline]
    fn visit(&self, nodes: usize) {
        self.visited.set(self.visited.get() + nodes as u64);
    }
}
