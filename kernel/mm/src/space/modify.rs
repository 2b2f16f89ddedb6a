//! Changing the flags or the protection of a part of one mapping, which may cut it, and what is left of a cut made in vain.

use super::AddressSpace;
use super::view::{View, is_whole};
use crate::machine::Machine;
use crate::vma::merge::Sides;
use crate::vma::{Place, Vma};
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
    /// Changes `part` of `vma` as `change` says, and merges it with a neighbour that it has become equal to. Room for two more
    /// mappings is reserved.
    ///
    /// # Errors
    /// As for [`AddressSpace::modify_at`].
    pub(super) fn modify(
        &mut self,
        vma: &Vma,
        part: PageRange,
        change: impl FnOnce(&mut Vma),
    ) -> Result<(), Errno> {
        let mut part = vma.with_range(part);
        change(&mut part);
        let mut place = Place::NOWHERE;
        let found = self.tree.seek(vma.start(), &mut place);
        debug_assert!(found && self.tree.vma_at(&place) == *vma);
        self.modify_at(&place, vma, &part)
    }

    /// Changes a part of `vma`, which is at `place`, to `part`, and merges it with a neighbour that it has become equal to (Linux's
    /// `vma_modify`). Room for two more mappings is reserved.
    ///
    /// # Errors
    /// `ENOMEM` at the limit of mappings, `EINVAL` for part of the vdso.
    #[inline(always)]
    pub(super) fn modify_at(&mut self, place: &Place, vma: &Vma, part: &Vma) -> Result<(), Errno> {
        let beside = self.tree.beside(place, vma, part);
        let sides = beside.sides_of(part);
        check_modify(&self.view(), vma, part.range, sides).map_err(|refusal| self.refuse(refusal))?;
        self.cut_blocks(part.range);
        self.tree.modify_at(place, vma, part, &beside, sides);
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

/// Whether the part can be cut off where that is needed, if it merges with the neighbours on `sides`.
#[inline]
fn check_modify(view: &View<'_>, vma: &Vma, part: PageRange, sides: Sides) -> Result<(), Refusal> {
    let (left, right) = (part.start() == vma.start(), part.end() == vma.end());
    // Where it joins the neighbour at one end, only a border moves.
    if left && right || sides.prev || sides.next {
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
