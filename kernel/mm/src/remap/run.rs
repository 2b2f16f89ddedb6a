//! Which mappings of a call that moves several need not be looked at one by one.
//!
//! Between the first slice and the last, which may be cut and have neighbours outside, lie whole mappings. Moving one of them
//! changes nothing but its address, unless the tree says that it must be looked at
//! ([`VmaTree::first_exception`](crate::vma::VmaTree::first_exception)) or something is mapped where it goes, or directly
//! behind: then it might merge. All others go as a run: one edit of the tree, and one move of the tables.

use super::plan::Slices;
use super::request::RemapFlags;
use crate::space::View;
use crate::vma::Vma;
use crate::{PAGE_SIZE, PageRange, VirtAddr};

/// What a call that moves several mappings comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Work {
    /// Slices that are planned and moved by themselves.
    pub(super) slices: usize,
    /// Runs that move whole.
    pub(super) runs: usize,
}

impl Slices {
    /// The run that begins with the mapping behind the slice that was asked for last, if there is one that moves whole. To be
    /// asked before that slice moves, which is the mapping that the run's first one might join.
    pub(super) fn run_behind(&self, view: &View<'_>) -> Option<PageRange> {
        if self.at >= self.end || self.request.flags.contains(RemapFlags::DONTUNMAP) {
            return None;
        }
        let first = view
            .tree
            .find_or_next(self.at)
            .filter(|vma| vma.start() < self.end)?;
        let last = self.last(view)?;
        let whole = PageRange::new(first.start(), last.start()).filter(|range| !range.is_empty())?;
        let shift = self.request.new.get().wrapping_sub(self.request.old.get()) as i64;
        let end = view
            .tree
            .first_exception(whole, shift)
            .map_or(whole.end(), |vma| vma.start());
        let run = PageRange::new(first.start(), end).filter(|range| !range.is_empty())?;
        self.lands_free(view, run).then_some(run)
    }

    /// What is still to be done, found out without doing it: nothing that is done changes what is done later.
    pub(super) fn work(mut self, view: &View<'_>) -> Work {
        let mut work = Work::default();
        loop {
            if let Some(run) = self.run_behind(view) {
                work.runs += 1;
                self.skip(run);
            }
            match self.next(view) {
                Ok(Some(_)) => work.slices += 1,
                Ok(None) | Err(_) => return work,
            }
        }
    }

    /// Goes on behind a run.
    pub(super) fn skip(&mut self, run: PageRange) {
        self.at = run.end();
    }

    /// Where a run goes.
    pub(super) fn target_of(&self, run: PageRange) -> VirtAddr {
        self.request.new + (run.start() - self.request.old)
    }

    /// The last mapping of the call.
    fn last(&self, view: &View<'_>) -> Option<Vma> {
        let (before, next) = view.tree.around(self.end);
        next.filter(|vma| vma.start() < self.end).or(before)
    }

    /// Whether nothing is mapped where `run` goes, nor on the pages beside, but for the slice before it if that touches the run.
    fn lands_free(&self, view: &View<'_>, run: PageRange) -> bool {
        let start = self.target_of(run);
        let before = if run.start() == self.at { 0 } else { PAGE_SIZE };
        let behind = run.len() + PAGE_SIZE;
        let window = PageRange::new(start - before, start + behind);
        window.is_some_and(|window| view.tree.is_free(window))
    }
}
