//! What an edit of a leaf changes on the way to the root.

use super::VmaTree;
use super::path::Path;
use super::summary::Sums;
use crate::vma::Vma;

/// What an edit changes for the nodes above its leaf.
pub(super) struct Change {
    /// How much further the leaf reaches.
    pub(super) span: u64,
    /// What there is more.
    pub(super) sums: Sums,
    /// The largest gap that is gone or smaller; zero for none.
    pub(super) removed: u64,
    /// The largest gap that is new or larger; zero for none.
    pub(super) added: u64,
}

impl VmaTree {
    /// Carries the change of a leaf up to the root.
    pub(super) fn propagate(&mut self, path: &Path, change: &Change) {
        self.carry_up::<true>(path, change);
    }

    /// The same where every mapping of the leaf still ends where one ended, and the gaps are what they were.
    #[inline(always)]
    pub(super) fn propagate_sums(&mut self, path: &Path, sums: &Sums) {
        if self.total.sums.homing() != 0 || sums.has_pairs() {
            let change = Change {
                span: 0,
                sums: *sums,
                removed: 0,
                added: 0,
            };
            return self.propagate(path, &change);
        }
        for step in &path.steps[1..=self.height] {
            self.inners.get_mut(step.node).adjust_sums(step.at(), sums);
        }
        self.total.sums.add(sums);
    }

    /// The same for mappings that only have moved: at most pairs are gone.
    pub(super) fn propagate_move(&mut self, path: &Path, change: &Change) {
        if change.sums.has_pairs() {
            self.carry_up::<true>(path, change);
        } else {
            self.carry_up::<false>(path, change);
        }
    }

    /// Carries the change of a leaf up to the root; its sums only if `SUMS` says so.
    #[inline(always)]
    fn carry_up<const SUMS: bool>(&mut self, path: &Path, change: &Change) {
        let homing = self.total.sums.homing() != 0 || change.sums.has_pairs();
        let mut homes = if homing {
            Some(self.leaf(path).homes())
        } else {
            None
        };
        let mut gaps = Some((change.removed, change.added));
        for level in 1..=self.height {
            let step = path.steps[level];
            let inner = self.inners.get(step.node);
            let (old, span) = (inner.gaps()[step.at()], inner.spans()[step.at()]);
            let span = span.wrapping_add(change.span);
            gaps = gaps.and_then(|gaps| self.change_of_gap(path, level, (old, span), gaps));
            let inner = self.inners.get_mut(step.node);
            inner.adjust_span(step.at(), change.span);
            if SUMS {
                inner.adjust_sums(step.at(), &change.sums);
            }
            if let Some((_, gap)) = gaps {
                inner.set_gap(step.at(), gap);
            }
            if let Some(below) = homes {
                homes = Some(inner.set_homes(step.at(), below));
            }
        }
        self.total.span = self.total.span.wrapping_add(change.span);
        if let Some(gaps) = gaps {
            self.change_largest_gap(path, gaps);
        }
        if SUMS {
            self.total.sums.add(&change.sums);
        }
        if let Some(homes) = homes {
            self.total.homes = homes;
        }
    }

    /// The largest gap of the tree, where of its gaps, one was `removed` and another `added`.
    #[inline(always)]
    fn change_largest_gap(&mut self, path: &Path, gaps: (u64, u64)) {
        let tree = (self.total.gap, self.total.span);
        if let Some((_, gap)) = self.change_of_gap(path, self.height + 1, tree, gaps) {
            self.total.gap = gap;
        }
    }

    /// The largest gap of the node of `path` below `level`, `old` up to now, and what it becomes where of the gaps below it, one was
    /// `removed` and another `added`; `None` if it stays. The node reaches over `span` bytes.
    #[inline(always)]
    fn change_of_gap(
        &self,
        path: &Path,
        level: usize,
        (old, span): (u64, u64),
        (removed, added): (u64, u64),
    ) -> Option<(u64, u64)> {
        // No other is larger than one that is half of all, such as the bytes between the heap and what `mmap` maps.
        let new = if added >= old || added >= span / 2 {
            added
        } else if removed < old {
            old
        } else {
            self.largest_gap_below(path, level)
        };
        if new == old { None } else { Some((old, new)) }
    }

    /// The largest gap of the node of `path` below `level`.
    #[inline(never)]
    fn largest_gap_below(&self, path: &Path, level: usize) -> u64 {
        if level == 1 {
            self.leaf(path).largest_gap()
        } else {
            self.inners.get(path.steps[level - 1].node).largest_gap()
        }
    }

    /// Carries up to the root that a mapping like `vma` has grown by `bytes`, out of a gap that was `gap` bytes long.
    pub(super) fn propagate_stretch(&mut self, path: &Path, vma: &Vma, bytes: u64, gap: u64) {
        self.propagate_within(path, &Sums::of_bytes(vma, bytes), (gap, gap - bytes));
    }

    /// Carries up to the root what a leaf has more of, where no mapping of it has moved and no pair has come or gone: of its gaps, one
    /// was `removed` and another `added`.
    #[inline(always)]
    pub(super) fn propagate_within(&mut self, path: &Path, sums: &Sums, (removed, added): (u64, u64)) {
        let mut gaps = Some((removed, added));
        for level in 1..=self.height {
            let step = path.steps[level];
            let inner = self.inners.get(step.node);
            let node = (inner.gaps()[step.at()], inner.spans()[step.at()]);
            gaps = gaps.and_then(|gaps| self.change_of_gap(path, level, node, gaps));
            let inner = self.inners.get_mut(step.node);
            inner.adjust_sums(step.at(), sums);
            if let Some((_, gap)) = gaps {
                inner.set_gap(step.at(), gap);
            }
        }
        if let Some(gaps) = gaps {
            self.change_largest_gap(path, gaps);
        }
        self.total.sums.add(sums);
    }
}
