//! What a call of `mremap` comes to, found out by reading alone.
//!
//! The order of the checks is that of Linux 7.3 (`check_prep_vma`, `mremap_to`, `mremap_at` and `move_vma`). Linux finds
//! some errors only after it has unmapped the target or cut the tail; the plan knows that, and says so: what is done,
//! then the errno.

use super::request::{RemapFlags, Request};
use crate::space::{Freed, Huge, Placement, Refusal, View, Wish, is_whole};
use crate::vma::{Vma, VmaFlags};
use crate::{Errno, PAGE_SHIFT, PageRange, TASK_SIZE, VirtAddr};

/// What is to be done about one mapping, in this order, and what the call answers then.
///
/// A call that moves several mappings is a sequence of such plans, one a slice, each made after the one before was done:
/// what a slice unmaps is what the next one's limits are checked against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// What makes room for the mapping (`MREMAP_FIXED`); `None` where nothing is in its way.
    pub(crate) clear: Option<PageRange>,
    /// The tail that a shrink cuts off. It may hold several mappings and holes.
    pub(crate) cut: Option<PageRange>,
    /// The last step, or how the call fails after the others, and what it leaves cut.
    pub(crate) last: Result<Last, Refusal>,
}

/// The last step of a [`Plan`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Last {
    /// Nothing more; the mapping stays where it is.
    Stay(VirtAddr),
    /// The mapping that ends where the range begins grows over it.
    Grow {
        /// What the call answers.
        answer: VirtAddr,
        /// What is added.
        added: PageRange,
    },
    /// The pages of one mapping go somewhere else.
    Move(Move),
}

/// The move of a mapping, or of a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Move {
    /// Within one mapping; empty for a duplicate, whose start then says what is duplicated.
    pub(crate) source: PageRange,
    /// At least as long as the source.
    pub(crate) target: PageRange,
    /// What becomes of the source.
    pub(crate) source_afterwards: Source,
}

/// What becomes of the source of a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// It is unmapped.
    Gone,
    /// It stays mapped, without its pages (`MREMAP_DONTUNMAP`), or is not touched at all (an old length of zero).
    Kept,
}

impl Plan {
    const fn new(clear: Option<PageRange>, cut: Option<PageRange>, last: Result<Last, Refusal>) -> Self {
        Self { clear, cut, last }
    }

    const fn only(last: Result<Last, Refusal>) -> Self {
        Self::new(None, None, last)
    }

    /// What makes room for pages that come in its place: the two go and come with one flush.
    pub(crate) fn moves_onto(&self) -> Option<PageRange> {
        match self.last {
            Ok(Last::Move(_)) => self.clear,
            _ => None,
        }
    }
}

/// The check that Linux makes before it looks at any mapping: that whatever the call cuts leaves no mapping too many.
///
/// # Errors
/// `ENOMEM`.
pub(crate) fn check_map_count(view: &View<'_>, request: &Request) -> Result<(), Errno> {
    let spare = if request.flags.contains(RemapFlags::DONTUNMAP) {
        5
    } else {
        4
    };
    if view.tree.len() + spare > view.limits.max_map_count {
        Err(Errno::ENOMEM)
    } else {
        Ok(())
    }
}

/// Plans a call, or a slice of one, that concerns `vma`, the mapping that holds its old address.
///
/// # Errors
/// What Linux finds before it changes anything.
pub(crate) fn plan(view: &View<'_>, request: &Request, vma: &Vma) -> Result<Plan, Errno> {
    check_mapping(view, request, vma)?;
    if request.flags.implies_new_address() {
        plan_to(view, request, vma)
    } else {
        plan_at(view, request, vma)
    }
}

/// What one mapping allows: lines 12 to 16 of the order of checks in docs/mremap.md.
fn check_mapping(view: &View<'_>, request: &Request, vma: &Vma) -> Result<(), Errno> {
    let Request {
        old_len,
        new_len,
        flags,
        ..
    } = *request;
    if vma.flags.contains(VmaFlags::SEALED) {
        return Err(Errno::EPERM);
    }
    if new_len <= old_len && !flags.implies_new_address() {
        return Ok(());
    }
    if old_len == 0 && !vma.flags.intersects(VmaFlags::SHARED | VmaFlags::MAYSHARE) {
        return Err(Errno::EINVAL);
    }
    if flags.contains(RemapFlags::DONTUNMAP) && vma.refuses_dontunmap() {
        return Err(Errno::EINVAL);
    }
    let kept = old_len.min(new_len);
    if kept > vma.end() - request.old {
        return Err(Errno::EFAULT);
    }
    if new_len > old_len {
        check_growth(view, request, vma)
    } else {
        Ok(())
    }
}

