//! Where a new mapping goes: Linux's `get_unmapped_area` for a layout that grows downwards.

use super::limits::{Capabilities, Limits};
use super::view::View;
use crate::table::Level;
use crate::vma::{Direction, FreeRequest, Vma, VmaFlags};
use crate::{Errno, PAGE_SIZE, PageRange, TASK_SIZE, VirtAddr};

/// What Linux keeps free below a stack (`stack_guard_gap`, 256 pages).
pub(crate) const STACK_GUARD_GAP: u64 = 256 * PAGE_SIZE;

/// The alignment that a transparent huge page would need.
pub(crate) const HUGE: u64 = Level::Pmd.size();

/// How an address is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Exactly here, whatever is there (`MAP_FIXED`).
    Fixed(u64),
    /// Here if it is free; zero for no wish at all.
    Hint(u64),
}

/// A mapping that looks for a place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placement {
    pub(crate) wish: Wish,
    /// In bytes, whole pages, not zero.
    pub(crate) len: u64,
    /// Private anonymous memory, which is aligned for huge pages where its length is a multiple of them.
    pub(crate) anonymous: bool,
}

impl View<'_> {
    /// Finds the place.
    ///
    /// # Errors
    /// `ENOMEM` where there is no room or the range leaves the address space, `EINVAL` for a fixed address that is not
    /// page-aligned, `EPERM` for one below `mmap_min_addr` without privilege.
    pub(crate) fn place(&self, placement: Placement) -> Result<PageRange, Errno> {
        let len = placement.len;
        if len > TASK_SIZE || self.limits.lowest_placed() > TASK_SIZE - len {
            return Err(Errno::ENOMEM);
        }
        let addr = match placement.wish {
            Wish::Fixed(addr) => {
                // Linux takes an address this high for the error of a search.
                Errno::encoded(addr).map_or(Ok(addr), Err)?
            }
            Wish::Hint(0) => self.search(len, placement.anonymous).ok_or(Errno::ENOMEM)?.get(),
            Wish::Hint(addr) => match self.free_at(addr, len) {
                Some(addr) => addr,
                None => self.search(len, false).ok_or(Errno::ENOMEM)?.get(),
            },
        };
        if addr > TASK_SIZE - len {
            return Err(Errno::ENOMEM);
        }
        let range = PageRange::from_len(VirtAddr::new(addr), len).ok_or(Errno::EINVAL)?;
        check_min_addr(self.limits, range)?;
        Ok(range)
    }

    /// The hint, rounded up to a page, if the range from there is free and keeps its distance from stacks.
    fn free_at(&self, hint: u64, len: u64) -> Option<u64> {
        let addr = super::round_up_to_page(hint);
        let range = PageRange::from_len(VirtAddr::new(addr), len)?;
        let (_, next) = self.tree.around(range.start());
        let free = next.is_none_or(|next| range.end().get() <= gap_end(&next));
        (addr >= self.limits.lowest_placed() && free).then_some(addr)
    }

    /// The kernel's own choice. A length that huge pages could fill is aligned for them, if there is a gap with that much to
    /// spare.
    fn search(&self, len: u64, anonymous: bool) -> Option<VirtAddr> {
        if anonymous && len.is_multiple_of(HUGE) {
            let padded = self.gap(len + HUGE).map(|start| start.align_down(HUGE) + HUGE);
            if padded.is_some() {
                return padded;
            }
        }
        self.gap(len)
    }

    /// Room for `len` bytes from a multiple of `align` on.
    pub(crate) fn find_aligned(&self, len: u64, align: u64) -> Option<PageRange> {
        PageRange::from_len(self.aligned_gap(len, align)?, len)
    }

    /// The highest gap below `mmap_base`, else the lowest one from `mmap_bottom` on.
    fn gap(&self, len: u64) -> Option<VirtAddr> {
        self.aligned_gap(len, PAGE_SIZE)
    }

    #[inline]
    fn aligned_gap(&self, len: u64, align: u64) -> Option<VirtAddr> {
        let below = self.below_base(len, align);
        below
            .and_then(|request| self.tree.find_free(&request))
            .or_else(|| {
                let above = self.free_request(
                    len,
                    align,
                    self.layout.mmap_bottom,
                    TASK_SIZE,
                    Direction::BottomUp,
                );
                above.and_then(|request| self.tree.find_free(&request))
            })
    }

    /// Where the kernel looks first.
    #[inline]
    pub(crate) fn below_base(&self, len: u64, align: u64) -> Option<FreeRequest> {
        self.free_request(len, align, 0, self.layout.mmap_base, Direction::TopDown)
    }

    #[inline]
    fn free_request(
        &self,
        len: u64,
        align: u64,
        start: u64,
        end: u64,
        direction: Direction,
    ) -> Option<FreeRequest> {
        let min = super::round_up_to_page(self.limits.lowest_placed()).max(PAGE_SIZE);
        let bounds = PageRange::new(VirtAddr::new(start.max(min)), VirtAddr::new(end))?;
        Some(FreeRequest {
            len,
            align,
            bounds,
            guard: STACK_GUARD_GAP,
            direction,
        })
    }
}

/// Where the room before a mapping ends: a stack keeps some free below it (Linux's `vm_start_gap`).
pub(super) fn gap_end(vma: &Vma) -> u64 {
    let start = vma.start().get();
    if vma.flags.contains(VmaFlags::GROWSDOWN) {
        start.saturating_sub(STACK_GUARD_GAP)
    } else {
        start
    }
}

/// Linux's `security_mmap_addr`.
fn check_min_addr(limits: &Limits, range: PageRange) -> Result<(), Errno> {
    if range.start().get() < limits.mmap_min_addr && !limits.capabilities.contains(Capabilities::SYS_RAWIO) {
        Err(Errno::EPERM)
    } else {
        Ok(())
    }
}
