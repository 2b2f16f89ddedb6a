//! What is flushed, by which instructions, with which barriers.

use super::PageTables;
use super::gone::{Gone, MAX_PAGES};
use crate::machine::{Asid, Machine, MmuFeatures, PageOperand, RangeOperand, Reach};
use crate::{PAGE_SIZE, PageRange, VirtAddr};

/// How many TLBIs by range are worth more than the refills after one that empties the whole address space.
const MAX_RANGES: u64 = 8;

/// What a TLB may remember of a range, and must not any more.
#[derive(Clone, Copy)]
pub(super) struct Outdated {
    pub(super) range: PageRange,
    pub(super) reach: Reach,
    /// Where to look for what there was, as far as that is known.
    pub(super) gone: Option<Gone>,
}

/// What the TLBIs of a flush reached.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// What they were to.
    Named,
    /// The whole address space.
    Everything,
}

impl<M: Machine> PageTables<M> {
    /// Makes earlier stores to tables visible to every walker, removes what TLBs remember of `range`, and waits until
    /// every access that used it is complete. With [`Reach::Walk`] also the tables on the way are forgotten. Where that takes
    /// a TLBI a page, those are named that were `gone`, if it is said where to look for them.
    #[inline(always)]
    pub(super) fn flush(&mut self, range: PageRange, reach: Reach, gone: Option<Gone>) {
        self.machine.dsb_stores();
        self.invalidate(range, reach, gone);
        self.machine.dsb();
        self.counters.dsb += 2;
        if self.machine.features().contains(MmuFeatures::REPEAT_FLUSH) {
            self.repeat(range, reach);
        }
    }

    /// [`Self::flush`] of two ranges, as far as a TLB can hold anything of them: once for both.
    #[inline(never)]
    pub(super) fn flush_both(&mut self, ranges: [Option<Outdated>; 2]) {
        let (one, other) = match ranges {
            [Some(one), Some(other)] if one.range.len() < other.range.len() => (other, one),
            [Some(one), Some(other)] => (one, other),
            [Some(only), None] | [None, Some(only)] => {
                return self.flush(only.range, only.reach, only.gone);
            }
            [None, None] => return,
        };
        self.machine.dsb_stores();
        if self.invalidate(one.range, one.reach, one.gone) == Scope::Named {
            self.invalidate(other.range, other.reach, other.gone);
        }
        self.machine.dsb();
        self.counters.dsb += 2;
        if self.machine.features().contains(MmuFeatures::REPEAT_FLUSH) {
            self.repeat(one.range, one.reach);
        }
    }

    /// On a Cortex-A76 the first DSB may end before writes through the old translation do (CVE-2025-10263); after any one more
    /// TLBI the second does not.
    #[cold]
    fn repeat(&mut self, range: PageRange, reach: Reach) {
        self.invalidate(first_page(range), reach, None);
        self.machine.dsb();
        self.counters.dsb += 1;
    }

    /// The TLBIs alone.
    #[inline(always)]
    fn invalidate(&mut self, range: PageRange, reach: Reach, gone: Option<Gone>) -> Scope {
        let pages = range.pages();
        let by_range = self.machine.features().contains(MmuFeatures::TLB_RANGE);
        if by_range && (2..=RangeOperand::FEW_PAGES).contains(&pages) {
            let operand = RangeOperand::covering_few(self.asid, range.start(), pages);
            self.machine.tlbi_range(operand, reach);
            self.counters.tlbi_range += 1;
        } else if pages == 1 {
            self.machine
                .tlbi_page(PageOperand::new(self.asid, range.start()), reach);
            self.counters.tlbi_page += 1;
        } else if by_range && pages <= RangeOperand::MAX_PAGES {
            let operand = RangeOperand::covering(self.asid, range.start(), pages);
            self.machine.tlbi_range(operand, reach);
            self.counters.tlbi_range += 1;
        } else {
            return self.invalidate_many(range, reach, gone);
        }
        Scope::Named
    }

    /// The TLBIs of a range that takes more than one.
    #[inline(never)]
    fn invalidate_many(&mut self, range: PageRange, reach: Reach, gone: Option<Gone>) -> Scope {
        if self.machine.features().contains(MmuFeatures::TLB_RANGE) {
            if range.pages() <= MAX_RANGES * RangeOperand::MAX_PAGES {
                self.invalidate_ranges(self.asid, range, reach);
                return Scope::Named;
            }
        } else if range.pages() <= MAX_PAGES as u64 && gone.is_none_or(|gone| self.was_full(gone, range)) {
            let page = |index: usize| range.start() + index as u64 * PAGE_SIZE;
            self.invalidate_pages((0..range.pages() as usize).map(page), reach);
            return Scope::Named;
        } else if let Some(list) = gone.and_then(|gone| self.list_gone(gone, range)) {
            self.invalidate_pages(list.pages().iter().copied(), reach);
            return Scope::Named;
        }
        self.invalidate_all();
        Scope::Everything
    }

    #[inline]
    fn invalidate_pages(&mut self, pages: impl ExactSizeIterator<Item = VirtAddr>, reach: Reach) {
        self.counters.tlbi_page += pages.len() as u64;
        for page in pages {
            self.machine.tlbi_page(PageOperand::new(self.asid, page), reach);
        }
    }

    fn invalidate_all(&mut self) {
        self.machine.tlbi_asid(PageOperand::whole(self.asid));
        self.counters.tlbi_asid += 1;
    }

    fn invalidate_ranges(&mut self, asid: Asid, range: PageRange, reach: Reach) {
        let mut start = range.start();
        while start < range.end() {
            let pages = ((range.end() - start) / PAGE_SIZE).min(RangeOperand::MAX_PAGES);
            self.machine
                .tlbi_range(RangeOperand::covering(asid, start, pages), reach);
            self.counters.tlbi_range += 1;
            start = start + pages * PAGE_SIZE;
        }
    }

    /// `DSB ISHST`.
    #[inline]
    pub(super) fn order_stores(&mut self) {
        self.machine.dsb_stores();
        self.counters.dsb += 1;
    }

    /// Lets the instructions that follow rely on entries that were made valid: `DSB ISHST; ISB`. A TLB does not remember
    /// that there was nothing, so that is all that a new entry needs.
    #[inline]
    pub(super) fn publish(&mut self) {
        self.order_stores();
        self.machine.isb();
        self.counters.isb += 1;
    }
}

fn first_page(range: PageRange) -> PageRange {
    PageRange::from_len(range.start(), PAGE_SIZE.min(range.len())).unwrap_or(range)
}