/// Whether the mapping may become longer: lines 15 and 16 there.
fn check_growth(view: &View<'_>, request: &Request, vma: &Vma) -> Result<(), Errno> {
    let delta = (request.new_len - request.old_len) >> PAGE_SHIFT;
    let offset = page_offset_at(vma, request.old);
    if offset.checked_add(request.new_len >> PAGE_SHIFT).is_none() {
        return Err(Errno::EINVAL);
    }
    if vma.flags.intersects(VmaFlags::DONTEXPAND | VmaFlags::PFNMAP) {
        return Err(Errno::EFAULT);
    }
    if vma.flags.contains(VmaFlags::LOCKED) && !view.may_lock(delta) {
        return Err(Errno::EAGAIN);
    }
    if !view.may_expand(vma.prot, vma.flags, delta, Freed::default()) {
        return Err(Errno::ENOMEM);
    }
    Ok(())
}

/// Linux's `mremap_at`: no address was given.
fn plan_at(view: &View<'_>, request: &Request, vma: &Vma) -> Result<Plan, Errno> {
    let Request {
        old,
        old_len,
        new_len,
        ..
    } = *request;
    if new_len == old_len {
        return Ok(Plan::only(Ok(Last::Stay(old))));
    }
    if new_len < old_len {
        return Ok(match tail(view, request) {
            Ok(tail) => Plan::new(None, Some(tail), Ok(Last::Stay(old))),
            Err(refusal) => Plan::only(Err(refusal)),
        });
    }
    if vma.end() - old == old_len
        && let Some(added) = free_behind(view, vma, new_len - old_len)
    {
        check_commit(view, vma, new_len - old_len, [None; 2])?;
        return Ok(Plan::only(Ok(Last::Grow { answer: old, added })));
    }
    if !request.flags.contains(RemapFlags::MAYMOVE) {
        return Err(Errno::ENOMEM);
    }
    let target = place(view, request, vma, Wish::Hint(0))?;
    let step = plan_move(view, request, vma, target, [None; 2]);
    Ok(Plan::only(step.map(Last::Move)))
}

/// Linux's `mremap_to`: an address was given, as an order or as a hint.
fn plan_to(view: &View<'_>, request: &Request, vma: &Vma) -> Result<Plan, Errno> {
    let clear = match what_to_clear(view, request) {
        Ok(clear) => clear,
        Err(refusal) => return Ok(Plan::only(Err(refusal))),
    };
    let cut = if request.new_len < request.old_len {
        match tail(view, request) {
            Ok(tail) => Some(tail),
            Err(refusal) => return Ok(Plan::new(clear, None, Err(refusal))),
        }
    } else {
        None
    };
    let last = plan_last_of_to(view, request, vma, clear, cut);
    Ok(Plan::new(clear, cut, last))
}

/// What is in the way of a call that names its target; `None` where nothing is, or the target is a mere hint.
fn what_to_clear(view: &View<'_>, request: &Request) -> Result<Option<PageRange>, Refusal> {
    if !request.flags.contains(RemapFlags::FIXED) {
        return Ok(None);
    }
    let target = PageRange::from_len(request.new, request.new_len).ok_or(Errno::EINVAL)?;
    if view.tree.is_free(target) {
        return Ok(None);
    }
    view.check_unmap(target)?;
    if target.contains(request.old) {
        // A source of no length, or of one that wraps, so that the two seemed not to overlap. Linux unmaps the mapping, then does not
        // find it, and the data is gone. Here the answer is the same, and nothing is lost.
        return Err(Errno::EFAULT.into());
    }
    Ok(Some(target))
}

/// The last step of a call that names an address, as it will be once the target is cleared and the tail cut.
fn plan_last_of_to(
    view: &View<'_>,
    request: &Request,
    vma: &Vma,
    clear: Option<PageRange>,
    cut: Option<PageRange>,
) -> Result<Last, Refusal> {
    if request.flags.contains(RemapFlags::DONTUNMAP) {
        let freed = clear.map(|clear| view.freed_by(clear)).unwrap_or_default();
        if !view.may_expand(vma.prot, vma.flags, request.new_len >> PAGE_SHIFT, freed) {
            return Err(Errno::ENOMEM.into());
        }
    }
    let wish = match request.flags.contains(RemapFlags::FIXED) {
        true => Wish::Fixed(request.new.get()),
        false => Wish::Hint(request.new.get()),
    };
    let target = place(view, request, vma, wish)?;
    plan_move(view, request, vma, target, [clear, cut]).map(Last::Move)
}

/// The checks of Linux's `move_vma`, and the move. `gone` are the target and the tail, which are unmapped when it begins.
fn plan_move(
    view: &View<'_>,
    request: &Request,
    vma: &Vma,
    target: PageRange,
    gone: [Option<PageRange>; 2],
) -> Result<Move, Refusal> {
    let keeps = request.flags.contains(RemapFlags::DONTUNMAP);
    let kept = request.old_len.min(request.new_len);
    let source = PageRange::from_len(request.old, kept).ok_or(Errno::EFAULT)?;
    let splits_first = keeps && vma.flags.contains(VmaFlags::LOCKED);
    let mappings = gone[0].map_or(view.tree.len(), |clear| mappings_without(view, clear));
    if mappings + if splits_first { 3 } else { 2 } > view.limits.max_map_count {
        return Err(Errno::ENOMEM.into());
    }
    if is_whole(vma) && source != vma.range {
        return Err(Errno::EINVAL.into());
    }
    let charge = if keeps {
        request.new_len
    } else {
        request.new_len - kept
    };
    check_commit(view, vma, charge, gone).map_err(|errno| match splits_first {
        true => Refusal::behind_cuts(errno, source),
        false => errno.into(),
    })?;
    let source_afterwards = if keeps || source.is_empty() {
        Source::Kept
    } else {
        Source::Gone
    };
    Ok(Move {
        source,
        target,
        source_afterwards,
    })
}

