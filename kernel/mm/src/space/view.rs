//! What a plan may look at: the mappings and the limits, and Linux's questions about them. Nothing here changes anything.

use super::Refusal;
use super::limits::{Capabilities, Layout, Limits, OvercommitPolicy};
use crate::vma::{Prot, Vma, VmaFlags, VmaTree};
use crate::{Errno, PAGE_SHIFT, PageRange};

/// An address space without its page tables and objects.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) tree: &'a VmaTree,
    pub(crate) limits: &'a Limits,
    pub(crate) layout: &'a Layout,
    /// Pages of shared memory that count towards the commit limit, beside those of accounted mappings.
    pub(crate) charged: u64,
}

impl View<'_> {
    /// Whether `pages` more, mapped as `prot` and `flags` say, stay within `RLIMIT_AS` and `RLIMIT_DATA` once `freed` is
    /// gone (Linux's `may_expand_vm`).
    pub(crate) fn may_expand(&self, prot: Prot, flags: VmaFlags, pages: u64, freed: Freed) -> bool {
        let totals = self.tree.totals();
        let total = (totals.bytes >> PAGE_SHIFT) - freed.total + pages;
        let data = (totals.data >> PAGE_SHIFT) - freed.data + pages;
        let counts_as_data =
            prot.contains(Prot::WRITE) && !flags.intersects(VmaFlags::SHARED | VmaFlags::GROWSDOWN);
        let data_limit = match self.limits.data {
            0 => self.limits.data_hard,
            soft => soft,
        };
        total <= self.limits.address_space >> PAGE_SHIFT
            && (!counts_as_data || data <= data_limit >> PAGE_SHIFT)
    }

    /// Whether a program may have `pages` more that count towards the commit limit (Linux's `__vm_enough_memory`).
    #[inline]
    pub(crate) fn may_commit(&self, pages: u64) -> bool {
        self.may_commit_without(pages, [None; 2])
    }

    /// As [`View::may_commit`], once what is mapped in `gone` is unmapped.
    #[inline]
    pub(crate) fn may_commit_without(&self, pages: u64, gone: [Option<PageRange>; 2]) -> bool {
        match self.limits.overcommit.policy {
            OvercommitPolicy::Guess => pages <= self.limits.memory_pages,
            OvercommitPolicy::Always => true,
            OvercommitPolicy::Never => self.fits_commit_limit(pages, gone),
        }
    }

    /// Whether all that counts, with `pages` more and without what is in `gone`, stays below the commit limit and the reserves.
    #[cold]
    fn fits_commit_limit(&self, pages: u64, gone: [Option<PageRange>; 2]) -> bool {
        let totals = self.tree.totals();
        let (mut mapped, mut committed) = (
            totals.bytes >> PAGE_SHIFT,
            self.charged + (totals.accounted >> PAGE_SHIFT),
        );
        for freed in gone.into_iter().flatten().map(|range| self.freed_by(range)) {
            mapped -= freed.total;
            committed -= freed.accounted;
        }
        let overcommit = &self.limits.overcommit;
        let for_root = match self.has(Capabilities::SYS_ADMIN) {
            true => 0,
            false => overcommit.admin_reserve,
        };
        let for_others = (mapped / 32).min(overcommit.user_reserve);
        let allowed = overcommit
            .limit
            .saturating_sub(for_root)
            .saturating_sub(for_others);
        committed.saturating_add(pages) < allowed
    }

    /// Whether the program has a capability.
    pub(crate) fn has(&self, capability: Capabilities) -> bool {
        self.limits.capabilities.contains(capability)
    }

    /// Whether `range` may be unmapped (Linux's `vms_gather_munmap_vmas`).
    ///
    /// # Errors
    /// `ENOMEM` where a hole would make one mapping too many, `EPERM` for a sealed mapping, `EINVAL` for part of the vdso. Where it
    /// is not the first mapping that refuses, the first was cut.
    pub(crate) fn check_unmap(&self, range: PageRange) -> Result<(), Refusal> {
        let Some(first) = self.tree.find_or_next(range.start()) else {
            return Ok(());
        };
        if first.start() >= range.end() {
            return Ok(());
        }
        let hole = first.start() < range.start() && first.end() > range.end();
        if hole && self.tree.len() >= self.limits.max_map_count {
            return Err(Errno::ENOMEM.into());
        }
        check_unmap_one(&first, range)?;
        // Mostly there is one mapping, and that was it.
        match PageRange::new(first.end(), range.end()) {
            Some(rest) if !rest.is_empty() => self
                .check_unmap_rest(rest, range)
                .map_err(|errno| Refusal::behind_cut(errno, range.start())),
            _ => Ok(()),
        }
    }

    /// The same of the mappings in `rest`. The tree knows of many at once that none refuses.
    fn check_unmap_rest(&self, rest: PageRange, range: PageRange) -> Result<(), Errno> {
        const FEW: usize = 8;
        for (count, vma) in self.tree.iter(rest).enumerate() {
            if count == FEW {
                let run = self.tree.run(rest);
                if run.sealed == 0 && run.told == 0 {
                    return Ok(());
                }
            }
            check_unmap_one(&vma, range)?;
        }
        Ok(())
    }

    /// Whether a page of `range` is not mapped.
    pub(super) fn has_hole(&self, range: PageRange) -> bool {
        let mut mapped_to = range.start();
        for vma in self.tree.iter(range) {
            if vma.start() > mapped_to {
                return true;
            }
            mapped_to = vma.end();
        }
        mapped_to < range.end()
    }

    /// What unmapping `range` would give back.
    pub(crate) fn freed_by(&self, range: PageRange) -> Freed {
        let mut freed = Freed::default();
        for vma in self.tree.iter(range) {
            let pages = vma.range.intersection(range).map_or(0, PageRange::pages);
            freed.total += pages;
            freed.data += if vma.is_data() { pages } else { 0 };
            freed.accounted += if vma.flags.contains(VmaFlags::ACCOUNT) {
                pages
            } else {
                0
            };
        }
        freed
    }
}

/// Pages that an unmapping gives back before the mapping that it makes room for is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Freed {
    /// Of all mappings.
    pub(crate) total: u64,
    /// Of those that count for `RLIMIT_DATA`.
    pub(crate) data: u64,
    /// Of those that count towards the commit limit.
    pub(crate) accounted: u64,
}

fn check_unmap_one(vma: &Vma, range: PageRange) -> Result<(), Errno> {
    if vma.flags.contains(VmaFlags::SEALED) {
        return Err(Errno::EPERM);
    }
    if is_whole(vma) && !range.covers(vma.range) {
        Err(Errno::EINVAL)
    } else {
        Ok(())
    }
}

/// Whether nothing may cut the mapping in two (Linux's `vm_ops->may_split` of the vdso).
pub(crate) fn is_whole(vma: &Vma) -> bool {
    vma.tells_object()
}
