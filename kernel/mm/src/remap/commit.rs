//! `mremap` as a whole: decode, plan, reserve, commit.

use super::plan::{self, Last, MAPPINGS_PER_PLAN, Move, Plan, Slices, Source};
use super::request::Request;
use super::run::Work;
use crate::machine::Machine;
use crate::space::AddressSpace;
use crate::vma::merge::Sides;
use crate::vma::{Origin, Spare, Vma, VmaFlags, merge};
use crate::{Errno, PageRange, VirtAddr};

impl<M: Machine> AddressSpace<M> {
    #[inline(always)]
    pub(crate) fn remap(&mut self, request: Request) -> Result<VirtAddr, Errno> {
        plan::check_map_count(&self.view(), &request)?;
        // What the long ways answer is taken apart at once: so the short one's answer stays in registers.
        if !request.only_moves() {
            let address = match self.remap_to_grow(request) {
                Some(answer) => answer?,
                None => self.remap_one(request)?,
            };
            return Ok(address);
        }
        let Some(moved) = self.remap_short(&request) else {
            let address = self.remap_long(request)?;
            return Ok(address);
        };
        moved.map(|()| request.new)
    }

    /// A call that only moves, and not the short way.
    #[inline(never)]
    fn remap_long(&mut self, request: Request) -> Result<VirtAddr, Errno> {
        let in_one = self
            .remap_in_one(&request)
            .or_else(|| self.remap_and_keep(&request));
        match in_one {
            Some(answer) => answer,
            None => self.remap_slices(request),
        }
    }

    /// A call that concerns one mapping.
    #[inline(never)]
    pub(crate) fn remap_one(&mut self, request: Request) -> Result<VirtAddr, Errno> {
        let vma = self.tree.find(request.old).ok_or(Errno::EFAULT)?;
        let plan = plan::plan(&self.view(), &request, &vma)?;
        self.reserve_for(&plan)?;
        self.commit(&plan, &vma, Some(Spare::mappings(MAPPINGS_PER_PLAN)))
    }

    /// A call that moves whatever mappings there are. One that cannot move ends it; those before it have moved. Memory for all
    /// of it is set aside before the first one moves. Runs of mappings that need no look move whole.
    fn remap_slices(&mut self, request: Request) -> Result<VirtAddr, Errno> {
        let mut slices = Slices::new(request);
        let mut first = true;
        while let Some((slice, vma)) = slices.next(&self.view())? {
            let plan = plan::plan(&self.view(), &slice, &vma)?;
            if first {
                self.reserve_for(&plan)?;
                self.reserve_for_slices(&slices, &request)?;
                first = false;
            }
            let run = slices.run_behind(&self.view());
            self.commit(&plan, &vma, None)?;
            if let Some(run) = run {
                let target = slices.target_of(run);
                self.move_pages(run, target);
                self.tree.move_run(run, target);
                slices.skip(run);
            }
        }
        Ok(request.new)
    }

    /// Sets aside what the slices after the first will need.
    fn reserve_for_slices(&mut self, rest: &Slices, request: &Request) -> Result<(), Errno> {
        let work = rest.work(&self.view());
        if work == Work::default() {
            return Ok(());
        }
        self.tree
            .reserve_moves(work.runs, (work.slices + 1) * MAPPINGS_PER_PLAN)?;
        let source = PageRange::from_len(request.old, request.old_len).ok_or(Errno::EFAULT)?;
        self.reserve_pages_to_move(source, request.new)
    }

    fn reserve_for(&mut self, plan: &Plan) -> Result<(), Errno> {
        self.tree.reserve(MAPPINGS_PER_PLAN)?;
        match plan.last {
            Ok(Last::Move(Move { source, target, .. })) => self.reserve_pages_to_move(source, target.start()),
            _ => Ok(()),
        }
    }

    /// Does what was planned for `vma`. Everything it needs is set aside, so the only error is the planned one. `spare` is for how
    /// many mappings room is set aside, if nothing more is.
    fn commit(&mut self, plan: &Plan, vma: &Vma, spare: Option<Spare>) -> Result<VirtAddr, Errno> {
        let occupied = plan.moves_onto();
        if let Some(target) = plan.clear {
            let found = self.unmap_mappings(target, spare);
            if found && occupied.is_none() {
                self.clear_pages(target);
            }
        }
        if let Some(tail) = plan.cut {
            self.unmap_pages(tail, spare);
        }
        match plan.last.map_err(|refusal| self.refuse(refusal))? {
            Last::Stay(addr) => Ok(addr),
            Last::Grow { answer, added } => {
                self.grow(vma, added);
                Ok(answer)
            }
            Last::Move(step) => {
                self.move_mapping(vma, &step, occupied);
                Ok(step.target.start())
            }
        }
    }

