//! Which pages of the arena a script has sealed.

use core::ops::Range;

use rt::PAGE;

use crate::places::Place;

/// Pages of the arena.
const PAGES: usize = ((Place::Arena.range().end - Place::Arena.range().start) / PAGE as u64) as usize;

/// One bit for each page.
pub(crate) struct Sealed([u64; PAGES.div_ceil(64)]);

impl Default for Sealed {
    fn default() -> Self {
        Sealed([0; PAGES.div_ceil(64)])
    }
}

impl Sealed {
    /// Notes that a range has been sealed.
    pub(crate) fn add(&mut self, arena: &Range<u64>, range: Range<u64>) {
        for page in pages(arena, range) {
            self.0[page / 64] |= 1 << (page % 64);
        }
    }

    /// Whether a page of a range is.
    pub(crate) fn any(&self, arena: &Range<u64>, range: Range<u64>) -> bool {
        pages(arena, range).any(|page| self.0[page / 64] & 1 << (page % 64) != 0)
    }
}

/// The pages of the arena that a range touches.
fn pages(arena: &Range<u64>, range: Range<u64>) -> Range<usize> {
    let place = |address: u64| address.clamp(arena.start, arena.end) - arena.start;
    (place(range.start) / PAGE as u64) as usize..(place(range.end).div_ceil(PAGE as u64)) as usize
}
