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
    pub(super) fn flush(&mut self, range: PageRange, reach: Reach) {
        self.order_stores();
        self.invalidate(range, reach);
        self.complete();
        if self.machine.features().contains(MmuFeatures::REPEAT_FLUSH) {
            // On a Cortex-A76 the first DSB may end before writes through the old translation do (CVE-2025-10263); after
            // any one more TLBI the second does not.
            self.invalidate(first_page(range), reach);
            self.complete();
        }
    }

    /// The TLBIs alone.
    fn invalidate(&mut self, range: PageRange, reach: Reach) {
        let (asid, pages) = (self.asid, range.pages());
        let by_range = self.machine.features().contains(MmuFeatures::TLB_RANGE);
        if by_range && pages > 1 && pages <= MAX_RANGES * RangeOperand::MAX_PAGES {
            self.invalidate_ranges(asid, range, reach);
        } else if pages == 1 || (!by_range && pages <= MAX_PAGES) {
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
    pub(super) fn order_stores(&mut self) {
        self.machine.dsb_stores();
        self.counters.dsb += 1;
    }

    /// `DSB ISH`.
    fn complete(&mut self) {
        self.machine.dsb();
        self.counters.dsb += 1;
    }

    /// Lets the instructions that follow rely on entries that were made valid: `DSB ISHST; ISB`. A TLB does not remember
    /// that there was nothing, so that is all that a new entry needs.
    pub(super) fn publish(&mut self) {
        self.order_stores();
        self.machine.isb();
        self.counters.isb += 1;
    }
}

fn first_page(range: PageRange) -> PageRange {
    PageRange::from_len(range.start(), PAGE_SIZE.min(range.len())).unwrap_or(range)
}
