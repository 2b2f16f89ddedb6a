//! `madvise`: advice that changes a mapping's flags, and advice that does something to its pages.
//!
//! The order of the checks is that of Linux 7.3 (`mm/madvise.c`): the advice, the range, then mapping by mapping. What was done
//! before an error stays done, and a hole does not stop the call: it goes on behind it and answers `ENOMEM` at the end.

mod check;
mod collapse;
mod free;
mod guard;
mod populate;
mod remove;

use super::AddressSpace;
use super::limits::Capabilities;
use crate::fault::Access;
use crate::machine::Machine;
use crate::remap::untagged;
use crate::vma::{Vma, VmaFlags};
use crate::{Errno, PAGE_SIZE, PageRange, TASK_SIZE, VirtAddr};
use linux_raw_sys::general as linux;

/// A `madvise(2)` under way: its decoded arguments, and what is still to be done.
#[derive(Clone, Copy, Debug)]
pub struct AdviceRequest {
    advice: Advice,
    /// What is left of the range as far as that lies in the address space; `None` for nothing.
    rest: Option<PageRange>,
    /// Whether the range goes on beyond the end of the address space, where nothing is mapped.
    leaves_space: bool,
}

/// What a piece of advice comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Advice {
    /// The flags change: these go, those come.
    Flags { clear: VmaFlags, set: VmaFlags },
    /// The pages go (`MADV_DONTNEED`, `MADV_DONTNEED_LOCKED`).
    Drop { also_locked: bool },
    /// The pages may go whenever memory is short (`MADV_FREE`).
    Free,
    /// The pages go, and those of the object with them (`MADV_REMOVE`).
    Remove,
    /// The pages are expected to be used soon, which is all the same where nothing is ever paged out.
    Nothing,
    /// As `Nothing`, but not for locked memory (`MADV_COLD`).
    Cold,
    /// Memory is short here (`MADV_PAGEOUT`), which is all the same to pages that were not given back.
    PageOut,
    /// Faults in advance, as if by this access.
    Populate(Access),
    /// Accesses are to fail from now on (`MADV_GUARD_INSTALL`).
    Guard,
    /// Accesses may work again (`MADV_GUARD_REMOVE`).
    Unguard,
    /// Pages are to become blocks (`MADV_COLLAPSE`).
    Collapse,
    /// A memory error is to be feigned (`MADV_HWPOISON`, `MADV_SOFT_OFFLINE`).
    Poison,
}

impl AdviceRequest {
    /// Decodes the arguments of `madvise(2)`.
    ///
    /// # Errors
    /// `EINVAL` for advice that is unknown or that this kernel does not follow, for an address that is not page-aligned, and for
    /// a range that wraps around.
    pub fn decode(addr: u64, len: u64, advice: u64) -> Result<Self, Errno> {
        let advice = Advice::decode(advice)?;
        let rounded = super::round_up_to_page(len);
        let wraps = (len != 0 && rounded == 0) || addr.checked_add(rounded).is_none();
        if !addr.is_multiple_of(PAGE_SIZE) || wraps {
            return Err(Errno::EINVAL);
        }
        let start = untagged(addr);
        let end = start.saturating_add(rounded);
        let inside = PageRange::new(VirtAddr::new(start), VirtAddr::new(end.min(TASK_SIZE)));
        Ok(Self {
            advice,
            rest: inside.filter(|range| !range.is_empty()),
            leaves_space: rounded != 0 && end > TASK_SIZE,
        })
    }
}

impl Advice {
    fn decode(advice: u64) -> Result<Self, Errno> {
        use VmaFlags as F;
        let flags = |clear, set| Ok(Self::Flags { clear, set });
        // An int in the C prototype: the upper half of the register is junk.
        match advice as u32 {
            linux::MADV_NORMAL => flags(F::RAND_READ | F::SEQ_READ, F::empty()),
            linux::MADV_RANDOM => flags(F::SEQ_READ, F::RAND_READ),
            linux::MADV_SEQUENTIAL => flags(F::RAND_READ, F::SEQ_READ),
            linux::MADV_DONTFORK => flags(F::empty(), F::DONTFORK),
            linux::MADV_DOFORK => flags(F::DONTFORK, F::empty()),
            linux::MADV_WIPEONFORK => flags(F::empty(), F::WIPEONFORK),
            linux::MADV_KEEPONFORK => flags(F::WIPEONFORK, F::empty()),
            linux::MADV_DONTDUMP => flags(F::empty(), F::DONTDUMP),
            linux::MADV_DODUMP => flags(F::DONTDUMP, F::empty()),
            linux::MADV_HUGEPAGE => flags(F::NOHUGEPAGE, F::HUGEPAGE),
            linux::MADV_NOHUGEPAGE => flags(F::HUGEPAGE, F::NOHUGEPAGE),
            linux::MADV_WILLNEED => Ok(Self::Nothing),
            linux::MADV_COLD => Ok(Self::Cold),
            linux::MADV_PAGEOUT => Ok(Self::PageOut),
            linux::MADV_DONTNEED => Ok(Self::Drop { also_locked: false }),
            linux::MADV_DONTNEED_LOCKED => Ok(Self::Drop { also_locked: true }),
            linux::MADV_FREE => Ok(Self::Free),
            linux::MADV_REMOVE => Ok(Self::Remove),
            linux::MADV_POPULATE_READ => Ok(Self::Populate(Access::Read)),
            linux::MADV_POPULATE_WRITE => Ok(Self::Populate(Access::Write)),
            linux::MADV_GUARD_INSTALL => Ok(Self::Guard),
            linux::MADV_GUARD_REMOVE => Ok(Self::Unguard),
            linux::MADV_COLLAPSE => Ok(Self::Collapse),
            linux::MADV_HWPOISON | linux::MADV_SOFT_OFFLINE => Ok(Self::Poison),
            _ => Err(Errno::EINVAL),
        }
    }
}

