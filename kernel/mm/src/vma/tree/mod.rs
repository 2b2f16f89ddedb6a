//! [`VmaTree`]: all mappings of an address space, in order of their addresses.
//!
//! Reading never fails. Every edit is infallible too, once [`VmaTree::reserve`] has set aside room for it: a call reserves
//! what its plan needs, and nothing can fail after that.

mod free;

use super::mapping::Vma;
use super::merge::{self, Origin, Sides};
use crate::{Errno, PageRange, VirtAddr};
use alloc::vec::Vec;
pub use free::{Direction, FreeRequest};

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

/// The mappings of an address space.
#[derive(Default)]
pub struct VmaTree {
    entries: Vec<Vma>,
}

impl VmaTree {
    /// An empty tree, which owns no memory.
    pub const fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// How many mappings there are.
    pub fn len(&self) -> u64 {
        self.entries.len() as u64
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Sums over all mappings; kept up to date by every edit, so that asking costs nothing.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals {
            mappings: self.len(),
            ..Totals::default()
        };
        for vma in &self.entries {
            totals.bytes += vma.range.len();
            totals.accounted += vma.range.len() * u64::from(vma.flags.contains(super::VmaFlags::ACCOUNT));
            totals.locked += vma.range.len() * u64::from(vma.flags.contains(super::VmaFlags::LOCKED));
            totals.data += vma.range.len() * u64::from(vma.is_data());
        }
        totals
    }

    /// The mapping that holds `addr`.
    pub fn find(&self, addr: VirtAddr) -> Option<Vma> {
        self.find_or_next(addr).filter(|vma| vma.range.contains(addr))
    }

    /// The mapping that holds `addr`, or else the first one behind it (Linux's `find_vma`).
    pub fn find_or_next(&self, addr: VirtAddr) -> Option<Vma> {
        self.around(addr).1
    }

    /// The mapping that holds `addr` or else the first one behind it, and the one before that (Linux's `find_vma_prev`), the
    /// latter first.
    pub fn around(&self, addr: VirtAddr) -> (Option<Vma>, Option<Vma>) {
        let at = self.index(addr);
        let prev = at.checked_sub(1).and_then(|at| self.entries.get(at));
        (prev.copied(), self.entries.get(at).copied())
    }

    /// Whether nothing is mapped in `range`.
    pub fn is_free(&self, range: PageRange) -> bool {
        self.find_or_next(range.start())
            .is_none_or(|vma| vma.start() >= range.end())
    }

