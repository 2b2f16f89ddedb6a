//! Runs of neighbouring mappings: what a plan asks of them, and how one is moved without touching its mappings.

use super::leaf::Leaf;
use super::path::Path;
use super::piece::Piece;
use super::pool::NodeId;
use super::summary::{Homes, Summary, Sums};
use super::{Totals, VmaTree};
use crate::vma::Vma;
use crate::vma::merge::Relation;
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

/// How many mappings are moved faster one by one than by cutting the tree.
const FEW: usize = 4;

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
            pairs: self.total.sums.has_pairs(),
        };
        if search.skips(&self.total.sums, self.total.homes, 0) {
            return None;
        }
        search.node(self.root, self.height, 0)
    }

    /// Leads to the first mapping of a run that is to move, if there is one in `range`.
    ///
    /// # Panics
    /// If it crosses the start.
    #[inline(always)]
    pub(super) fn begin_run(&mut self, range: PageRange, path: &mut Path) -> Option<Vma> {
        self.forget_plain();
        if self.is_empty() {
            return None;
        }
        self.lead(path, range.start().get());
        let first = self.at(path).filter(|vma| vma.start() < range.end())?;
        assert!(
            first.start() >= range.start(),
            "a mapping crosses the start of {range:?}"
        );
        Some(first)
    }

    /// Moves all mappings in `range` so that what lay at its start lies at `to`, in O(log n). They merge with nobody.
    ///
    /// # Panics
    /// If a mapping crosses an end of `range`, the target is not free or leaves the address space, or too little is reserved
    /// ([`VmaTree::reserve_moves`]).
    pub fn move_run(&mut self, range: PageRange, to: VirtAddr) {
        let mut path = Path::NOWHERE;
        let Some(first) = self.begin_run(range, &mut path) else {
            return;
        };
        let shift = to.get().wrapping_sub(range.start().get());
        if self.move_few(&path, range, shift) {
            return;
        }
        let (mut run, base) = self.cut_out(&mut path, range.end());
        assert!(
            base + run.total.span <= range.end().get(),
            "a mapping crosses the end of {range:?}"
        );
        let len = run.total.span - (first.start().get() - base);
        self.hang_run(&mut run, first.start().get().wrapping_add(shift), len);
    }

    /// Takes the mappings from `path` on that end at `end` or before out of the tree, at least one; answers them and their base.
    /// `path` leads nowhere then.
    pub(super) fn cut_out(&mut self, path: &mut Path, end: VirtAddr) -> (Piece, u64) {
        let (mut left, mut run, mut right) = (Piece::NOTHING, Piece::NOTHING, Piece::NOTHING);
        self.cut(path, &mut left, &mut right);
        let base = left.total.span;
        self.plant_piece(&right);
        self.lead(path, end.get() - base);
        self.cut(path, &mut run, &mut right);
        if !right.is_empty() {
            let gap = run.total.span + self.first_gap(&right);
            self.set_first(&mut right, gap, None);
            self.join(&mut left, &right);
        }
        self.plant_piece(&left);
        (run, base)
    }

    /// Moves the mappings from `path` on one by one if there are few of them; answers whether it has.
    fn move_few(&mut self, path: &Path, range: PageRange, shift: u64) -> bool {
        let mut run = [const { None }; FEW];
        let mut next = Some(*path);
        let mut count = 0;
        while let Some(vma) = next
            .and_then(|path| self.at(&path))
            .filter(|vma| vma.start() < range.end())
        {
            if count == FEW {
                return false;
            }
            assert!(vma.end() <= range.end(), "a mapping crosses the end of {range:?}");
            run[count] = Some(vma);
            count += 1;
            next = next.and_then(|path| self.step_on(&path));
        }
        for vma in run.iter().flatten() {
            self.remove(vma.start());
        }
        for vma in run.iter().flatten() {
            let start = VirtAddr::new(vma.start().get().wrapping_add(shift));
            self.insert(vma.moved_to(PageRange::between(start, start + vma.range.len())));
        }
        true
    }

    /// Sets memory aside for `moves` calls of [`VmaTree::move_run`], and for edits between them that together add at most `added`
    /// mappings, as [`VmaTree::reserve`] does.
    ///
    /// # Errors
    /// `ENOMEM`; the mappings are as before.
    pub fn reserve_moves(&mut self, moves: usize, added: usize) -> Result<(), Errno> {
        self.check_room(added)?;
        let (leaves, inners) = self.nodes_for(added);
        let (more_leaves, more_inners) = self.nodes_for_moves(moves);
        self.leaves.reserve(leaves + more_leaves, &Leaf::BLANK)?;
        self.inners.reserve(inners + more_inners, &super::Inner::BLANK)
    }

    /// How many leaves and inner nodes `moves` runs need at most.
    pub(super) fn nodes_for_moves(&self, moves: usize) -> (usize, usize) {
        if moves == 0 {
            return (0, 0);
        }
        // A move makes three cuts and three joins. A cut halves a leaf, and a node at each level; putting the halves together, and
        // a join, can make as many nodes again on either side. What stays is the halves.
        let levels = self.height + 2;
        (3 * moves, 18 * levels + 3 * levels * moves)
    }

    /// Puts a run of `len` bytes in, at `to`.
    pub(super) fn hang_run(&mut self, run: &mut Piece, to: u64, len: u64) {
        if self.is_empty() {
            self.set_first(run, to, None);
            return self.plant_piece(run);
        }
        let path = self.locate(to);
        let (mut left, mut right) = (Piece::NOTHING, Piece::NOTHING);
        self.cut(&path, &mut left, &mut right);
        let base = left.total.span;
        let next = if right.is_empty() {
            u64::MAX
        } else {
            base + self.first_gap(&right)
        };
        assert!(to >= base && next - to >= len, "the target of a run is not free");
        let last = if to == base { self.last_of(&left) } else { None };
        self.set_first(run, to - base, last.as_ref());
        self.join(&mut left, run);
        let last = if next - to == len {
            self.last_of(&left)
        } else {
            None
        };
        self.set_first(&mut right, next.wrapping_sub(to + len), last.as_ref());
        self.join(&mut left, &right);
        self.plant_piece(&left);
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
            return self.leaf(first).summary_of(first.at()..last.at() + 1);
        }
        let leaf = self.leaf(first);
        let mut sum = leaf.summary_of(first.at()..leaf.len());
        let mut end = self.leaf(last).summary_of(0..last.at() + 1);
        for level in 1..=self.height {
            let (from, to) = (first.steps[level], last.steps[level]);
            let inner = self.inners.get(from.node);
            if from.node == to.node {
                let between = inner.summary_of(from.at() + 1..to.at());
                return sum.then(&between).then(&end);
            }
            sum = sum.then(&inner.summary_of(from.at() + 1..inner.len()));
            let inner = self.inners.get(to.node);
            end = inner.summary_of(0..to.at()).then(&end);
        }
        sum.then(&end)
    }
}