/// What a shrink cuts off.
fn tail(view: &View<'_>, request: &Request) -> Result<PageRange, Refusal> {
    let start = request.old.checked_add(request.new_len).ok_or(Errno::EINVAL)?;
    let tail = PageRange::from_len(start, request.old_len - request.new_len).ok_or(Errno::EINVAL)?;
    view.check_unmap(tail)?;
    Ok(tail)
}

/// The `bytes` behind a mapping, if they are free (Linux's `vma_expandable`).
fn free_behind(view: &View<'_>, vma: &Vma, bytes: u64) -> Option<PageRange> {
    let added = PageRange::from_len(vma.end(), bytes)?;
    let whole = vma.range.len() + bytes;
    let placed = view.place(Placement {
        wish: Wish::Fixed(vma.start().get()),
        len: whole,
        huge: Huge::Never,
    });
    (view.tree.is_free(added) && placed.is_ok()).then_some(added)
}

/// Where the mapping goes.
fn place(view: &View<'_>, request: &Request, vma: &Vma, wish: Wish) -> Result<PageRange, Errno> {
    view.place(Placement {
        wish,
        len: request.new_len,
        huge: Huge::of(vma, request.old),
    })
}

fn check_commit(view: &View<'_>, vma: &Vma, bytes: u64, gone: [Option<PageRange>; 2]) -> Result<(), Errno> {
    let counts = vma.flags.contains(VmaFlags::ACCOUNT);
    if counts && !view.may_commit_without(bytes >> PAGE_SHIFT, gone) {
        Err(Errno::ENOMEM)
    } else {
        Ok(())
    }
}

/// How many mappings there will be once `range` is unmapped.
fn mappings_without(view: &View<'_>, range: PageRange) -> u64 {
    view.tree.iter(range).fold(view.tree.len(), |count, vma| {
        let (head, tail) = (vma.start() < range.start(), vma.end() > range.end());
        count + u64::from(head) + u64::from(tail) - 1
    })
}

/// Linux's `linear_page_index`.
fn page_offset_at(vma: &Vma, addr: VirtAddr) -> u64 {
    vma.page_offset().wrapping_add((addr - vma.start()) >> PAGE_SHIFT)
}

/// The slices of a call that only moves: what of each mapping lies in its source, and where that goes.
///
/// Each is a [`Request`] of its own, planned and done before the next one is asked for, and names a part of exactly one
/// mapping. The distances between them are kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slices {
    pub(super) request: Request,
    pub(super) end: VirtAddr,
    /// Where the next slice is looked for.
    pub(super) at: VirtAddr,
    /// The first one is yet to come.
    first: bool,
}

impl Slices {
    pub(crate) fn new(request: Request) -> Self {
        let end = request.old.get().wrapping_add(request.old_len).min(TASK_SIZE);
        Self {
            request,
            end: VirtAddr::new(end),
            at: request.old,
            first: true,
        }
    }

    /// The next slice and its mapping, or `None` after the last.
    ///
    /// # Errors
    /// `EFAULT` for a gap at the start, and for a mapping that does not move together with others.
    pub(crate) fn next(&mut self, view: &View<'_>) -> Result<Option<(Request, Vma)>, Errno> {
        if self.at >= self.end {
            return if self.first { Err(Errno::EFAULT) } else { Ok(None) };
        }
        let Some(vma) = view
            .tree
            .find_or_next(self.at)
            .filter(|vma| vma.start() < self.end)
        else {
            return if self.first { Err(Errno::EFAULT) } else { Ok(None) };
        };
        let alone = self.first && vma.end() >= self.end;
        if (self.first && vma.start() > self.at) || (vma.refuses_multi_move() && !alone) {
            return Err(Errno::EFAULT);
        }
        let start = vma.start().max(self.at);
        let len = vma.end().min(self.end) - start;
        let new = self.request.new + (start - self.request.old);
        self.first = false;
        self.at = vma.end();
        let slice = Request {
            old: start,
            old_len: len,
            new_len: len,
            new,
            ..self.request
        };
        Ok(Some((slice, vma)))
    }
}

/// The most mappings that one plan adds: a hole cut for the target, one for the tail, one at the source, the mapping itself,
/// and the two cuts that unlock a source that stays.
pub(crate) const MAPPINGS_PER_PLAN: usize = 6;
