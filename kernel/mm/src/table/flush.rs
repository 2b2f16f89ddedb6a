//! What is flushed, by which instructions, with which barriers.

use super::PageTables;
use crate::machine::{Asid, Machine, MmuFeatures, PageOperand, RangeOperand, Reach};
use crate::{PAGE_SIZE, PageRange};

/// How many TLBIs by address are worth more than the refills after one that empties the whole address space.
const MAX_PAGES: u64 = 64;
/// The same for TLBIs by range.
const MAX_RANGES: u64 = 8;

impl<M: Machine> PageTables<M> {
    /// Makes earlier stores to tables visible to every walker, removes what TLBs remember of `range`, and waits until
    /// every access that used it is complete. With [`Reach::Walk`] also the tables on the way are forgotten.
    #[inline(always)]
    pub(super) fn flush(&mut self, range: PageRange, reach: Reach) {
        self.machine.dsb_stores();
        self.invalidate(range, reach);
        self.machine.dsb();
        self.counters.dsb += 2;
        if self.machine.features().contains(MmuFeatures::REPEAT_FLUSH) {
            self.repeat(range, reach);
        }
    }

    /// On a Cortex-A76 the first DSB may end before writes through the old translation do (CVE-2025-10263); after any one more
    /// TLBI the second does not.
    #[cold]
    fn repeat(&mut self, range: PageRange, reach: Reach) {
        self.invalidate(first_page(range), reach);
        self.machine.dsb();
        self.counters.dsb += 1;
    }

    /// The TLBIs alone.
    #[inline(always)]
    fn invalidate(&mut self, range: PageRange, reach: Reach) {
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
            self.invalidate_many(range, reach, by_range);
        }
    }

    /// The TLBIs of a range that takes more than one.
    #[inline(never)]
    fn invalidate_many(&mut self, range: PageRange, reach: Reach, by_range: bool) {
        let (asid, pages) = (self.asid, range.pages());
        if by_range && pages <= MAX_RANGES * RangeOperand::MAX_PAGES {
            self.invalidate_ranges(asid, range, reach);
        } else if !by_range && pages <= MAX_PAGES {
            for page in 0..pages {
                let page = range.start() + page * PAGE_SIZE;
                self.machine.tlbi_page(PageOperand::new(asid, page), reach);
            }
            self.counters.tlbi_page += pages;
        } else {
            self.machine.tlbi_asid(PageOperand::whole(asid));
            self.counters.tlbi_asid += 1;
        }
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
