//! The upper nodes: subtrees in order, and what is known of each.

use super::pool::NodeId;
use super::summary::{Homes, Summary, Sums};

/// How many subtrees an inner node holds, so that it is 2 KiB.
pub(super) const INNER: usize = 20;
/// How many it holds at least, unless it is the root, which holds two.
pub(super) const INNER_MIN: usize = 7;

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

impl Inner {
    /// A node without subtrees.
    pub(super) const BLANK: Self = Self {
        len: 0,
        spans: [0; INNER],
        gaps: [0; INNER],
        children: [0; INNER],
        sums: [Summary::EMPTY.sums; INNER],
        homes: [Homes::NONE; INNER],
    };

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

    /// Adds a difference to the span and the sums of subtree `at`.
    #[inline]
    pub(super) fn adjust(&mut self, at: usize, span: u64, sums: &Sums) {
        self.spans[at] = self.spans[at].wrapping_add(span);
        self.sums[at].add(sums);
    }

    /// Sets the largest gap of subtree `at`, and answers the largest of all; `None` if nothing has changed.
    #[inline]
    pub(super) fn set_gap(&mut self, at: usize, gap: u64) -> Option<u64> {
        if self.gaps[at] == gap {
            return None;
        }
        self.gaps[at] = gap;
        Some(self.gaps().iter().fold(0, |largest, &gap| largest.max(gap)))
    }

    /// Sets the homes of subtree `at`, and answers those of all.
    pub(super) fn set_homes(&mut self, at: usize, homes: Homes) -> Homes {
        self.homes[at] = homes;
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
        self.spans.copy_within(at..self.len, at + 1);
        self.gaps.copy_within(at..self.len, at + 1);
        self.children.copy_within(at..self.len, at + 1);
        self.sums.copy_within(at..self.len, at + 1);
        self.homes.copy_within(at..self.len, at + 1);
        self.len += 1;
        self.children[at] = child;
        self.set(at, summary);
    }

    /// Takes subtree `at` out.
    pub(super) fn remove(&mut self, at: usize) {
        self.spans.copy_within(at + 1..self.len, at);
        self.gaps.copy_within(at + 1..self.len, at);
        self.children.copy_within(at + 1..self.len, at);
        self.sums.copy_within(at + 1..self.len, at);
        self.homes.copy_within(at + 1..self.len, at);
        self.len -= 1;
    }

    /// Moves `count` subtrees from the end of this node to the front of `right`.
    pub(super) fn move_to_front_of(&mut self, right: &mut Self, count: usize) {
        for at in (self.len - count..self.len).rev() {
            right.insert(0, self.children[at], &self.get(at));
        }
        self.len -= count;
    }

    /// Moves `count` subtrees from the front of `right` to the end of this node.
    pub(super) fn take_from_front_of(&mut self, right: &mut Self, count: usize) {
        for at in 0..count {
            self.insert(self.len, right.children[at], &right.get(at));
        }
        for _ in 0..count {
            right.remove(0);
        }
    }

    /// The summary of all.
    pub(super) fn summary(&self) -> Summary {
        (0..self.len).fold(Summary::EMPTY, |all, at| all.then(&self.get(at)))
    }
}
