//! Where a new mapping may go.

use crate::vma::{Vma, VmaFlags};
use crate::{PAGE_SIZE, PageRange, VirtAddr};

/// Which of the fitting places is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The highest: how Linux places mappings, below `mmap_base`.
    TopDown,
    /// The lowest: where the first finds nothing.
    BottomUp,
}

/// What a free range must be like (Linux's `vm_unmapped_area_info`).
#[derive(Clone, Copy, Debug)]
pub struct FreeRequest {
    /// In bytes, whole pages, more than none.
    pub len: u64,
    /// What the start must be a multiple of: a power of two, at least a page. As in Linux a gap counts only if it is long enough for
    /// the worst case, `len + align - PAGE_SIZE` bytes.
    pub align: u64,
    /// Where it must lie.
    pub bounds: PageRange,
    /// How many bytes stay free below each mapping that grows downwards (Linux's `stack_guard_gap`, 1 MiB by default).
    pub guard: u64,
    /// Which place is taken.
    pub direction: Direction,
}

impl FreeRequest {
    /// How long a gap must be.
    fn gap(&self) -> Option<u64> {
        self.len.checked_add(self.align - PAGE_SIZE)
    }

    /// The place within the gap `start..end`, which lies in the bounds.
    fn place(&self, start: u64, end: u64) -> VirtAddr {
        match self.direction {
            Direction::TopDown => VirtAddr::new(end - self.len).align_down(self.align),
            Direction::BottomUp => VirtAddr::new((start + self.align - 1) & !(self.align - 1)),
        }
    }
}

/// The first gap in the direction of the search that is long enough.
pub(super) fn find(entries: &[Vma], request: &FreeRequest) -> Option<VirtAddr> {
    let needed = request.gap()?;
    let bounds = request.bounds;
    let gap = |index: usize| {
        let start = index.checked_sub(1).map_or(0, |index| entries[index].end().get());
        let end = entries.get(index).map_or(bounds.end().get(), |vma| {
            let guard = if vma.flags.contains(VmaFlags::GROWSDOWN) {
                request.guard
            } else {
                0
            };
            vma.start().get().saturating_sub(guard)
        });
        let (start, end) = (start.max(bounds.start().get()), end.min(bounds.end().get()));
        (end >= start && end - start >= needed).then(|| request.place(start, end))
    };
    match request.direction {
        Direction::TopDown => (0..=entries.len()).rev().find_map(gap),
        Direction::BottomUp => (0..=entries.len()).find_map(gap),
    }
}