    /// Lets a mapping grow over `added`, which begins at its end, and merge with the next.
    fn grow(&mut self, vma: &Vma, added: PageRange) {
        let more = vma.with_range(added);
        self.objects.mapped(&more, added.pages());
        self.tree.map(more, Origin::Growth);
        self.populate_if_locked(vma, added);
    }

    /// Moves, duplicates or, under `MREMAP_DONTUNMAP`, empties a mapping. What was cut off `vma` to make room lies outside of
    /// the source. What is mapped no more at a target that was `occupied` is still in the tables.
    fn move_mapping(&mut self, vma: &Vma, step: &Move, occupied: Option<PageRange>) {
        let Move { source, target, .. } = *step;
        let copy = copy_at(vma, source, target);
        self.objects.mapped(&copy, target.pages());
        match occupied {
            Some(occupied) => self.replace_pages(source, occupied),
            None if source.is_empty() => {}
            None => self.move_pages(source, target.start()),
        }
        match step.source_afterwards {
            Source::Gone => {
                self.join_through_copy(&copy, source);
                let Self { tree, objects, .. } = self;
                tree.unmap(source, |part| objects.unmapped(&part, part.range.pages()));
                self.add_copy(vma, &copy);
            }
            Source::Kept => {
                if vma.flags.contains(VmaFlags::LOCKED) && !source.is_empty() {
                    self.cut_blocks(source);
                    self.tree.split(source.start());
                    self.tree.split(source.end());
                }
                if vma.userfault.is_some() {
                    self.add_copy(vma, &copy);
                } else {
                    self.add_beside_source(&copy, source);
                }
                if !source.is_empty() {
                    self.empty_source(source);
                }
            }
        }
        if let Some(grown) = PageRange::new(target.start() + source.len(), target.end()) {
            self.populate_if_locked(&copy, grown);
        }
    }

    /// Lets a source that lies beside its own copy take over what the copy's other neighbour has.
    ///
    /// Linux adds the copy before it unmaps the source. An unfaulted mapping is at home anywhere, so that all three become one for a
    /// moment; what is left of the source afterwards has kept the neighbour's identity, and tells of its guards.
    fn join_through_copy(&mut self, copy: &Vma, source: PageRange) {
        if copy.anon.is_some() || !copy.is_anonymous() {
            return;
        }
        let (prev, next) = self.tree.around(copy.start());
        let sides = merge::sides(prev.as_ref(), copy, next.as_ref(), Origin::Usual);
        let is_source = |vma: &Vma| vma.range.covers(source);
        if !sides.prev || !sides.next || !prev.iter().chain(&next).any(is_source) {
            return;
        }
        let one = merge::merged(prev.as_ref(), copy, next.as_ref(), sides);
        self.tree
            .update(source.start(), |vma| *vma = one.with_range(vma.range));
    }

    /// Adds the copy of a mapping that is gone. One that lost its userfaultfd on the way merges with nobody.
    fn add_copy(&mut self, vma: &Vma, copy: &Vma) {
        if vma.userfault.is_some() {
            self.tree.map_with(*copy, Sides::default());
        } else {
            self.tree.map(*copy, Origin::Usual);
        }
    }

    /// Adds the copy of a mapping that stays. An unfaulted one, which is at home anywhere, does not merge with its own source: the
    /// two must stay apart.
    pub(super) fn add_beside_source(&mut self, copy: &Vma, source: PageRange) {
        let (prev, next) = self.tree.around(copy.start());
        let at_home_anywhere = copy.anon.is_none() && copy.is_anonymous();
        let is_source = |vma: &Vma| at_home_anywhere && !source.is_empty() && vma.range.covers(source);
        let prev = prev.filter(|vma| !is_source(vma));
        let next = next.filter(|vma| !is_source(vma));
        let sides = merge::sides(prev.as_ref(), copy, next.as_ref(), Origin::Usual);
        self.tree.map_with(*copy, sides);
    }

    /// What `MREMAP_DONTUNMAP` makes of the source, whose pages are gone: it is not locked, and where it moved as a whole it is
    /// as if never written to.
    pub(super) fn empty_source(&mut self, source: PageRange) {
        self.tree.update(source.start(), |vma| {
            vma.flags -= VmaFlags::LOCKED_MASK;
            if vma.range == source {
                vma.anon = None;
            }
        });
    }
}

/// What a mapping is at another place. A userfaultfd that did not ask to follow (`UFFD_FEATURE_EVENT_REMAP`) stays behind.
pub(super) fn copy_at(vma: &Vma, source: PageRange, target: PageRange) -> Vma {
    let copy = vma.with_range(source).moved_to(target);
    Vma {
        userfault: None,
        flags: copy.flags - VmaFlags::UFFD_MASK,
        ..copy
    }
}
