//! A mapping that grows at another place, because there is no room behind it: the edit that takes it away here and puts it in there.

use super::VmaTree;
use super::free::FreeRequest;
use super::leaf::{Extent, LEAF};
use super::lone::{Place, Start};
use super::propagate::Change;
use super::summary::Sums;
use crate::PageRange;
use crate::vma::merge::{self, Relation};

impl VmaTree {
    /// The highest place that `request` allows for the first `len` bytes of `mapping`, which is at `from`, where they cannot grow by so
    /// much; if the tree is edited easily then: there is room in the leaf, each has a mapping behind it in its leaf, and
    /// the longer mapping joins none. `before` becomes the place of the mapping before which they go. `None` says no more than that.
    #[inline(always)]
    pub fn find_growth(
        &self,
        from: &Place,
        mapping: &Start<'_>,
        len: u64,
        request: &FreeRequest,
        before: &mut Place,
    ) -> Option<PageRange> {
        let needed = request.needed()?;
        // The room behind the last mapping would come first.
        if request.bounds.end().get() > self.total.span || needed > request.bounds.len() {
            return None;
        }
        let start = self.highest_place(&mut before.path, request, needed)?;
        let target = PageRange::between(start, start + request.len);
        self.is_easy(from, mapping, len, before, target).then_some(target)
    }

    #[inline(always)]
    fn is_easy(
        &self,
        from: &Place,
        mapping: &Start<'_>,
        len: u64,
        before: &Place,
        target: PageRange,
    ) -> bool {
        let (leaf, at, to) = (mapping.leaf, mapping.at, before.path.at());
        if at + 1 >= leaf.len() || target.start().get() == before.path.base {
            return false;
        }
        let is_whole = mapping.bytes() == len;
        // The bytes behind it, where it ends with the mapping.
        let in_place = is_whole && leaf.extents()[at + 1].gap >= target.len() - len;
        let same_leaf = from.path.steps[0].node == before.path.steps[0].node;
        let goal = if same_leaf { leaf } else { self.leaf(&before.path) };
        let touches = before.path.base + goal.extents()[to].gap == target.end().get();
        // It does not touch itself: what it leaves lies between.
        let apart = !touches || (same_leaf && to == at) || goal.prot(to) != mapping.prot();
        let room = goal.len() < LEAF || (same_leaf && is_whole);
        !in_place && room && (apart || !self.joins(before, from, target))
    }

    /// Whether the mapping at `from` joins that at `next` from `target`, where it touches it.
    #[inline(never)]
    fn joins(&self, next: &Place, from: &Place, target: PageRange) -> bool {
        merge::can_merge(&self.vma_at(from).moved_to(target), &self.vma_at(next))
    }

    /// Takes the first `len` bytes of the mapping at `from`, which is anonymous, away, and puts them in before the mapping at `before`, as
    /// long as `target` is, if the tree is as it was when [`VmaTree::find_growth`] found that.
    #[inline(always)]
    pub fn move_to_grow(&mut self, from: &Place, len: u64, before: &Place, target: PageRange) {
        self.forget_plain();
        if from.path.steps[0].node == before.path.steps[0].node {
            self.grow_in_leaf(from, len, before, target);
        } else {
            self.grow_elsewhere(from, len, before, target);
        }
    }

    /// [`VmaTree::move_to_grow`] from one leaf to another.
    #[inline(never)]
    fn grow_elsewhere(&mut self, from: &Place, len: u64, before: &Place, target: PageRange) {
        let vma = self.vma_at(from);
        self.insert_before(&before.path, &vma.moved_to(target));
        let rest = PageRange::between(vma.start() + len, vma.end());
        self.shrink_to(&from.path, &vma, rest);
    }

    /// [`VmaTree::move_to_grow`] within one leaf, in one edit. Mostly a part of a mapping grows that touches nothing, neither before nor
    /// after: then there is no pair to tell of.
    #[inline(always)]
    fn grow_in_leaf(&mut self, from: &Place, len: u64, before: &Place, target: PageRange) {
        let (at, to) = (from.path.at(), before.path.at());
        let gap = target.start().get() - before.path.base;
        let leaf = self.leaves.get_mut(from.path.steps[0].node);
        let vma = leaf.get(at, from.path.base);
        let Extent { gap: left, len: all } = leaf.extents()[at];
        let removed = leaf.extents()[to].gap;
        let rest = removed + if to == at { len } else { 0 } - gap - target.len();
        let touches = left == 0 || gap == 0 || rest == 0;
        if len == all || touches || self.total.sums.homing() != 0 {
            return self.carry_in_leaf(from, len, to, target, gap);
        }
        let more = Sums::of_len(&vma, target.len() - len);
        *leaf.extent_mut(at) = Extent {
            gap: left + len,
            len: all - len,
        };
        let left_free = leaf.insert_like(
            at,
            to,
            Extent {
                gap,
                len: target.len(),
            },
        );
        leaf.advance(left_free, len);
        leaf.extent_mut(to + 1).gap = rest;
        let added = gap.max(rest).max(leaf.extents()[left_free].gap);
        self.propagate_within(&from.path, &more, (removed.max(left), added));
    }

    /// The same where pairs come or go, or all of a mapping moves.
    #[inline(never)]
    fn carry_in_leaf(&mut self, from: &Place, len: u64, to: usize, target: PageRange, mut gap: u64) {
        let at = from.path.at();
        let leaf = self.leaves.get_mut(from.path.steps[0].node);
        let vma = leaf.get(at, from.path.base);
        let added = target.len() - len;
        let mut change = Change {
            span: 0,
            sums: Sums::NONE,
            removed: leaf.extents()[at].gap.max(leaf.extents()[to].gap),
            added: 0,
        };
        change.sums.remove_pair(leaf.pair(at));
        let now;
        let left_free;
        if len == vma.range.len() {
            change.removed = change.removed.max(leaf.extents()[at + 1].gap);
            change.sums.remove_pair(leaf.pair(at + 1));
            change.sums.add(&Sums::of_bytes(&vma, added));
            let left = leaf.extents()[at].reach();
            leaf.extent_mut(at + 1).gap += left;
            // What it leaves counts too, where it goes up to behind that.
            gap += if to == at + 1 { left } else { 0 };
            now = leaf.carry(at, to);
            left_free = if now < at { at + 1 } else { at };
        } else {
            change.sums.add(&Sums::of_len(&vma, added));
            let extent = leaf.extent_mut(at);
            (extent.gap, extent.len) = (extent.gap + len, extent.len - len);
            (now, left_free) = (to, leaf.insert_like(at, to, Extent::default()));
            leaf.advance(left_free, len);
        }
        *leaf.extent_mut(now) = Extent {
            gap,
            len: target.len(),
        };
        let next = leaf.extent_mut(now + 1);
        next.gap -= gap + target.len();
        let next_gap = next.gap;
        if next_gap == 0 {
            change.sums.add_pair(leaf.pair(now + 1));
        }
        change.added = gap.max(next_gap).max(leaf.extents()[left_free].gap);
        if at == 0 || now == 0 {
            leaf.head = Relation::Apart;
        }
        self.propagate(&from.path, &change);
    }
}
