//! A run that moves and leaves a changed copy of each of its mappings behind: what `MREMAP_DONTUNMAP` does with many.

use super::VmaTree;
use super::path::Path;
use super::piece::Piece;
use super::pool::NodeId;
use crate::vma::Vma;
use crate::vma::merge::{Relation, relation};
use crate::{PageRange, VirtAddr};

/// The copies so far, and what is needed for the next one.
struct Copies {
    piece: Piece,
    /// The last copy.
    last: Option<Vma>,
    /// Where the mapping before the next one ends.
    base: u64,
}

impl VmaTree {
    /// Does what [`VmaTree::move_run`] does, and leaves of each mapping what `change` makes of it where it was; that merges with nobody
    /// either, and its range must stay. O(log n), and a few steps for each mapping.
    ///
    /// # Panics
    /// As [`VmaTree::move_run`]: [`VmaTree::reserve_moves`] for two moves, and as many mappings more.
    pub fn move_run_leaving(&mut self, range: PageRange, to: VirtAddr, mut change: impl FnMut(&mut Vma)) {
        let mut path = Path::NOWHERE;
        let Some(first) = self.begin_run(range, &mut path) else {
            return;
        };
        let (mut run, base) = self.cut_out(&mut path, range.end());
        assert!(
            base + run.total.span <= range.end().get(),
            "a mapping crosses the end of {range:?}"
        );
        let rest = Piece {
            node: self.root,
            height: self.height,
            total: self.total,
        };
        self.clear_root();
        let mut copies = Copies {
            piece: Piece::NOTHING,
            last: None,
            base,
        };
        self.copy_changed(run.node, run.height, &mut copies, &mut change);
        self.plant_piece(&rest);
        let len = run.total.span - (first.start().get() - base);
        self.hang_run(&mut copies.piece, first.start().get(), len);
        let shift = to.get().wrapping_sub(range.start().get());
        self.hang_run(&mut run, first.start().get().wrapping_add(shift), len);
    }

    /// Appends a copy of each leaf below `node`. The tree must be empty.
    fn copy_changed(
        &mut self,
        node: NodeId,
        level: usize,
        copies: &mut Copies,
        change: &mut impl FnMut(&mut Vma),
    ) {
        self.visit(1);
        if level == 0 {
            return self.copy_leaf(node, copies, change);
        }
        for at in 0..self.inners.get(node).len() {
            let child = self.inners.get(node).child(at);
            self.copy_changed(child, level - 1, copies, change);
        }
    }

    fn copy_leaf(&mut self, node: NodeId, copies: &mut Copies, change: &mut impl FnMut(&mut Vma)) {
        let new = self.leaves.take();
        let (from, to) = self.leaves.pair_mut(node, new);
        to.clear();
        for (at, extent) in from.extents().iter().enumerate() {
            let mut vma = from.get(at, copies.base);
            change(&mut vma);
            if at == 0 {
                to.head = match &copies.last {
                    Some(last) if extent.gap == 0 => relation(last, &vma),
                    _ => Relation::Apart,
                };
            }
            to.insert(at, *extent, &vma);
            copies.base += extent.reach();
            copies.last = Some(vma);
        }
        let leaf = Piece {
            node: new,
            height: 0,
            total: to.summary(),
        };
        self.join(&mut copies.piece, &leaf);
        self.clear_root();
    }
}
