//! `madvise`: advice that changes a mapping's flags, and advice that does something to its pages.

use super::AddressSpace;
use super::protect::check_split;
use crate::fault::{Access, FaultError};
use crate::machine::Machine;
use crate::remap::untagged;
use crate::vma::{Backing, Prot, Vma, VmaFlags};
use crate::{Errno, PAGE_SIZE, PageRange, TASK_SIZE, VirtAddr};
use linux_raw_sys::general as linux;

/// What a piece of advice comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Advice {
    /// The flags change: these go, those come.
    Flags { clear: VmaFlags, set: VmaFlags },
    /// The pages go (`MADV_DONTNEED`, `MADV_DONTNEED_LOCKED`).
    Drop { also_locked: bool },
    /// The pages may go whenever memory is short (`MADV_FREE`); here they go at once.
    Free,
    /// The pages are expected, or not, to be used soon, which is all the same where nothing is ever paged out.
    Nothing,
    /// As `Nothing`, but not for locked memory (`MADV_COLD`, `MADV_PAGEOUT`).
    PageOut,
    /// Faults in advance, as if by this access.
    Populate(Access),
}

impl Advice {
    /// # Errors
    /// `EINVAL` for advice that is unknown, or that this kernel does not follow.
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
            linux::MADV_COLD | linux::MADV_PAGEOUT => Ok(Self::PageOut),
            linux::MADV_DONTNEED => Ok(Self::Drop { also_locked: false }),
            linux::MADV_DONTNEED_LOCKED => Ok(Self::Drop { also_locked: true }),
            linux::MADV_FREE => Ok(Self::Free),
            linux::MADV_POPULATE_READ => Ok(Self::Populate(Access::Read)),
            linux::MADV_POPULATE_WRITE => Ok(Self::Populate(Access::Write)),
            _ => Err(Errno::EINVAL),
        }
    }

    /// Whether a mapping can take the advice.
    ///
    /// # Errors
    /// `EINVAL`; `EPERM` where pages of a sealed mapping would be lost that the program could not clear itself.
    fn check(self, vma: &Vma) -> Result<(), Errno> {
        let file = !matches!(vma.backing, Backing::Anonymous);
        let locked = vma.flags.contains(VmaFlags::LOCKED);
        let refused = match self {
            Self::Drop { also_locked } => vma.flags.contains(VmaFlags::PFNMAP) || (locked && !also_locked),
            Self::Free => locked || file,
            Self::PageOut => locked || vma.flags.contains(VmaFlags::PFNMAP),
            Self::Flags {
                set: VmaFlags::WIPEONFORK,
                ..
            } => file || vma.flags.contains(VmaFlags::SHARED),
            Self::Flags {
                clear: VmaFlags::WIPEONFORK,
                ..
            } => vma.flags.contains(VmaFlags::DROPPABLE),
            Self::Flags {
                clear: VmaFlags::DONTFORK,
                ..
            } => vma.flags.contains(VmaFlags::IO),
            Self::Flags {
                clear: VmaFlags::DONTDUMP,
                ..
            } => vma.flags.intersects(VmaFlags::SPECIAL | VmaFlags::DROPPABLE),
            Self::Flags { .. } | Self::Nothing | Self::Populate(_) => false,
        };
        if self.loses_pages()
            && vma.flags.contains(VmaFlags::SEALED)
            && !file
            && !vma.prot.contains(Prot::WRITE)
        {
            return Err(Errno::EPERM);
        }
        if refused { Err(Errno::EINVAL) } else { Ok(()) }
    }

    fn loses_pages(self) -> bool {
        match self {
            Self::Drop { .. } | Self::Free => true,
            Self::Flags { set, .. } => set.intersects(VmaFlags::DONTFORK | VmaFlags::WIPEONFORK),
            Self::Nothing | Self::PageOut | Self::Populate(_) => false,
        }
    }
}

impl<M: Machine> AddressSpace<M> {
    pub(super) fn advise(&mut self, addr: u64, len: u64, advice: u64) -> Result<(), Errno> {
        let advice = Advice::decode(advice)?;
        let Some((range, leaves_space)) = decode_range(addr, len)? else {
            return Ok(());
        };
        if let Advice::Populate(access) = advice {
            return self.populate_advised(range, access);
        }
        // The first and the last mapping may each be cut once.
        self.tree.reserve(2)?;
        let mut holes = leaves_space;
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
            Advice::Flags { clear, set } => {
                let flags = (vma.flags - clear) | set;
                if flags != vma.flags {
                    check_split(&self.view(), vma, part, Vma { flags, ..*vma })?;
                    self.tree.modify(part, |vma| vma.flags = flags);
                }
            }
            Advice::Drop { .. } | Advice::Free => self.clear_pages(part),
            Advice::Nothing | Advice::PageOut | Advice::Populate(_) => {}
        }
        Ok(())
    }

    /// `MADV_POPULATE_READ` and `MADV_POPULATE_WRITE`: faults, and says what went wrong.
    fn populate_advised(&mut self, range: PageRange, access: Access) -> Result<(), Errno> {
        let mut at = range.start();
        while at < range.end() {
            let vma = self.tree.find(at).ok_or(Errno::ENOMEM)?;
            let part = vma.range.intersection(range).ok_or(Errno::ENOMEM)?;
            // A read would bring in memory that may only be written; this call says that it may not be read.
            if access == Access::Read && !vma.prot.contains(Prot::READ) {
                return Err(Errno::EINVAL);
            }
            self.populate_part(part, access).map_err(|error| match error {
                FaultError::MapError | FaultError::OutOfMemory => Errno::ENOMEM,
                FaultError::AccessError => Errno::EINVAL,
                FaultError::Bus => Errno::EFAULT,
            })?;
            at = part.end();
        }
        Ok(())
    }
}

/// The checks of the range: what of it lies in the address space, and whether that is not all; `None` for an empty one, which
/// is no error and no work.
fn decode_range(addr: u64, len: u64) -> Result<Option<(PageRange, bool)>, Errno> {
    let addr = untagged(addr);
    let rounded = super::round_up_to_page(len);
    let wraps = (len != 0 && rounded == 0) || addr.checked_add(rounded).is_none();
    if !addr.is_multiple_of(PAGE_SIZE) || wraps {
        return Err(Errno::EINVAL);
    }
    if rounded == 0 {
        return Ok(None);
    }
    let end = addr + rounded;
    let range =
        PageRange::new(VirtAddr::new(addr), VirtAddr::new(end.min(TASK_SIZE))).ok_or(Errno::ENOMEM)?;
    Ok(Some((range, end > TASK_SIZE)))
}
