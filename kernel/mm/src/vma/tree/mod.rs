//! [`VmaTree`]: all mappings of an address space, in order of their addresses.
//!
//! Reading never fails. Every edit is infallible too, once [`VmaTree::reserve`] has set aside room for it: a call reserves
//! what its plan needs, and nothing can fail after that.
//!
//! The tree is a B+tree that stores no address. Each mapping has its length and the free bytes before it; each inner node knows
//! how far each of its subtrees reaches, and an address is what a search adds up on its way down. A run of neighbouring
//! mappings is therefore a few subtrees that can be hung elsewhere as they are, which is how
//! [`VmaTree::move_run`] moves a hundred thousand mappings by editing some dozen nodes.

mod balance;
mod change;
mod edit;
mod free;
mod grow;
mod highest;
mod inner;
mod iter;
mod leaf;
mod leave;
mod lone;
mod modify;
mod path;
mod piece;
mod pool;
mod propagate;
mod run;
mod slide;
mod summary;
#[cfg(test)]
mod tests;
mod unmap;

use super::flags::Prot;
use super::mapping::Vma;
use crate::{Errno, PageRange, VirtAddr};
use core::cell::Cell;
pub use free::{Direction, FreeRequest};
use inner::Inner;
pub use iter::Iter;
use leaf::Leaf;
pub use lone::{LoneMove, Place, Start};
pub use modify::Beside;
use pool::{NodeId, Pool};
pub use run::Run;
pub use slide::Slide;
use summary::{Summary, Sums};
pub use unmap::Spare;

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
    /// The mapping that [`VmaTree::plain_at`] found last; every edit forgets it.
    plain: Cell<Plain>,
}

/// A mapping where a write to a page that is not there needs no more than a new page.
#[derive(Clone, Copy)]
struct Plain {
    start: u64,
    /// Zero for none.
    len: u64,
    prot: Prot,
}

impl Plain {
    const NONE: Self = Self {
        start: 0,
        len: 0,
        prot: Prot::empty(),
    };
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
            plain: Cell::new(Plain::NONE),
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

    /// How many bytes of the heap the nodes take, in use or not.
    pub fn node_bytes(&self) -> u64 {
        self.leaves.bytes() + self.inners.bytes()
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
        let (leaf, step, base) = self.descend(addr.get(), |_, _| {});
        let at = step.at();
        (at < leaf.len()).then(|| leaf.get(at, base))
    }

    /// The protection of the mapping that holds `addr`, if that is the plainest kind: private anonymous memory, writable, with its
    /// identity, in pages of 4 KiB, watched by nobody. Most page faults are in such a mapping, and in the same one as the fault before.
    #[inline]
    pub fn plain_at(&self, addr: VirtAddr) -> Option<Prot> {
        let plain = self.plain.get();
        if addr.get().wrapping_sub(plain.start) < plain.len {
            debug_assert!(self.find(addr).is_some_and(|vma| vma.is_plain()));
            return Some(plain.prot);
        }
        self.find_plain(addr)
    }

    fn find_plain(&self, addr: VirtAddr) -> Option<Prot> {
        let vma = self.find(addr).filter(Vma::is_plain)?;
        self.plain.set(Plain {
            start: vma.start().get(),
            len: vma.range.len(),
            prot: vma.prot,
        });
        Some(vma.prot)
    }

    /// Before an edit: what was found no longer holds.
    #[inline]
    fn forget_plain(&mut self) {
        self.plain.get_mut().len = 0;
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
    #[inline]
    pub fn reserve(&mut self, added: usize) -> Result<(), Errno> {
        // What earlier calls left is mostly enough for the few that most calls add.
        let leaves = added + 1;
        if added < 7 && self.leaves.reserved() >= leaves && self.inners.reserved() >= leaves * self.height + 2
        {
            return self.check_room(added);
        }
        self.reserve_nodes(added)
    }

    fn reserve_nodes(&mut self, added: usize) -> Result<(), Errno> {
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
