//! Running out of memory: only a reservation can, it changes nothing, and after it nothing can.

use super::model::Random;
use super::runs::{free_place, random_tree, whole_mappings};
use super::{anonymous, pages};
use crate::vma::tree::pool::NodeId;
use crate::vma::{Prot, Vma, VmaTree};
use crate::{Errno, PAGE_SIZE, PageRange, VirtAddr};
use std::vec::Vec;

impl VmaTree {
    /// Hides all free nodes but as many as are named.
    pub(super) fn squeeze(&mut self, (leaves, inners): (usize, usize)) -> (Vec<NodeId>, Vec<NodeId>) {
        let leaves = (leaves..self.leaves.reserved())
            .map(|_| self.leaves.take())
            .collect();
        let inners = (inners..self.inners.reserved())
            .map(|_| self.inners.take())
            .collect();
        (leaves, inners)
    }

    /// Hides all free nodes for good.
    pub(crate) fn lose_spare_nodes(&mut self) {
        drop(self.squeeze((0, 0)));
    }

    pub(super) fn release(&mut self, (leaves, inners): (Vec<NodeId>, Vec<NodeId>)) {
        leaves.into_iter().for_each(|node| self.leaves.give(node));
        inners.into_iter().for_each(|node| self.inners.give(node));
    }
}

#[test]
fn a_failed_reservation_changes_nothing() {
    let mut random = Random(0xdead);
    for count in [1, 14, 15, 16, 100, 700] {
        let mut tree = random_tree(&mut random, count);
        let before = tree.all();
        for (leaves, inners) in [(0, 0), (1, 0), (0, 1), (2, 5), (9, 2)] {
            tree.leaves.most_chunks = tree.leaves.chunks() + leaves;
            tree.inners.most_chunks = tree.inners.chunks() + inners;
            assert_eq!(tree.reserve(100_000), Err(Errno::ENOMEM));
            assert_eq!(tree.reserve_moves(100_000, 0), Err(Errno::ENOMEM));
            tree.check();
            assert_eq!(tree.all(), before);
        }
        (tree.leaves.most_chunks, tree.inners.most_chunks) = (usize::MAX, usize::MAX);
        assert_eq!(tree.reserve(1000), Ok(()));
    }
}

#[test]
fn what_is_reserved_for_new_mappings_suffices() {
    let mut random = Random(0xfeed);
    for round in 0..400 {
        // Every second page is mapped, in an order that leaves the nodes now full, now half full.
        let mut tree = VmaTree::new();
        let count = 1 + random.below(if round % 8 == 0 { 6000 } else { 200 });
        for at in 0..count {
            let at = if round % 2 == 0 { at } else { at * 7919 % count };
            tree.reserve(1).unwrap();
            let page = 4 * at;
            if tree.find(VirtAddr::new(page * PAGE_SIZE)).is_none() {
                tree.insert(anonymous(pages(page, page + 1), Prot::READ));
            }
        }
        let added = 1 + random.below(60);
        tree.reserve(added as usize).unwrap();
        let hidden = tree.squeeze(tree.nodes_for(added as usize));
        // All in one place, or as far apart as can be.
        let apart = if random.below(2) == 0 {
            1
        } else {
            (count / added).max(1)
        };
        let mut left = added;
        for at in 0..count {
            for page in [4 * at + 1, 4 * at + 2, 4 * at + 3] {
                let free = tree.find(VirtAddr::new(page * PAGE_SIZE)).is_none();
                if at % apart == 0 && left > 0 && free {
                    tree.insert(anonymous(pages(page, page + 1), Prot::WRITE));
                    left -= 1;
                }
            }
        }
        tree.release(hidden);
        tree.check();
    }
}

#[test]
fn what_is_reserved_for_moves_suffices() {
    let mut random = Random(0xbeef);
    for round in 0..300 {
        let count = 1 + random.below(if round % 10 == 0 { 5000 } else { 300 });
        let mut tree = random_tree(&mut random, count);
        let moves = 1 + random.below(6) as usize;
        tree.reserve_moves(moves, 0).unwrap();
        let (leaves, inners) = (tree.nodes_for(0), tree.nodes_for_moves(moves));
        let hidden = tree.squeeze((leaves.0 + inners.0, leaves.1 + inners.1));
        for _ in 0..moves {
            let all = tree.all();
            let range = whole_mappings(&mut random, &all);
            let to = free_place(&mut random, &all, range, range.len());
            tree.move_run(range, to);
        }
        tree.release(hidden);
        tree.check();
    }
}

#[test]
fn what_is_reserved_for_a_run_that_leaves_copies_suffices() {
    let mut random = Random(0xc0b1);
    for round in 0..300 {
        let count = 1 + random.below(if round % 10 == 0 { 5000 } else { 300 });
        let mut tree = random_tree(&mut random, count);
        let all = tree.all();
        let range = whole_mappings(&mut random, &all);
        let to = free_place(&mut random, &all, range, range.len());
        let inside: Vec<Vma> = tree.iter(range).collect();
        tree.reserve_moves(2, inside.len()).unwrap();
        let (leaves, inners) = (tree.nodes_for(inside.len()), tree.nodes_for_moves(2));
        let hidden = tree.squeeze((leaves.0 + inners.0, leaves.1 + inners.1));
        tree.move_run_leaving(range, to, |vma| vma.anon = None);
        tree.release(hidden);
        tree.check();
        let mut expected = all.clone();
        for vma in expected.iter_mut().filter(|vma| range.overlaps(vma.range)) {
            vma.anon = None;
        }
        expected.extend(inside.iter().map(|vma| {
            let start = to + (vma.start() - range.start());
            vma.moved_to(PageRange::between(start, start + vma.range.len()))
        }));
        expected.sort_by_key(Vma::start);
        assert_eq!(tree.all(), expected);
    }
}
