//! The upper nodes: subtrees in order, and what is known of each.

use super::pool::NodeId;
use super::summary::{Homes, Summary, Sums};

/// How many subtrees an inner node holds, so that it is 2 KiB.
pub(super) const INNER: usize = 20;
/// How many it holds at least, unless it is the root, which holds two.
pub(super) const INNER_MIN: usize = 10;

/// An inner node. What every search reads lies together.
#[derive(Clone)]
#[repr(align(64))]
pub(super) struct Inner {
    len: usize,
    spans: [u64; INNER],
    gaps: [u64; INNER],
    children: [NodeId; INNER],
    sums: [Sums; INNER],
    homes: [Homes; INNER],
}

const _: () = assert!(size_of::<Inner>() == 2048);

impl Inner {
    /// A node without subtrees.
    pub(super) const BLANK: Self = Self {
        len: 0,
        spans: [0; INNER],
        gaps: [0; INNER],
        children: [0; INNER],
        sums: [Sums::NONE; INNER],
        homes: [Homes::NONE; INNER],
    };

    /// Forgets all subtrees.
    #[inline]
    pub(super) const fn clear(&mut self) {
        self.len = 0;
    }

    /// How many subtrees there are.
    #[inline]
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Their spans.
    #[inline]
    pub(super) fn spans(&self) -> &[u64] {
        &self.spans[..self.len]
    }

    /// Their largest gaps.
    #[inline]
    pub(super) fn gaps(&self) -> &[u64] {
        &self.gaps[..self.len]
    }

    /// The node of subtree `at`.
    #[inline]
    pub(super) fn child(&self, at: usize) -> NodeId {
        self.children[at]
    }

    /// The sums of subtree `at`.
    #[inline]
    pub(super) fn sums(&self, at: usize) -> &Sums {
        &self.sums[at]
    }

    /// The homes of subtree `at`.
    #[inline]
    pub(super) fn homes(&self, at: usize) -> Homes {
        self.homes[at]
    }

    /// The summary of subtree `at`.
    pub(super) fn get(&self, at: usize) -> Summary {
        Summary {
            span: self.spans[at],
            gap: self.gaps[at],
            sums: self.sums[at],
            homes: self.homes[at],
        }
    }

    /// Changes the summary of subtree `at`.
    pub(super) fn set(&mut self, at: usize, summary: &Summary) {
        let Summary {
            span,
            gap,
            sums,
            homes,
        } = *summary;
        self.spans[at] = span;
        self.gaps[at] = gap;
        self.sums[at] = sums;
        self.homes[at] = homes;
    }

    /// Puts a subtree directly behind subtree `at`, as part of it.
    pub(super) fn append(&mut self, at: usize, other: &Summary) {
        self.homes[at] = self.homes[at].and(other.homes, self.spans[at]);
        self.grow(at, other);
    }

    /// Puts a subtree directly before subtree `at`, as part of it.
    pub(super) fn prepend(&mut self, at: usize, other: &Summary) {
        self.homes[at] = other.homes.and(self.homes[at], other.span);
        self.grow(at, other);
    }

    fn grow(&mut self, at: usize, other: &Summary) {
        self.spans[at] += other.span;
        self.gaps[at] = self.gaps[at].max(other.gap);
        self.sums[at].add(&other.sums);
    }

    /// Subtracts the sums of subtree `at` from `sums`.
    pub(super) fn subtract_sums(&self, at: usize, sums: &mut Sums) {
        sums.subtract(&self.sums[at]);
    }

    /// Adds a difference to the span of subtree `at`.
    #[inline]
    pub(super) fn adjust_span(&mut self, at: usize, span: u64) {
        self.spans[at] = self.spans[at].wrapping_add(span);
    }

    /// Adds a difference to the sums of subtree `at`.
    #[inline]
    pub(super) fn adjust_sums(&mut self, at: usize, sums: &Sums) {
        self.sums[at].add(sums);
    }

