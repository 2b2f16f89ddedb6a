//! The short ways for calls that move whole mappings, of which nothing need be asked, to a place where they touch nothing. All that
//! the plan of such a call would find is that it moves.

use super::request::{RemapFlags, Request};
use crate::machine::Machine;
use crate::space::AddressSpace;
use crate::vma::{Backing, Place, VmaFlags, VmaTree};
use crate::{Errno, PAGE_SIZE, PageRange, VirtAddr};

/// What takes a look that the short way does not take.
pub(super) const LOOKED_AT: VmaFlags = VmaFlags::SEALED
    .union(VmaFlags::SPECIAL)
    .union(VmaFlags::GROWSDOWN)
    .union(VmaFlags::OWN_PLACEMENT)
    .union(VmaFlags::UFFD_MASK);

impl<M: Machine> AddressSpace<M> {
    /// Makes a call that only moves a short way, if one leads there. `None` if none does, and nothing has changed.
    #[inline(always)]
    pub(super) fn remap_short(&mut self, request: &Request) -> Option<Result<(), Errno>> {
        let target = request.new;
        if request.flags.contains(RemapFlags::DONTUNMAP) || target.get() < self.limits().mmap_min_addr {
            return None;
        }
        let source = PageRange::from_len(request.old, request.old_len)?;
        let mut first = Place::NOWHERE;
        let start = self.tree.starting_at(source.start(), &mut first)?;
        // Most calls move one mapping.
        let Some(lone) = VmaTree::lone_move(start, source, target, may_move) else {
            return self.remap_together(source, target, &first);
        };
        let moved = self.try_to_move_pages(source, target);
        if moved.is_ok() {
            self.tree.move_lone(&first, &lone);
        }
        Some(moved)
    }

    /// Moves several mappings as one run, with one edit of the tree and one move of the tables, whatever gaps there are between them.
    ///
    /// That is possible where mappings begin and end at both ends of the source, the tree knows of no exception among them
    /// ([`VmaTree::first_exception`](crate::vma::VmaTree::first_exception)), and neither the target nor a page beside it is mapped.
    #[inline(never)]
    fn remap_together(
        &mut self,
        source: PageRange,
        target: VirtAddr,
        first: &Place,
    ) -> Option<Result<(), Errno>> {
        let slide = self.tree.find_slide(first, source, target);
        let shift = target.get().wrapping_sub(source.start().get()) as i64;
        let plain = (slide.is_some() || self.goes_apart(source, target))
            && self.tree.first_exception(source, shift).is_none();
        if !plain {
            return None;
        }
        let nodes = match slide {
            Some(_) => Ok(()),
            None => self.tree.reserve_moves(1, 0),
        };
        if let Err(errno) = nodes.and_then(|()| self.try_to_move_pages(source, target)) {
            return Some(Err(errno));
        }
        match slide {
            Some(slide) => self.tree.slide(first, &slide),
            None => self.tree.move_run(source, target),
        }
        Some(Ok(()))
    }

    /// Whether no mapping crosses the end of the source, and nothing is mapped at the target nor on the pages beside it.
    fn goes_apart(&self, source: PageRange, target: VirtAddr) -> bool {
        let window = target
            .get()
            .checked_sub(PAGE_SIZE)
            .and_then(|start| PageRange::from_len(VirtAddr::new(start), source.len() + 2 * PAGE_SIZE));
        let behind = self.tree.find_or_next(source.end());
        window.is_some_and(|window| self.tree.is_free(window))
            && behind.is_none_or(|vma| vma.start() >= source.end())
    }
}

fn may_move(flags: VmaFlags, backing: &Backing) -> bool {
    !flags.intersects(LOOKED_AT) && !matches!(backing, Backing::Special { .. })
}
