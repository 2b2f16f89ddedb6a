//! Where a new mapping goes: Linux's `get_unmapped_area` for a layout that grows downwards.

use super::limits::{Capabilities, Limits};
use super::view::View;
use crate::table::Level;
use crate::vma::{Direction, FreeRequest, Vma, VmaFlags};
use crate::{Errno, PAGE_SHIFT, PAGE_SIZE, PageRange, TASK_SIZE, VirtAddr};

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
    /// How it lies to huge pages.
    pub(crate) huge: Huge,
}

/// What a mapping has to do with huge pages, where the kernel chooses its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Huge {
    /// Nothing.
    Never,
    /// Anonymous memory: it begins on one where there is no hint and its length is a multiple of them.
    Multiples,
    /// A private mapping of `/dev/zero`: bytes of the file from this offset on lie in memory as in huge pages of the file, if it is long
    /// enough (Linux's `thp_get_unmapped_area`).
    File(u64),
}

impl Huge {
    /// That of a mapping.
    pub(crate) fn of(vma: &Vma, start: VirtAddr) -> Self {
        if !vma.is_anonymous() {
            Self::Never
        } else if vma.has_file() {
            let bytes = start.get().wrapping_sub(vma.start().get());
            Self::File((vma.page_offset() << PAGE_SHIFT).wrapping_add(bytes))
        } else {
            Self::Multiples
        }
    }

    /// The offset that the address is to agree with in `len` bytes with this hint.
    fn offset(self, hint: u64, len: u64) -> Option<u64> {
        match self {
            Self::Never => None,
            Self::Multiples => (hint == 0 && len.is_multiple_of(HUGE)).then_some(0),
            Self::File(offset) => holds_huge_page(offset, len).then_some(offset),
        }
    }
}

/// Whether `len` bytes from `offset` on hold a huge page. Linux reckons with signed offsets, that wrap.
fn holds_huge_page(offset: u64, len: u64) -> bool {
    let end = offset.wrapping_add(len) as i64;
    let first = (offset.wrapping_sub(1) | (HUGE - 1)).wrapping_add(1) as i64;
    end > first && end.wrapping_sub(first) as u64 >= HUGE
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
            Wish::Hint(hint) => {
                let aligned = placement.huge.offset(hint, len);
                aligned
                    .and_then(|offset| self.agreeing(hint, len, offset))
                    .or_else(|| self.at_or_anywhere(hint, len))
                    .ok_or(Errno::ENOMEM)?
            }
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

    /// The hint, if there is one and the range from there is free, or the kernel's own choice.
    fn at_or_anywhere(&self, hint: u64, len: u64) -> Option<u64> {
        let wanted = if hint == 0 { None } else { self.free_at(hint, len) };
        wanted.or_else(|| self.gap(len).map(VirtAddr::get))
    }

    /// An address that agrees with `offset` as to huge pages, if there is a gap with one to spare; the hint, if all of that is free
    /// there.
    fn agreeing(&self, hint: u64, len: u64, offset: u64) -> Option<u64> {
        let padded = len + HUGE;
        offset.checked_add(padded)?;
        let found = self.at_or_anywhere(hint, padded)?;
        if found == hint {
            return Some(hint);
        }
        match offset.wrapping_sub(found) % HUGE {
            0 => Some(found + HUGE),
            behind => Some(found + behind),
        }
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
