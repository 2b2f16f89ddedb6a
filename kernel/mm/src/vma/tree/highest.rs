//! The highest free place, where Linux maps what a program leaves to it: searched from above, and filled where it was found.

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
        let mut request = *request;
        self.lead_to_leaf_end(path, request.bounds.end().get() - PAGE_SIZE);
        loop {
            if let Some(found) = self.highest_in_leaf(path, &mut request, needed) {
                return Some(found);
            }
            let too_low = path.base < request.bounds.start().get() + needed;
            if too_low || !self.back_to_leaf(path, needed) {
                return None;
            }
        }
    }

    /// Goes down to the leaf that holds the first mapping that ends after `addr`, or to the last: to the end of it. Looks from the upper
    /// end, because there are few mappings behind an address that is searched from.
    #[inline(always)]
    fn lead_to_leaf_end(&self, path: &mut Path, addr: u64) {
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
        path.steps[0] = Step::new(node, self.leaves.get(node).len());
    }

    /// The highest place before a mapping of the leaf at whose end `path` is, which leads to that mapping then, or else to the
    /// front of the leaf.
    #[inline(always)]
    fn highest_in_leaf(&self, path: &mut Path, request: &mut FreeRequest, needed: u64) -> Option<VirtAddr> {
        let leaf = self.leaf(path);
        for (at, extent) in leaf.extents().iter().enumerate().rev() {
            let end = path.base - extent.len;
            path.base = end - extent.gap;
            if extent.gap < needed || path.base + needed > request.bounds.end().get() {
                continue;
            }
            path.set_at(at);
            if !leaf.flags(at).contains(VmaFlags::GROWSDOWN) {
                if let Some(found) = request.place(needed, path.base, end) {
                    return Some(found);
                }
            } else if let Some(found) = place_below_stack(request, needed, path.base, end) {
                return Some(found);
            }
        }
        path.set_at(0);
        None
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

/// The place in the free bytes `start..end` before a stack, behind which it keeps its guard. If they would do but for that guard, the
/// search has to go on below all of it, even where that has mappings and gaps of its own: Linux's `unmapped_area_topdown` does so.
#[cold]
fn place_below_stack(request: &mut FreeRequest, needed: u64, start: u64, end: u64) -> Option<VirtAddr> {
    let guarded = end.saturating_sub(request.guard);
    let found = request.place(needed, start, guarded);
    if found.is_none() && request.place(needed, start, end).is_some() {
        let lowest = request.bounds.start();
        request.bounds = PageRange::between(lowest, VirtAddr::new(guarded).max(lowest));
    }
    found
}
