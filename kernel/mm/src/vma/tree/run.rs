//! Runs of neighbouring mappings: what a plan asks of them, and how one is moved without touching its mappings.

use super::leaf::Leaf;
use super::path::Path;
use super::pool::NodeId;
use super::summary::{Homes, Summary};
use super::{Totals, VmaTree};
use crate::vma::Vma;
use crate::{Errno, PageRange, VirtAddr};

/// What is known of all mappings of a run together; see [`VmaTree::run`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Sums over the mappings.
    pub totals: Totals,
    /// From the start of the first mapping to the end of the last; `None` where there is none.
    pub span: Option<PageRange>,
    /// How many of them are sealed.
    pub sealed: u64,
    /// How many a move of several refuses ([`Vma::refuses_multi_move`]).
    pub lone: u64,
    /// How many `MREMAP_DONTUNMAP` refuses ([`Vma::refuses_dontunmap`]).
    pub indivisible: u64,
    /// How many have an object that must be told ([`Vma::tells_object`]).
    pub told: u64,
}

impl Run {
    /// Whether there are free bytes between the mappings.
    pub fn has_holes(&self) -> bool {
        self.span.is_some_and(|span| span.len() != self.totals.bytes)
    }
}

impl VmaTree {
    /// What is known of the mappings that share a page with `range`, in O(log n).
    pub fn run(&self, range: PageRange) -> Run {
        let bounds = self.bounds_of(range);
        let summary = bounds.map_or(Summary::EMPTY, |(first, last)| self.sum_up(&first, &last));
        let Summary { sums, .. } = summary;
        let span = bounds.and_then(|(first, last)| {
            Some(PageRange::between(
                self.at(&first)?.start(),
                self.at(&last)?.end(),
            ))
        });
        Run {
            totals: Totals::of(&sums),
            span,
            sealed: sums.sealed().into(),
            lone: sums.lone().into(),
            indivisible: sums.indivisible().into(),
            told: sums.told().into(),
        }
    }

    /// The first mapping that starts in `range` and must be looked at by itself in a move of several mappings by `shift` bytes: it is
    /// sealed, refuses such a move, has an object that must be told, or joins the mapping before it at the target (which may lie
    /// before `range`), as [`merge::relation`](crate::vma::merge::relation) says. O(log n) for each
    /// pair that would join at a shift near this one.
    ///
    /// Mappings between two such ones do what [`VmaTree::move_run`] does: nothing.
    pub fn first_exception(&self, range: PageRange, shift: i64) -> Option<Vma> {
        if self.is_empty() {
            return None;
        }
        let search = Search {
            tree: self,
            start: range.start().get(),
            end: range.end().get(),
            shift,
        };
        if search.skips(&self.total, 0) {
            return None;
        }
        search.node(self.root, self.height, 0)
    }

    /// Moves all mappings in `range` so that what lay at its start lies at `to`, in O(log n). They merge with nobody.
    ///
    /// # Panics
    /// If a mapping crosses an end of `range`, the target is not free or leaves the address space, or too little is reserved
    /// ([`VmaTree::reserve_moves`]).
    pub fn move_run(&mut self, range: PageRange, to: VirtAddr) {
        if self.is_empty() || self.is_free(range) {
            return;
        }
        let path = self.locate(range.start().get());
        let (left, rest) = self.cut(&path);
        let base = left.total.span;
        let gap = self.first_gap(&rest);
        assert!(
            base + gap >= range.start().get(),
            "a mapping crosses the start of {range:?}"
        );
        let from = base + gap;
        self.plant_piece(rest);
        let path = self.locate(range.end().get() - base);
        let (run, right) = self.cut(&path);
        assert!(
            base + run.total.span <= range.end().get(),
            "a mapping crosses the end of {range:?}"
        );
        let behind = if right.is_empty() {
            0
        } else {
            self.first_gap(&right)
        };
        let right = self.set_first(right, run.total.span + behind, None);
        let rest = self.join(left, right);
        self.plant_piece(rest);
        let to = to.get() + (from - range.start().get());
        let len = run.total.span - gap;
        self.hang_run(run, to, len);
    }

    /// Sets memory aside for `moves` calls of [`VmaTree::move_run`].
    ///
    /// # Errors
    /// `ENOMEM`; the mappings are as before.
    pub fn reserve_moves(&mut self, moves: usize) -> Result<(), Errno> {
        let (leaves, inners) = self.nodes_for_moves(moves);
        self.leaves.reserve(leaves, &Leaf::BLANK)?;
        self.inners.reserve(inners, &super::Inner::BLANK)
    }

