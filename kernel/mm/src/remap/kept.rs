//! Calls that move the pages of several mappings and leave the mappings where they are (`MREMAP_DONTUNMAP`): one move of the tables, one
//! flush. In the tree the mappings go as a run, if none joins another at the target, and leave a copy of each behind; else each is
//! edited by itself, as are the ends that the call cuts.

use super::commit::copy_at;
use super::plan::{MAPPINGS_PER_PLAN, Slices};
use super::request::{RemapFlags, Request};
use crate::machine::Machine;
use crate::space::{AddressSpace, Freed, View};
use crate::vma::{Prot, Vma, VmaFlags};
use crate::{Errno, PAGE_SIZE, PageRange, VirtAddr};

/// How many mappings more than are added the limit must leave, so that no slice comes near it.
const ROOM: u64 = 8;

/// What a call is about that keeps its sources.
struct Kept {
    source: PageRange,
    /// How many mappings.
    count: u64,
    /// Those that go as a run; empty where there are none.
    run: PageRange,
}

impl<M: Machine> AddressSpace<M> {
    /// Makes a call that keeps its sources with one move of the tables, if none of its slices can fail. `None` if that is not sure, and
    /// nothing has changed.
    pub(super) fn remap_and_keep(&mut self, request: &Request) -> Option<Result<VirtAddr, Errno>> {
        let kept = Kept::plan(&self.view(), request)?;
        let reserved = self
            .tree
            .reserve_moves(2, kept.count as usize + 2 * MAPPINGS_PER_PLAN)
            .and_then(|()| self.reserve_pages_to_move(kept.source, request.new));
        Some(reserved.map(|()| {
            self.move_pages(kept.source, request.new);
            self.keep_slices(request, kept.run);
            request.new
        }))
    }

    /// Adds a copy of each mapping at the target, and leaves the source as if it had never been written to.
    fn keep_slices(&mut self, request: &Request, run: PageRange) {
        let mut slices = Slices::new(*request);
        loop {
            if !run.is_empty() && slices.at == run.start() {
                self.keep_run(run, slices.target_of(run));
                slices.skip(run);
            }
            let Ok(Some((slice, vma))) = slices.next(&self.view()) else {
                return;
            };
            let part = PageRange::between(slice.old, slice.old + slice.old_len);
            let copy = copy_at(
                &vma,
                part,
                PageRange::between(slice.new, slice.new + slice.old_len),
            );
            self.objects.mapped(&copy, part.pages());
            self.add_beside_source(&copy, part);
            self.empty_source(part);
        }
    }

    /// The same of whole mappings, none of which merges with another.
    fn keep_run(&mut self, run: PageRange, target: VirtAddr) {
        let Self { tree, objects, .. } = self;
        tree.move_run_leaving(run, target, |vma| {
            objects.mapped(vma, vma.range.pages());
            vma.anon = None;
        });
    }
}

impl Kept {
    /// Finds out whether there are several mappings, the target is free, and neither a mapping nor a limit can stop the call on the way.
    fn plan(view: &View<'_>, request: &Request) -> Option<Self> {
        let source = PageRange::from_len(request.old, request.old_len)?;
        let target = PageRange::from_len(request.new, request.new_len)?;
        let first = view.tree.find(source.start())?;
        let allowed = request.flags.contains(RemapFlags::DONTUNMAP)
            && request.new.get() >= view.limits.mmap_min_addr
            && first.end() < source.end()
            && view.tree.is_free(target);
        if !allowed {
            return None;
        }
        let all = view.tree.run(source);
        let count = all.totals.mappings;
        // Locked memory is cut at both ends first.
        let plain = all.sealed | all.lone | all.indivisible | all.told | all.totals.locked == 0;
        let pages = source.pages();
        let far = view.tree.len() + count + ROOM <= view.limits.max_map_count
            && view.may_expand(Prot::WRITE, VmaFlags::empty(), pages, Freed::default())
            && view.may_commit(pages);
        (count > 1 && plain && far).then(|| Self {
            source,
            count,
            run: run_of(view, request, source, &first),
        })
    }
}

/// The whole mappings in `source`, the first of which is `first`, if they can go as a run: nothing is mapped beside the target, and none
/// of them joins the one before it there.
fn run_of(view: &View<'_>, request: &Request, source: PageRange, first: &Vma) -> PageRange {
    let none = PageRange::between(source.start(), source.start());
    let last = view.tree.find(VirtAddr::new(source.end().get() - PAGE_SIZE));
    let cut = last.filter(|last| last.end() > source.end());
    let start = if first.start() < source.start() {
        first.end()
    } else {
        source.start()
    };
    let end = cut.map_or(source.end(), |last| last.start());
    let behind = PageRange::between(first.end(), source.end());
    let shift = request.new.get().wrapping_sub(request.old.get()) as i64;
    let before = request.new.get().checked_sub(PAGE_SIZE).map(VirtAddr::new);
    let window = before.and_then(|before| PageRange::from_len(before, source.len() + 2 * PAGE_SIZE));
    let apart = window.is_some_and(|window| view.tree.is_free(window))
        && view.tree.first_exception(behind, shift).is_none();
    match PageRange::new(start, end) {
        Some(run) if apart => run,
        _ => none,
    }
}
