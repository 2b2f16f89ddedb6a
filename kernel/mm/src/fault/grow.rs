//! A stack that grows to an address below it (Linux's `expand_downwards`).

use super::FaultError;
use crate::machine::Machine;
use crate::space::{AddressSpace, Freed, STACK_GUARD_GAP};
use crate::vma::{Vma, VmaFlags, merge::Sides};
use crate::{PAGE_SIZE, PageRange, VirtAddr};

impl<M: Machine> AddressSpace<M> {
    /// Stretches the stack behind `addr` down to it, and answers the stack. An access below it that is refused found nothing
    /// mapped.
    pub(super) fn grow_stack(&mut self, addr: VirtAddr) -> Result<Vma, FaultError> {
        let addr = addr.align_down(PAGE_SIZE);
        let (prev, next) = self.tree.around(addr);
        let stack = next
            .filter(|vma| vma.flags.contains(VmaFlags::GROWSDOWN))
            .ok_or(FaultError::MapError)?;
        let added = PageRange::new(addr, stack.start()).ok_or(FaultError::MapError)?;
        if !self.is_room(prev.as_ref(), added) {
            return Err(FaultError::MapError);
        }
        self.tree.reserve(1).map_err(|_| FaultError::OutOfMemory)?;
        // Linux prepares the anonymous memory before it asks about limits.
        self.give_identity(&stack);
        if !self.may_grow(&stack, added) {
            return Err(FaultError::MapError);
        }
        let stack = self.tree.find(stack.start()).ok_or(FaultError::MapError)?;
        Ok(self.tree.map_with(
            stack.with_range(added),
            Sides {
                prev: false,
                next: true,
            },
        ))
    }

    /// Whether a stack could reach down to `added`, which keeps its distance from what lies before it.
    fn is_room(&self, prev: Option<&Vma>, added: PageRange) -> bool {
        let keeps_distance = prev.is_none_or(|prev| {
            prev.flags.contains(VmaFlags::GROWSDOWN)
                || prev.prot.is_empty()
                || added.start() - prev.end() >= STACK_GUARD_GAP
        });
        added.start().get() >= self.view().limits.lowest_placed() && keeps_distance
    }

    /// Linux's `acct_stack_growth`, and that the home of the stack's first page can follow.
    fn may_grow(&self, stack: &Vma, added: PageRange) -> bool {
        let view = self.view();
        let locked = stack.flags.contains(VmaFlags::LOCKED);
        added.len() <= stack.home().get()
            && stack.end() - added.start() <= view.limits.stack
            && view.may_expand(stack.prot, stack.flags, added.pages(), Freed::default())
            && (!locked || view.may_lock(added.pages()))
            && view.may_commit(added.pages())
    }
}
