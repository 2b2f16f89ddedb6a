//! Changing the flags or the protection of a part of one mapping, which may cut it, and what is left of a cut made in vain.

use super::AddressSpace;
use super::view::{View, is_whole};
use crate::machine::Machine;
use crate::vma::{Vma, merge};
use crate::{Errno, PageRange, VirtAddr};

/// Why something cannot be done, and where mappings were already cut when Linux found out. The cuts stay: programs see them in
/// `/proc/self/maps`, and they count for `vm.max_map_count`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) errno: Errno,
    /// Where; an address at which no mapping is cut, such as its start, means nothing.
    pub(crate) cuts: [Option<VirtAddr>; 2],
}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Self {
        Self {
            errno,
            cuts: [None; 2],
        }
    }
}

impl Refusal {
    /// One that comes after the mapping around `cut` was cut there.
    pub(crate) const fn behind_cut(errno: Errno, cut: VirtAddr) -> Self {
        Self {
            errno,
            cuts: [Some(cut), None],
        }
    }

    /// One that comes after the mappings at both ends of `range` were cut.
    pub(crate) const fn behind_cuts(errno: Errno, range: PageRange) -> Self {
        Self {
            errno,
            cuts: [Some(range.start()), Some(range.end())],
        }
    }
}

impl<M: Machine> AddressSpace<M> {
    /// Changes `part` of `vma` as `change` says, and merges it with a neighbour that it has become equal to (Linux's
    /// `vma_modify`). Room for two more mappings is reserved.
    ///
    /// # Errors
    /// `ENOMEM` at the limit of mappings, `EINVAL` for part of the vdso.
    pub(super) fn modify(
        &mut self,
        vma: &Vma,
        part: PageRange,
        change: impl Fn(&mut Vma),
    ) -> Result<(), Errno> {
        let mut changed = *vma;
        change(&mut changed);
        check_modify(&self.view(), vma, part, changed).map_err(|refusal| self.refuse(refusal))?;
        self.cut_blocks(part);
        self.tree.modify(part, change);
        Ok(())
    }

    /// Makes the cuts that a refusal leaves behind, for which room is reserved, and answers its errno.
    pub(crate) fn refuse(&mut self, refusal: Refusal) -> Errno {
        for cut in refusal.cuts.into_iter().flatten() {
            self.cut_block(cut);
            self.tree.split(cut);
        }
        refusal.errno
    }
}

/// Whether the part can be cut off where that is needed: `changed` is the whole mapping as the part will be.
fn check_modify(view: &View<'_>, vma: &Vma, part: PageRange, changed: Vma) -> Result<(), Refusal> {
    let (left, right) = (part.start() == vma.start(), part.end() == vma.end());
    if left && right || (left || right) && joins(view, vma, part, changed) {
        return Ok(());
    }
    let spare = view.limits.max_map_count.saturating_sub(view.tree.len());
    if spare == 0 {
        return Err(Errno::ENOMEM.into());
    }
    if is_whole(vma) {
        return Err(Errno::EINVAL.into());
    }
    if spare == 1 && !left && !right {
        return Err(Refusal::behind_cut(Errno::ENOMEM, part.start()));
    }
    Ok(())
}

/// Whether a part at one end of a mapping joins the neighbour there, so that only a border moves.
fn joins(view: &View<'_>, vma: &Vma, part: PageRange, changed: Vma) -> bool {
    let left = part.start() == vma.start();
    let prev = if left {
        view.tree.around(vma.start()).0
    } else {
        None
    };
    let next = if left {
        None
    } else {
        view.tree.find_or_next(vma.end())
    };
    let changed = changed.with_range(part);
    let sides = merge::sides(prev.as_ref(), &changed, next.as_ref(), merge::Origin::Usual);
    sides.prev || sides.next
}
