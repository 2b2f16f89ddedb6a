//! Where a new mapping may go.

use super::VmaTree;
use super::path::{Path, Step};
use crate::vma::VmaFlags;
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
    pub(super) fn needed(&self) -> Option<u64> {
        self.len.checked_add(self.align - PAGE_SIZE)
    }

    /// The place in the free bytes `start..end`.
    pub(super) fn place(&self, needed: u64, start: u64, end: u64) -> Option<VirtAddr> {
        let (start, end) = (
            start.max(self.bounds.start().get()),
            end.min(self.bounds.end().get()),
        );
        if end < start || end - start < needed {
            return None;
        }
        Some(match self.direction {
            Direction::TopDown => VirtAddr::new(end - self.len).align_down(self.align),
            Direction::BottomUp => VirtAddr::new((start + self.align - 1) & !(self.align - 1)),
        })
    }
}

impl VmaTree {
    /// A free range as `request` wants it, in O(log n) where no mapping grows downwards.
    pub fn find_free(&self, request: &FreeRequest) -> Option<VirtAddr> {
        let needed = request
            .needed()
            .filter(|&needed| needed <= request.bounds.len())?;
        let behind_all = self.total.span;
        let last = || request.place(needed, behind_all, u64::MAX);
        let before = || {
            let mut path = Path::NOWHERE;
            self.highest_place(&mut path, request, needed)
        };
        match request.direction {
            Direction::TopDown => last().or_else(before),
            Direction::BottomUp => self.find_free_above(request, needed).or_else(last),
        }
    }

    /// The lowest place before a mapping.
    fn find_free_above(&self, request: &FreeRequest, needed: u64) -> Option<VirtAddr> {
        if self.total.gap < needed {
            return None;
        }
        let mut path = Path::NOWHERE;
        self.lead(&mut path, request.bounds.start().get());
        loop {
            if let Some(found) = self.place_before(&path, request, needed) {
                return Some(found);
            }
            if path.base >= request.bounds.end().get() {
                return None;
            }
            if !self.on_to_gap(&mut path, needed) {
                return None;
            }
        }
    }

    /// The place before the mapping at `path`.
    fn place_before(&self, path: &Path, request: &FreeRequest, needed: u64) -> Option<VirtAddr> {
        let extent = self.leaf(path).extents().get(path.at())?;
        if extent.gap < needed {
            return None;
        }
        let grows = self.leaf(path).flags(path.at()).contains(VmaFlags::GROWSDOWN);
        let end = path.base + extent.gap;
        let end = if grows {
            end.saturating_sub(request.guard)
        } else {
            end
        };
        request.place(needed, path.base, end)
    }

    /// The way to the nearest mapping behind the one at `path` with enough free bytes before it.
    fn on_to_gap(&self, path: &mut Path, needed: u64) -> bool {
        let Some(here) = self.leaf(path).extents().get(path.at()) else {
            return false;
        };
        path.base += here.reach();
        path.set_at(path.at() + 1);
        if self.on_in_leaf(path, needed) {
            return true;
        }
        for level in 1..=self.height {
            let step = path.steps[level];
            let inner = self.inners.get(step.node);
            for at in step.at() + 1..inner.len() {
                if inner.gaps()[at] >= needed {
                    path.steps[level] = Step::new(step.node, at);
                    self.descend_first(path, level, needed);
                    return true;
                }
                path.base += inner.spans()[at];
            }
        }
        false
    }

    /// Goes on in the leaf of `path` to a mapping with enough free bytes before it, or else to the end.
    fn on_in_leaf(&self, path: &mut Path, needed: u64) -> bool {
        let extents = self.leaf(path).extents();
        for (at, extent) in extents.iter().enumerate().skip(path.at()) {
            if extent.gap >= needed {
                path.set_at(at);
                return true;
            }
            path.base += extent.reach();
        }
        path.set_at(extents.len());
        false
    }

    /// From the subtree of `path` at `level`, at whose front `base` lies and which has a gap that is long enough, down to the first
    /// such.
    fn descend_first(&self, path: &mut Path, level: usize, needed: u64) {
        self.visit(level);
        for below in (1..level).rev() {
            let above = path.steps[below + 1];
            let node = self.inners.get(above.node).child(above.at());
            let inner = self.inners.get(node);
            let mut at = 0;
            while inner.gaps()[at] < needed {
                path.base += inner.spans()[at];
                at += 1;
            }
            path.steps[below] = Step::new(node, at);
        }
        let above = path.steps[1];
        path.steps[0] = Step::new(self.inners.get(above.node).child(above.at()), 0);
        self.on_in_leaf(path, needed);
    }
}
