//! The highest free place, where Linux maps what a program leaves to it: searched from above, and filled where it was found.

use super::Leaf;
use super::VmaTree;
use super::free::FreeRequest;
use super::path::{Path, Step};
use crate::vma::merge::Origin;
use crate::vma::{Backing, Prot, Vma, VmaFlags};
use crate::{PAGE_SIZE, PageRange, VirtAddr};

impl VmaTree {
    /// Maps private anonymous memory at the highest place that `request` allows, as [`VmaTree::find_free`] and [`VmaTree::map`]
    /// would, and answers where. It does so only where the place ends before a mapping, and that takes no more than an entry in a
    /// leaf that has room, or that the mapping grows downwards. `None` says no more than that, and nothing has changed. Needs no
    /// reserve.
    #[inline]
    pub fn map_highest(&mut self, request: &FreeRequest, prot: Prot, flags: VmaFlags) -> Option<VirtAddr> {
        let needed = request.needed()?;
        // The room behind the last mapping would come first.
        if self.is_empty() || request.bounds.end().get() > self.total.span || needed > request.bounds.len() {
            return None;
        }
        let mut path = Path::NOWHERE;
        let start = self.highest_place(&mut path, request, needed)?;
        if path.base == start.get() {
            return None;
        }
        let range = PageRange::between(start, start + request.len);
        let vma = Vma::new(range, prot, flags, Backing::Anonymous);
        self.forget_plain();
        let mapped = self.insert_apart(&path, &vma) || self.map_below(&path, &vma, Origin::Usual).is_some();
        mapped.then_some(start)
    }

    /// The highest place before a mapping, and in `path` the way to that mapping.
    #[inline(always)]
    pub(super) fn highest_place(
        &self,
        path: &mut Path,
        request: &FreeRequest,
        needed: u64,
    ) -> Option<VirtAddr> {
        if self.total.gap < needed {
            return None;
        }
        let mut end = request.bounds.end().get();
        let mut leaf = self.lead_to_leaf_end(path, end - PAGE_SIZE);
        loop {
            if let Some(found) = highest_in_leaf(leaf, path, request, &mut end, needed) {
                return Some(found);
            }
            let too_low = path.base < request.bounds.start().get() + needed;
            if too_low || !self.back_to_leaf(path, needed) {
                return None;
            }
            leaf = self.leaf(path);
        }
    }

    /// Goes down to the leaf that holds the first mapping that ends after `addr`, or to the last: to the end of it, and answers it. Looks
    /// from the upper end, because there are few mappings behind an address that is searched from.
    #[inline(always)]
    fn lead_to_leaf_end(&self, path: &mut Path, addr: u64) -> &Leaf {
        self.visit(self.height + 1);
        let mut node = self.root;
        path.base = self.total.span;
        for level in (1..=self.height).rev() {
            let inner = self.inners.get(node);
            let mut at = inner.len() - 1;
            while at > 0 && path.base - inner.spans()[at] > addr {
                path.base -= inner.spans()[at];
                at -= 1;
            }
            path.steps[level] = Step::new(node, at);
            node = inner.child(at);
        }
        let leaf = self.leaves.get(node);
        path.steps[0] = Step::new(node, leaf.len());
        leaf
    }

    /// From the front of the leaf of `path` to the end of the nearest one before that has a gap that is long enough.
    fn back_to_leaf(&self, path: &mut Path, needed: u64) -> bool {
        // `base` is that of every node on the way that has no subtree further left.
        for level in 1..=self.height {
            let step = path.steps[level];
            let inner = self.inners.get(step.node);
            for at in (0..step.at()).rev() {
                if inner.gaps()[at] >= needed {
                    path.steps[level] = Step::new(step.node, at);
                    self.descend_last(path, level, needed);
                    return true;
                }
                path.base -= inner.spans()[at];
            }
        }
        false
    }

    /// From the subtree of `path` at `level`, at whose end `base` lies and which has a gap that is long enough, down to the end of the
    /// last leaf that has one.
    fn descend_last(&self, path: &mut Path, level: usize, needed: u64) {
        self.visit(level);
        for below in (1..level).rev() {
            let above = path.steps[below + 1];
            let node = self.inners.get(above.node).child(above.at());
            let inner = self.inners.get(node);
            let mut at = inner.len() - 1;
            while inner.gaps()[at] < needed {
                path.base -= inner.spans()[at];
                at -= 1;
            }
            path.steps[below] = Step::new(node, at);
        }
        let above = path.steps[1];
        let node = self.inners.get(above.node).child(above.at());
        path.steps[0] = Step::new(node, self.leaves.get(node).len());
    }
}

/// The highest place before a mapping of `leaf`, at whose end `path` is, which leads to that mapping then, or else to the front of the
/// leaf. The place ends where `end` says, which may become less.
#[inline(always)]
fn highest_in_leaf(
    leaf: &Leaf,
    path: &mut Path,
    request: &FreeRequest,
    end: &mut u64,
    needed: u64,
) -> Option<VirtAddr> {
    let lowest = request.bounds.start().get();
    let mut extents = leaf.extents().iter();
    while let Some(extent) = extents.next_back() {
        let behind = path.base - extent.len;
        path.base = behind - extent.gap;
        if extent.gap < needed || path.base + needed > *end {
            continue;
        }
        let (at, start) = (extents.len(), path.base.max(lowest));
        let mut last = behind.min(*end);
        if leaf.flags(at).contains(VmaFlags::GROWSDOWN) {
            (last, *end) = end_below_stack(*request, start, behind, *end, needed);
        }
        if last >= start && last - start >= needed {
            path.set_at(at);
            return Some(VirtAddr::new(last - request.len).align_down(request.align));
        }
    }
    path.set_at(0);
    None
}

/// Where the place in the free bytes `start..behind` before a stack may end, which keeps its guard behind it, and all further ones. If they would do but for that guard, the
/// search has to go on below all of it, even where that has mappings and gaps of its own: Linux's `unmapped_area_topdown` does so.
#[cold]
fn end_below_stack(request: FreeRequest, start: u64, behind: u64, end: u64, needed: u64) -> (u64, u64) {
    let fits = |last: u64| last >= start && last - start >= needed;
    let guarded = behind.saturating_sub(request.guard);
    if !fits(guarded.min(end)) && fits(behind.min(end)) {
        (0, guarded.max(request.bounds.start().get()))
    } else {
        (guarded.min(end), end)
    }
}
