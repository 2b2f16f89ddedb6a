//! The short way for a call that makes a mapping longer where there is no room behind it, so that it moves to wherever there is.

use super::request::{RemapFlags, Request};
use super::short::LOOKED_AT;
use crate::machine::Machine;
use crate::space::{AddressSpace, Freed, HUGE};
use crate::vma::{Backing, Place, Start, VmaFlags};
use crate::{Errno, PAGE_SHIFT, PAGE_SIZE, PageRange, VirtAddr};

/// What takes a look that the short way does not take, growing.
const LOOKED_AT_TO_GROW: VmaFlags = LOOKED_AT.union(VmaFlags::LOCKED);

impl<M: Machine> AddressSpace<M> {
    /// Makes a call that lets private anonymous memory grow at another place, where that takes no more than one edit of the tree and
    /// no limit is near. `None` says that the call is to be planned, and nothing has changed.
    #[inline(never)]
    pub(crate) fn remap_to_grow(&mut self, request: Request) -> Option<Result<VirtAddr, Errno>> {
        let Request {
            old,
            old_len,
            new_len,
            flags,
            ..
        } = request;
        // What huge pages could fill has a place of its own.
        if flags != RemapFlags::MAYMOVE || old_len == 0 || new_len <= old_len || new_len.is_multiple_of(HUGE)
        {
            return None;
        }
        let mut place = Place::NOWHERE;
        let mapping = self.tree.starting_at(old, &mut place)?;
        if old_len > mapping.bytes() || !self.may_lengthen(&mapping, new_len - old_len) {
            return None;
        }
        let wanted = self.view().below_base(new_len, PAGE_SIZE)?;
        let mut before = Place::NOWHERE;
        let target = self
            .tree
            .find_growth(&place, &mapping, old_len, &wanted, &mut before)?;
        let source = PageRange::between(old, old + old_len);
        if let Err(errno) = self.try_to_move_pages(source, target.start()) {
            return Some(Err(errno));
        }
        self.tree.move_to_grow(&place, old_len, &before, target);
        Some(Ok(target.start()))
    }

    /// Whether the long way would find nothing against `bytes` more of a mapping.
    #[inline]
    fn may_lengthen(&self, mapping: &Start<'_>, bytes: u64) -> bool {
        let (view, pages, flags) = (self.view(), bytes >> PAGE_SHIFT, mapping.flags());
        *mapping.backing() == Backing::Anonymous
            && !flags.intersects(LOOKED_AT_TO_GROW)
            && view.may_expand(mapping.prot(), flags, pages, Freed::default())
            && (!flags.contains(VmaFlags::ACCOUNT) || view.may_commit(pages))
    }
}