    /// How many leaves and inner nodes `moves` runs need at most.
    pub(super) fn nodes_for_moves(&self, moves: usize) -> (usize, usize) {
        // A move makes three cuts and three joins. A cut halves a leaf, and a node at each level; putting the halves together, and
        // a join, can make as many nodes again on either side. What stays is the halves.
        let levels = self.height + 2;
        (3 * moves, 18 * levels + 3 * levels * moves)
    }

    /// Puts a run of `len` bytes in, at `to`.
    fn hang_run(&mut self, run: super::piece::Piece, to: u64, len: u64) {
        if self.is_empty() {
            let run = self.set_first(run, to, None);
            return self.plant_piece(run);
        }
        let path = self.locate(to);
        let (left, right) = self.cut(&path);
        let base = left.total.span;
        let next = if right.is_empty() {
            u64::MAX
        } else {
            base + self.first_gap(&right)
        };
        assert!(to >= base && next - to >= len, "the target of a run is not free");
        let last = self.last_of(&left, 0);
        let run = self.set_first(run, to - base, last);
        let left = self.join(left, run);
        let last = if next - to == len {
            self.last_of(&left, 0)
        } else {
            None
        };
        let right = self.set_first(right, next.wrapping_sub(to + len), last);
        let all = self.join(left, right);
        self.plant_piece(all);
    }

    /// The first and the last mapping that share a page with `range`.
    fn bounds_of(&self, range: PageRange) -> Option<(Path, Path)> {
        if self.is_free(range) || range.is_empty() {
            return None;
        }
        let first = self.locate(range.start().get());
        let path = self.locate(range.end().get() - 1);
        let last = match self.at(&path) {
            Some(vma) if vma.start() < range.end() => path,
            _ => self.step_back(&path)?,
        };
        Some((first, last))
    }

    /// The summary of the mappings from `first` to `last`.
    fn sum_up(&self, first: &Path, last: &Path) -> Summary {
        self.visit(2 * (self.height + 1));
        if first.steps[0].node == last.steps[0].node {
            return fold(self.leaf(first).summaries(first.at()..last.at() + 1));
        }
        let leaf = self.leaf(first);
        let mut sum = fold(leaf.summaries(first.at()..leaf.len()));
        let mut end = fold(self.leaf(last).summaries(0..last.at() + 1));
        for level in 1..=self.height {
            let (from, to) = (first.steps[level], last.steps[level]);
            let inner = self.inners.get(from.node);
            if from.node == to.node {
                let between = fold((from.at() + 1..to.at()).map(|at| inner.get(at)));
                return sum.then(&between).then(&end);
            }
            sum = sum.then(&fold((from.at() + 1..inner.len()).map(|at| inner.get(at))));
            let inner = self.inners.get(to.node);
            end = fold((0..to.at()).map(|at| inner.get(at))).then(&end);
        }
        sum.then(&end)
    }
}

fn fold(summaries: impl Iterator<Item = Summary>) -> Summary {
    summaries.fold(Summary::EMPTY, |all, one| all.then(&one))
}

/// See [`VmaTree::first_exception`].
struct Search<'a> {
    tree: &'a VmaTree,
    start: u64,
    end: u64,
    shift: i64,
}

impl Search<'_> {
    /// The first exception in the subtree of `node`, whose base is `base`.
    fn node(&self, node: NodeId, level: usize, base: u64) -> Option<Vma> {
        self.tree.visit(1);
        if level == 0 {
            return self.leaf(self.tree.leaves.get(node), base);
        }
        let inner = self.tree.inners.get(node);
        let mut base = base;
        for at in 0..inner.len() {
            let end = base + inner.spans()[at];
            if base >= self.end {
                return None;
            }
            if end > self.start && !self.skips(&inner.get(at), base) {
                let found = self.node(inner.child(at), level - 1, base);
                if found.is_some() {
                    return found;
                }
            }
            base = end;
        }
        None
    }

    fn leaf(&self, leaf: &Leaf, mut base: u64) -> Option<Vma> {
        for (at, summary) in leaf.summaries(0..leaf.len()).enumerate() {
            let start = base + summary.gap;
            if start >= self.end {
                return None;
            }
            if start >= self.start && !self.skips(&summary, base) {
                return Some(leaf.get(at, base));
            }
            base += summary.span;
        }
        None
    }

    /// Whether nothing in a subtree with this summary is an exception.
    fn skips(&self, summary: &Summary, base: u64) -> bool {
        let sums = &summary.sums;
        let flagged = sums.sealed() | sums.lone() | sums.told() | sums.joining() != 0;
        let Homes { least, greatest } = summary.homes;
        let target = (base as i64).wrapping_add(self.shift);
        !flagged && (sums.homing() == 0 || target < least || target > greatest)
    }
}
