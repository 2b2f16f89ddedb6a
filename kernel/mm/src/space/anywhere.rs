//! The short way of `mmap`: private anonymous memory anywhere, and nothing else asked for.

use super::map::{MAY_ALL, prot_of};
use super::place::HUGE;
use super::view::Freed;
use super::{AddressSpace, Backing, MapRequest, round_up_to_page};
use crate::machine::Machine;
use crate::vma::{Prot, VmaFlags};
use crate::{PAGE_SHIFT, PAGE_SIZE, VirtAddr};
use linux_raw_sys::general::{MAP_ANONYMOUS, MAP_PRIVATE};

/// The flags of a request that asks for nothing else.
const PLAIN: u64 = (MAP_PRIVATE | MAP_ANONYMOUS) as u64;

impl<M: Machine> AddressSpace<M> {
    /// The commonest request there is, private anonymous memory anywhere and nothing else asked for, where it takes no more than one
    /// edit of the tree. `None` says that [`Self::map_request`] is to see to it, and nothing has changed.
    #[inline]
    pub(super) fn map_plain(&mut self, request: &MapRequest<M>) -> Option<VirtAddr> {
        let plain = request.addr == 0
            && request.flags == PLAIN
            && matches!(request.backing, Backing::Anonymous)
            && self.lock_of_new.is_empty();
        if plain {
            self.map_anywhere(request.len, prot_of(request.prot))
        } else {
            None
        }
    }

    /// [`Self::map_plain`], once it is plain.
    #[inline(never)]
    fn map_anywhere(&mut self, len: u64, prot: Prot) -> Option<VirtAddr> {
        let len = round_up_to_page(len);
        // What huge pages could fill has a place of its own.
        if len.is_multiple_of(HUGE) || self.tree.len() > self.limits.max_map_count {
            return None;
        }
        let view = self.view();
        let (mut flags, mut charge) = (MAY_ALL, 0);
        if prot.contains(Prot::WRITE) {
            (flags, charge) = (flags | VmaFlags::ACCOUNT, len >> PAGE_SHIFT);
        }
        let request = view.below_base(len, PAGE_SIZE)?;
        let may = view.may_expand(prot, flags, len >> PAGE_SHIFT, Freed::default())
            && (charge == 0 || view.may_commit(charge));
        if may {
            self.tree.map_highest(&request, prot, flags)
        } else {
            None
        }
    }
}
