//! The short way for a call that moves several whole mappings, none of which need be looked at, to a place where they touch nothing.

use super::request::{RemapFlags, Request};
use crate::machine::Machine;
use crate::space::AddressSpace;
use crate::{Errno, PAGE_SIZE, PageRange, VirtAddr};

impl<M: Machine> AddressSpace<M> {
    /// Makes a call that only moves the short way, if that leads there: all its mappings go as one run, with one edit of the tree and
    /// one move of the tables, whatever gaps there are between them. `None` if it does not, and nothing has changed.
    ///
    /// It leads there where mappings begin and end at both ends of the source, the tree knows of no exception among them
    /// ([`VmaTree::first_exception`](crate::vma::VmaTree::first_exception)), and neither the target nor a page beside it is mapped: then
    /// the plan of each slice would find that it moves, and nothing else.
    pub(super) fn remap_together(&mut self, request: &Request) -> Option<Result<VirtAddr, Errno>> {
        let target = request.new;
        if request.flags.contains(RemapFlags::DONTUNMAP) || target.get() < self.limits().mmap_min_addr {
            return None;
        }
        let source = PageRange::from_len(request.old, request.old_len)?;
        let slide = self.tree.find_slide(source, target);
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
        if let Err(errno) = nodes.and_then(|()| self.reserve_pages_to_move(source, target)) {
            return Some(Err(errno));
        }
        self.move_pages(source, target);
        match slide {
            Some(slide) => self.tree.slide(&slide),
            None => self.tree.move_run(source, target),
        }
        Some(Ok(target))
    }

    /// Whether mappings begin and end with the source, and nothing is mapped at the target nor on the pages beside it.
    fn goes_apart(&self, source: PageRange, target: VirtAddr) -> bool {
        let window = target
            .get()
            .checked_sub(PAGE_SIZE)
            .and_then(|start| PageRange::from_len(VirtAddr::new(start), source.len() + 2 * PAGE_SIZE));
        window.is_some_and(|window| self.tree.is_free(window)) && self.tree.begins_and_ends(source)
    }
}