    /// The mappings that share a page with `range`, whole, lowest first.
    pub fn iter(&self, range: PageRange) -> Iter<'_> {
        Iter {
            rest: self.entries.get(self.index(range.start())..).unwrap_or_default(),
            end: range.end(),
        }
    }

    /// A free range as `request` wants it.
    pub fn find_free(&self, request: &FreeRequest) -> Option<VirtAddr> {
        free::find(&self.entries, request)
    }

    /// Sets memory aside for edits that together add at most `added` mappings (each cut of a mapping in two adds one).
    /// What was set aside and not used stays for later calls.
    ///
    /// # Errors
    /// `ENOMEM`; the tree is as before.
    pub fn reserve(&mut self, added: usize) -> Result<(), Errno> {
        self.entries.try_reserve(added).map_err(|_| Errno::ENOMEM)
    }

    /// Adds a mapping without merging it. Adds one.
    ///
    /// # Panics
    /// If its range is empty or not free, or nothing is reserved.
    pub fn insert(&mut self, vma: Vma) {
        assert!(
            self.is_free(vma.range) && !vma.range.is_empty(),
            "{vma:?} overlaps a mapping"
        );
        assert!(self.entries.len() < self.entries.capacity(), "nothing reserved");
        let at = self.index(vma.start());
        self.entries.insert(at, vma);
    }

    /// Adds a mapping, and merges it with its neighbours where [`merge::sides`] allows that. Answers what it became part of. Adds
    /// at most one.
    ///
    /// # Panics
    /// As [`VmaTree::insert`].
    pub fn map(&mut self, vma: Vma, origin: Origin) -> Vma {
        let (prev, next) = self.around(vma.start());
        let sides = merge::sides(prev.as_ref(), &vma, next.as_ref(), origin);
        self.map_with(vma, sides)
    }

    /// Adds a mapping, merged with the neighbours on `sides`: for a caller that knows more than [`merge::sides`] does (a
    /// mapping whose userfaultfd is dropped by the move merges with nobody; one that stays behind under
    /// `MREMAP_DONTUNMAP` does not merge with its own copy).
    ///
    /// # Panics
    /// As [`VmaTree::insert`].
    pub fn map_with(&mut self, vma: Vma, sides: Sides) -> Vma {
        let (prev, next) = self.around(vma.start());
        let merged = merge::merged(prev.as_ref(), &vma, next.as_ref(), sides);
        if sides.prev {
            self.take(prev);
        }
        if sides.next {
            self.take(next);
        }
        self.insert(merged);
        merged
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
        let (prev, vma) = self.around(range.start());
        let vma = vma.filter(|vma| vma.range.covers(range) && !range.is_empty());
        let vma = vma.expect("a part of one mapping");
        let mut part = vma.with_range(range);
        change(&mut part);
        let prev = prev.filter(|_| range.start() == vma.start());
        let next = self.find_or_next(vma.end()).filter(|_| range.end() == vma.end());
        let sides = merge::sides(prev.as_ref(), &part, next.as_ref(), Origin::Usual);
        self.take(Some(vma));
        for rest in [
            PageRange::between(vma.start(), range.start()),
            PageRange::between(range.end(), vma.end()),
        ] {
            if !rest.is_empty() {
                self.insert(vma.with_range(rest));
            }
        }
        self.map_with(part, sides)
    }

    /// Changes one whole mapping where it is, and merges it with nobody: for what a fault, `MREMAP_DONTUNMAP` or `mseal` do.
    /// `change` must leave the range as it is.
    ///
    /// # Panics
    /// If no mapping holds `addr`.
    pub fn update(&mut self, addr: VirtAddr, change: impl FnOnce(&mut Vma)) {
        let at = self.index(addr);
        let vma = self.entries.get_mut(at).filter(|vma| vma.range.contains(addr));
        change(vma.expect("a mapping at the address"));
    }

    /// Cuts the mapping that holds `addr` in two there, and answers whether there was one to cut. Adds at most one.
    ///
    /// # Panics
    /// If nothing is reserved.
    pub fn split(&mut self, addr: VirtAddr) -> bool {
        let Some(vma) = self.find(addr).filter(|vma| vma.start() < addr) else {
            return false;
        };
        self.take(Some(vma));
        self.insert(vma.with_range(PageRange::between(vma.start(), addr)));
        self.insert(vma.with_range(PageRange::between(addr, vma.end())));
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
        let (first, mut at) = (self.index(range.start()), self.index(range.start()));
        let (mut head, mut tail) = (None, None);
        while let Some(vma) = self.entries.get(at).filter(|vma| vma.start() < range.end()) {
            if vma.start() < range.start() {
                head = Some(vma.with_range(PageRange::between(vma.start(), range.start())));
            }
            if vma.end() > range.end() {
                tail = Some(vma.with_range(PageRange::between(range.end(), vma.end())));
            }
            if let Some(part) = vma.range.intersection(range) {
                removed(vma.with_range(part));
            }
            at += 1;
        }
        self.entries.drain(first..at);
        head.into_iter().chain(tail).for_each(|vma| self.insert(vma));
    }

    /// Removes a mapping that is there.
    fn take(&mut self, vma: Option<Vma>) {
        if let Some(vma) = vma {
            let at = self.index(vma.start());
            self.entries.remove(at);
        }
    }

    /// The place of the first mapping that ends after `addr`.
    fn index(&self, addr: VirtAddr) -> usize {
        self.entries.partition_point(|vma| vma.end() <= addr)
    }
}

/// Mappings in order; see [`VmaTree::iter`].
pub struct Iter<'a> {
    rest: &'a [Vma],
    end: VirtAddr,
}

impl Iterator for Iter<'_> {
    type Item = Vma;

    fn next(&mut self) -> Option<Vma> {
        let (vma, rest) = self
            .rest
            .split_first()
            .filter(|(vma, _)| vma.start() < self.end)?;
        self.rest = rest;
        Some(*vma)
    }
}
