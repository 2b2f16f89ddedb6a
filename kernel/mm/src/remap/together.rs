//! Calls that move several mappings, or parts of them, in one go: one clearing of the target, one move of the tables, one run in the tree.
//!
//! Only the first and the last mapping may be cut, and only they may join what lies beside the target; those two are edited by
//! themselves where that is so. All that lies between moves as it is. What Linux does slice by slice comes to the same if
//! - no slice fails: none is sealed, refuses to move along with others, or finds the limit of mappings near;
//! - none joins the one before it at the target, which the tree knows of all of them
//!   ([`VmaTree::first_exception`](crate::vma::VmaTree::first_exception));
//! - what makes room at the target does so as a whole: none of it is sealed, none of it survives opposite a gap of the source, and no
//!   slice joins what is yet to be unmapped behind it, from which it might take an identity, or leave one there.

use super::commit::copy_at;
use super::plan::{self, Last, MAPPINGS_PER_PLAN, Plan, Slices};
use super::request::{RemapFlags, Request};
use crate::machine::Machine;
use crate::space::{AddressSpace, View};
use crate::vma::merge::{self, Origin};
use crate::vma::{Run, Spare, Vma};
use crate::{Errno, PAGE_SIZE, PageRange, VirtAddr};

/// How many mappings the limit must leave, so that no slice comes near it: both ends are cut, and the target in the middle of one.
const ROOM: u64 = 8;
/// What the tree is asked to set aside: a run, and the edits of both ends.
const SPARE: Spare = Spare {
    runs: 1,
    mappings: 2 * MAPPINGS_PER_PLAN,
};

/// A call that moves in one go.
struct Together {
    source: PageRange,
    target: PageRange,
    /// Whether something is to be unmapped at the target.
    occupied: bool,
    /// The part of the first mapping, if that is edited by itself.
    first: Option<Vma>,
    /// What moves as it is.
    run: PageRange,
    /// The part of the last mapping, if that is edited by itself. What that mapping is shows then: what is left of it behind the source may
    /// lie before the target, where the first part joins it, and gives it an identity.
    last: Option<PageRange>,
}

impl<M: Machine> AddressSpace<M> {
    /// Makes a call that only moves in one go, if it can be. `None` if it cannot, and nothing has changed.
    pub(super) fn remap_in_one(&mut self, request: &Request) -> Option<Result<VirtAddr, Errno>> {
        let together = Together::plan(&self.view(), request)?;
        let reserved = self
            .tree
            .reserve_moves(SPARE.runs, SPARE.mappings)
            .and_then(|()| self.reserve_pages_to_move(together.source, together.target.start()));
        Some(reserved.map(|()| {
            self.commit_in_one(&together);
            request.new
        }))
    }

    fn commit_in_one(&mut self, together: &Together) {
        if together.occupied {
            self.unmap_mappings(together.target, Some(SPARE));
            self.replace_pages(together.source, together.target);
        } else {
            self.move_pages(together.source, together.target.start());
        }
        if let Some(first) = &together.first {
            self.move_part(together, first);
        }
        if !together.run.is_empty() {
            self.tree
                .move_run(together.run, together.opposite(together.run.start()));
        }
        let last = together.last;
        let last = last.and_then(|part| Some(self.tree.find(part.start())?.with_range(part)));
        if let Some(last) = &last {
            self.move_part(together, last);
        }
    }

    /// Moves a part of a mapping in the tree, and merges it with its neighbours. Objects count as many pages of it as before.
    fn move_part(&mut self, together: &Together, part: &Vma) {
        self.tree.unmap(part.range, drop);
        self.tree.map(together.copy(part), Origin::Usual);
    }
}

impl Together {
    /// Finds out whether a call can be made in one go, by reading alone.
    fn plan(view: &View<'_>, request: &Request) -> Option<Self> {
        let source = PageRange::from_len(request.old, request.old_len)?;
        let target = PageRange::from_len(request.new, request.new_len)?;
        let far = view.tree.len() + ROOM <= view.limits.max_map_count && view.may_commit(0);
        let touch = source.end() == target.start() || target.end() == source.start();
        if request.flags.contains(RemapFlags::DONTUNMAP) || touch || !far {
            return None;
        }
        let mut slices = Slices::new(*request);
        let (slice, first) = slices.next(view).ok()??;
        if first.end() >= source.end() || first.tells_object() || first.refuses_multi_move() {
            return None;
        }
        let planned = plan::plan(view, &slice, &first).ok()?;
        let Plan {
            cut: None,
            last: Ok(Last::Move(_)),
            ..
        } = planned
        else {
            return None;
        };
        let rest = PageRange::between(first.end(), source.end());
        let shift = request.new.get().wrapping_sub(request.old.get()) as i64;
        if view.tree.first_exception(rest, shift).is_some() {
            return None;
        }
        let (before, at_end) = view.tree.around(VirtAddr::new(source.end().get() - PAGE_SIZE));
        let last = at_end.filter(|vma| vma.start() < source.end()).or(before)?;
        let mut together = Self {
            source,
            target,
            occupied: !view.tree.is_free(target),
            first: None,
            run: source,
            last: None,
        };
        if together.occupied && !together.clears_as_a_whole(view) {
            return None;
        }
        together.set_ends(view, &first, &last);
        Some(together)
    }