    /// Sets the largest gap of subtree `at`.
    #[inline]
    pub(super) fn set_gap(&mut self, at: usize, gap: u64) {
        self.gaps[at] = gap;
    }

    /// The largest gap of all.
    #[inline]
    pub(super) fn largest_gap(&self) -> u64 {
        self.gaps().iter().fold(0, |largest, &gap| largest.max(gap))
    }

    /// Sets the homes of subtree `at`, and answers those of all.
    pub(super) fn set_homes(&mut self, at: usize, homes: Homes) -> Homes {
        self.homes[at] = homes;
        self.all_homes()
    }

    /// The homes of all.
    pub(super) fn all_homes(&self) -> Homes {
        let mut offset = 0;
        self.homes[..self.len]
            .iter()
            .zip(&self.spans)
            .fold(Homes::NONE, |all, (&one, span)| {
                let all = all.and(one, offset);
                offset += span;
                all
            })
    }

    /// Puts a subtree before subtree `at`.
    pub(super) fn insert(&mut self, at: usize, child: NodeId, summary: &Summary) {
        debug_assert!(at <= self.len && self.len < INNER);
        self.shift(at, 1);
        self.children[at] = child;
        self.set(at, summary);
    }

    /// Takes subtree `at` out.
    pub(super) fn remove(&mut self, at: usize) {
        self.close(at, 1);
    }

    /// Moves `count` subtrees from the end of this node to the front of `right`.
    pub(super) fn move_to_front_of(&mut self, right: &mut Self, count: usize) {
        right.shift(0, count);
        self.len -= count;
        right.copy_from(0, self, self.len, count);
    }

    /// Moves `count` subtrees from the front of `right` to the end of this node.
    pub(super) fn take_from_front_of(&mut self, right: &mut Self, count: usize) {
        self.copy_from(self.len, right, 0, count);
        self.len += count;
        right.close(0, count);
    }

    /// Makes room for `count` subtrees before subtree `at`.
    fn shift(&mut self, at: usize, count: usize) {
        let (old, to) = (at..self.len, at + count);
        self.spans.copy_within(old.clone(), to);
        self.gaps.copy_within(old.clone(), to);
        self.children.copy_within(old.clone(), to);
        self.sums.copy_within(old.clone(), to);
        self.homes.copy_within(old, to);
        self.len += count;
    }

    /// Takes `count` subtrees out, from subtree `at` on.
    fn close(&mut self, at: usize, count: usize) {
        let old = at + count..self.len;
        self.spans.copy_within(old.clone(), at);
        self.gaps.copy_within(old.clone(), at);
        self.children.copy_within(old.clone(), at);
        self.sums.copy_within(old.clone(), at);
        self.homes.copy_within(old, at);
        self.len -= count;
    }

    /// Copies `count` subtrees over those from `at` on.
    fn copy_from(&mut self, at: usize, other: &Self, from: usize, count: usize) {
        let (to, from) = (at..at + count, from..from + count);
        self.spans[to.clone()].copy_from_slice(&other.spans[from.clone()]);
        self.gaps[to.clone()].copy_from_slice(&other.gaps[from.clone()]);
        self.children[to.clone()].copy_from_slice(&other.children[from.clone()]);
        self.sums[to.clone()].copy_from_slice(&other.sums[from.clone()]);
        self.homes[to].copy_from_slice(&other.homes[from]);
    }

    /// The summary of all.
    pub(super) fn summary(&self) -> Summary {
        self.summary_of(0..self.len)
    }

    /// The summary of some neighbouring subtrees.
    pub(super) fn summary_of(&self, range: core::ops::Range<usize>) -> Summary {
        let mut all = Summary::EMPTY;
        for at in range {
            all.homes = all.homes.and(self.homes[at], all.span);
            all.span += self.spans[at];
            all.gap = all.gap.max(self.gaps[at]);
            all.sums.add(&self.sums[at]);
        }
        all
    }
}