/// See [`VmaTree::first_exception`].
struct Search<'a> {
    tree: &'a VmaTree,
    start: u64,
    end: u64,
    shift: i64,
    /// Whether any pair in the tree joins at any shift.
    pairs: bool,
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
            if end > self.start && !self.skips(inner.sums(at), inner.homes(at), base) {
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
        for (at, extent) in leaf.extents().iter().enumerate() {
            let start = base + extent.gap;
            if start >= self.end {
                return None;
            }
            let joins = || self.pairs && self.joins(leaf.pair(at), start);
            if start >= self.start && (leaf.is_flagged(at) || joins()) {
                return Some(leaf.get(at, base));
            }
            base += extent.reach();
        }
        None
    }

    /// Whether the mapping at `start` joins the one before it, which it is `pair` to.
    fn joins(&self, pair: Relation, start: u64) -> bool {
        match pair {
            Relation::Apart => false,
            Relation::Joins => true,
            Relation::JoinsAtHome(home) => start.wrapping_add_signed(self.shift) == home.get(),
        }
    }

    /// Whether nothing in a subtree with these sums and homes is an exception.
    #[inline]
    fn skips(&self, sums: &Sums, Homes { least, greatest }: Homes, base: u64) -> bool {
        let flagged = sums.sealed() | sums.lone() | sums.told() | sums.joining() != 0;
        let target = (base as i64).wrapping_add(self.shift);
        !flagged && (sums.homing() == 0 || target < least || target > greatest)
    }
}