    /// Finds out which of both ends is edited by itself.
    fn set_ends(&mut self, view: &View<'_>, first: &Vma, last: &Vma) {
        let (left, right) = (self.part_of(first), self.part_of(last));
        let (mut start, mut end) = (left.start(), right.end());
        if left.range != first.range || self.joins_before(view, &left) {
            start = left.end();
            self.first = Some(left);
        }
        if end > start && (right.range != last.range || self.joins_behind(view, &right)) {
            end = right.start();
            self.last = Some(right.range);
        }
        self.run = PageRange::between(start, end);
    }

    /// Whether the first part joins what is left before the target.
    fn joins_before(&self, view: &View<'_>, part: &Vma) -> bool {
        let border = self.target.start();
        let (before, at) = view.tree.around(border);
        let left = at.filter(|vma| vma.start() < border).or(before);
        let left = left.filter(|vma| vma.end() >= border);
        let left = left.map(|vma| vma.with_range(PageRange::between(vma.start(), border)));
        merge::sides(left.as_ref(), &self.copy(part), None, Origin::Usual).prev
    }

    /// Whether the last part joins what is left behind the target.
    fn joins_behind(&self, view: &View<'_>, part: &Vma) -> bool {
        let right = view.tree.find_or_next(self.target.end());
        let right = right.map(|vma| {
            let start = vma.start().max(self.target.end());
            vma.with_range(PageRange::between(start, vma.end()))
        });
        merge::sides(None, &self.copy(part), right.as_ref(), Origin::Usual).next
    }

    /// Whether unmapping all of the target first comes to the same as doing so slice by slice.
    fn clears_as_a_whole(&self, view: &View<'_>) -> bool {
        let (run, gone) = (view.tree.run(self.source), view.tree.run(self.target));
        let mapped = run.span.is_some_and(|span| span.covers(self.source)) && !run.has_holes();
        mapped && gone.sealed == 0 && gone.told == 0 && (differ(&run, &gone) || !self.joins_occupants(view))
    }

    /// Whether a slice might join, for a moment, what is still mapped behind it at the target: looked for one by one.
    fn joins_occupants(&self, view: &View<'_>) -> bool {
        let mut occupants = view.tree.iter(self.target);
        let mut occupant = occupants.next();
        for vma in view.tree.iter(self.source) {
            let end = self.opposite(vma.end().min(self.source.end()));
            while occupant.is_some_and(|occupant| occupant.end() <= end) {
                occupant = occupants.next();
            }
            let Some(behind) = &occupant else { return false };
            if end < self.target.end() && behind.start() <= end && merge::are_alike(&vma, behind) {
                return true;
            }
        }
        false
    }

    /// What of a mapping moves.
    fn part_of(&self, vma: &Vma) -> Vma {
        let (start, end) = (
            vma.start().max(self.source.start()),
            vma.end().min(self.source.end()),
        );
        vma.with_range(PageRange::between(start, end))
    }

    /// What a part is at the target.
    fn copy(&self, part: &Vma) -> Vma {
        let start = self.opposite(part.start());
        copy_at(
            part,
            part.range,
            PageRange::between(start, start + part.range.len()),
        )
    }

    fn opposite(&self, addr: VirtAddr) -> VirtAddr {
        self.target.start() + (addr - self.source.start())
    }
}

/// Whether all mappings of one run differ from all of the other in something that keeps them apart, as far as the sums tell.
fn differ(run: &Run, other: &Run) -> bool {
    let (run, other) = (run.totals, other.totals);
    let sums = [
        (run.data, other.data),
        (run.accounted, other.accounted),
        (run.locked, other.locked),
    ];
    let differs =
        |&(here, there): &(u64, u64)| here == run.bytes && there == 0 || here == 0 && there == other.bytes;
    sums.iter().any(differs)
}