impl<M: Machine> AddressSpace<M> {
    /// Follows `request` to its end, or for a stretch of it; answers whether that was the end.
    pub(super) fn advise_stretch(&mut self, request: &mut AdviceRequest) -> Result<bool, Errno> {
        let is_empty = request.rest.is_none() && !request.leaves_space;
        if matches!(request.advice, Advice::Poison) && !is_empty {
            // Who may do it is asked before what lies there. This kernel has no memory errors to feign, and answers as one without
            // CONFIG_MEMORY_FAILURE.
            let may = self.limits.capabilities.contains(Capabilities::SYS_ADMIN);
            return Err(if may { Errno::EINVAL } else { Errno::EPERM });
        }
        let Some(range) = request.rest.take() else {
            return if is_empty { Ok(true) } else { Err(Errno::ENOMEM) };
        };
        match request.advice {
            Advice::Populate(access) => {
                request.rest = self.populate_stretch(range, access)?;
                let done = request.rest.is_none();
                if done && request.leaves_space {
                    Err(Errno::ENOMEM)
                } else {
                    Ok(done)
                }
            }
            advice => self
                .advise_range(range, request.leaves_space, advice)
                .map(|()| true),
        }
    }

    /// Follows advice mapping by mapping; `holes` says that there is one already.
    fn advise_range(&mut self, range: PageRange, mut holes: bool, advice: Advice) -> Result<(), Errno> {
        if let Advice::Flags { .. } = advice {
            // The first and the last mapping may each be cut once.
            self.tree.reserve(2).map_err(|_| Errno::EAGAIN)?;
        }
        if let Advice::Guard = advice {
            self.reserve_guards(range)?;
        }
        let mut at = range.start();
        while at < range.end() {
            let next = self.tree.find_or_next(at).filter(|vma| vma.start() < range.end());
            let Some(vma) = next else {
                return Err(Errno::ENOMEM);
            };
            holes |= vma.start() > at;
            let part = vma.range.intersection(range).ok_or(Errno::ENOMEM)?;
            self.advise_part(&vma, part, advice)?;
            at = part.end();
        }
        // Linux goes on behind a hole, and says so at the end.
        if holes { Err(Errno::ENOMEM) } else { Ok(()) }
    }

    fn advise_part(&mut self, vma: &Vma, part: PageRange, advice: Advice) -> Result<(), Errno> {
        advice.check(vma)?;
        match advice {
            Advice::Flags { clear, set } => return self.advise_flags(vma, part, (vma.flags - clear) | set),
            Advice::Drop { .. } => self.drop_pages(vma, part),
            Advice::Free => self.free_lazily(part),
            Advice::PageOut => {
                self.reclaim_in(vma, part);
            }
            Advice::Remove => return self.remove_pages(vma, part),
            Advice::Guard => return self.install_guards(vma, part),
            Advice::Unguard => self.remove_guards(part),
            Advice::Collapse => return self.collapse(vma, part),
            Advice::Nothing | Advice::Cold | Advice::Populate(_) | Advice::Poison => {}
        }
        Ok(())
    }

    /// Gives a part of a mapping other flags. What is short is the kernel's own memory or its room for mappings: the answer is
    /// `EAGAIN` where other calls say `ENOMEM`.
    fn advise_flags(&mut self, vma: &Vma, part: PageRange, flags: VmaFlags) -> Result<(), Errno> {
        if flags == vma.flags {
            return Ok(());
        }
        let modified = self.modify(vma, part, |vma| vma.flags = flags);
        modified.map_err(|errno| match errno {
            Errno::ENOMEM => Errno::EAGAIN,
            other => other,
        })
    }
}
