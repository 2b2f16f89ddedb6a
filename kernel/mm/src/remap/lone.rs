//! The short way for the commonest call: one whole mapping moves to a place where it touches nothing.

use super::request::{RemapFlags, Request};
use crate::machine::Machine;
use crate::space::AddressSpace;
use crate::vma::{Backing, Vma, VmaFlags};
use crate::{Errno, PageRange, VirtAddr};

/// What takes a look that the short way does not take.
const LOOKED_AT: VmaFlags = VmaFlags::SEALED
    .union(VmaFlags::SPECIAL)
    .union(VmaFlags::GROWSDOWN)
    .union(VmaFlags::OWN_PLACEMENT)
    .union(VmaFlags::UFFD_MASK);

impl<M: Machine> AddressSpace<M> {
    /// Makes a call that only moves the short way, if that leads there: a whole mapping, of which nothing need be asked, goes where
    /// nothing is mapped. `None` if it does not, and nothing has changed. All that the plan of such a call would find is that it moves.
    pub(super) fn remap_lone(&mut self, request: &Request) -> Option<Result<VirtAddr, Errno>> {
        let target = request.new;
        if request.flags.contains(RemapFlags::DONTUNMAP) || target.get() < self.limits().mmap_min_addr {
            return None;
        }
        let source = PageRange::from_len(request.old, request.old_len)?;
        let lone = self.tree.lone_move(source, target, may_move)?;
        if let Err(errno) = self.reserve_pages_to_move(source, target) {
            return Some(Err(errno));
        }
        self.move_pages(source, target);
        self.tree.move_lone(&lone);
        Some(Ok(target))
    }
}

fn may_move(vma: &Vma) -> bool {
    !vma.flags.intersects(LOOKED_AT) && !matches!(vma.backing, Backing::Special { .. })
}
