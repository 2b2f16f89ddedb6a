//! Runs moved whole, compared with moving their mappings one by one.

use super::super::Place;
use super::model::Random;
use super::{anonymous, pages};
use crate::vma::merge::{self, Relation};
use crate::vma::{Prot, Spare, Vma, VmaTree};
use crate::{PAGE_SIZE, PageRange, VirtAddr};
use std::vec::Vec;

/// A tree of `count` mappings of one page each, no two of which merge, from page `first` on.
fn alternating(count: u64, first: u64) -> VmaTree {
    let mut tree = VmaTree::new();
    for page in 0..count {
        let prot = if page % 2 == 0 {
            Prot::READ
        } else {
            Prot::READ | Prot::WRITE
        };
        tree.reserve(1).unwrap();
        tree.insert(anonymous(pages(first + page, first + page + 1), prot));
    }
    tree
}

fn shifted(vma: &Vma, from: VirtAddr, to: VirtAddr) -> Vma {
    let start = to + (vma.start() - from);
    vma.moved_to(PageRange::between(start, start + vma.range.len()))
}

/// The mappings after a move of those in `range`.
fn moved(all: &[Vma], range: PageRange, to: VirtAddr) -> Vec<Vma> {
    let place = |vma: &Vma| {
        if range.overlaps(vma.range) {
            shifted(vma, range.start(), to)
        } else {
            *vma
        }
    };
    let mut all: Vec<Vma> = all.iter().map(place).collect();
    all.sort_by_key(Vma::start);
    all
}

pub(super) fn random_tree(random: &mut Random, mappings: u64) -> VmaTree {
    let mut tree = VmaTree::new();
    let mut page = random.below(4);
    for _ in 0..mappings {
        let end = page + 1 + random.below(3);
        tree.reserve(1).unwrap();
        let vma = random.vma(pages(page, end));
        tree.insert(vma);
        page = end + random.below(5).saturating_sub(2);
    }
    tree
}

/// A range that begins and ends where no mapping is cut, and its span in pages.
pub(super) fn whole_mappings(random: &mut Random, all: &[Vma]) -> PageRange {
    let first = random.below(all.len() as u64) as usize;
    let last = first + random.below((all.len() - first) as u64) as usize;
    PageRange::between(all[first].start(), all[last].end())
}

#[test]
fn a_moved_run_lies_where_its_mappings_would() {
    let mut random = Random(0xc0ffee);
    let rounds = if cfg!(debug_assertions) { 300 } else { 3000 };
    for round in 0..rounds {
        let most = if round % 10 == 0 { 3000 } else { 60 };
        let count = 1 + random.below(most);
        let mut tree = random_tree(&mut random, count);
        for _ in 0..6 {
            let all = tree.all();
            let range = whole_mappings(&mut random, &all);
            let wanted = PAGE_SIZE * (range.pages() + random.below(3));
            let to = free_place(&mut random, &all, range, wanted);
            tree.check();
            tree.reserve_moves(1, 0).unwrap();
            tree.move_run(range, to);
            tree.check();
            assert_eq!(tree.all(), moved(&all, range, to));
        }
    }
}

#[test]
fn a_run_that_slides_lies_where_it_would_if_it_were_moved() {
    let mut random = Random(0x511de);
    let rounds = if cfg!(debug_assertions) { 300 } else { 3000 };
    let mut slid = 0;
    for round in 0..rounds {
        let most = if round % 10 == 0 { 3000 } else { 60 };
        let count = 1 + random.below(most);
        let mut tree = random_tree(&mut random, count);
        for _ in 0..12 {
            let all = tree.all();
            let range = whole_mappings(&mut random, &all);
            // To and fro over the free bytes around it, and a little too far.
            let before = all
                .iter()
                .rev()
                .find(|vma| vma.end() <= range.start())
                .map_or(0, |vma| vma.end().get());
            let next = all.iter().find(|vma| vma.start() >= range.end()).map(Vma::start);
            let behind = next.unwrap_or(range.end() + 9 * PAGE_SIZE).get();
            let room = (behind - before - range.len()) / PAGE_SIZE;
            let page = before / PAGE_SIZE + random.below(room + 4);
            let to = VirtAddr::new(page.saturating_sub(1) * PAGE_SIZE);
            let fits = to.get() > before && next.is_none_or(|next| to + range.len() < next);
            let mut first = Place::NOWHERE;
            assert!(tree.starting_at(range.start(), &mut first).is_some());
            let found = tree.find_slide(&first, range, to);
            assert_eq!(found.is_some(), fits, "{range:?} to {to:?}");
            if let Some(slide) = found {
                tree.slide(&first, &slide);
                tree.check();
                assert_eq!(tree.all(), moved(&all, range, to));
                slid += 1;
            }
        }
    }
    assert!(slid > rounds, "{slid} slides");
}

/// Some place outside `range` where `bytes` are free: often touching a mapping, on either side.
pub(super) fn free_place(random: &mut Random, all: &[Vma], range: PageRange, bytes: u64) -> VirtAddr {
    let behind_all = all[all.len() - 1].end();
    let mut places = std::vec![behind_all + (1 + random.below(9)) * PAGE_SIZE];
    for pair in all.windows(2) {
        let (start, end) = (pair[0].end(), pair[1].start());
        if end - start >= bytes && !range.contains(start) {
            places.push(start);
            places.push(VirtAddr::new(end.get() - bytes));
        }
    }
    if all[0].start().get() >= bytes {
        places.push(VirtAddr::new(all[0].start().get() - bytes));
    }
    places[random.below(places.len() as u64) as usize]
}

#[test]
fn a_run_is_summed_up_as_its_mappings_are() {
    let mut random = Random(0xadd);
    for _ in 0..40 {
        let count = 1 + random.below(2000);
        let tree = random_tree(&mut random, count);
        let all = tree.all();
        for _ in 0..20 {
            let range = whole_mappings(&mut random, &all);
            let inside: Vec<Vma> = all
                .iter()
                .copied()
                .filter(|vma| vma.range.overlaps(range))
                .collect();
            let run = tree.run(range);
            let count = |of: fn(&Vma) -> bool| inside.iter().filter(|vma| of(vma)).count() as u64;
            assert_eq!(run.span, Some(range));
            assert_eq!(run.totals.mappings, inside.len() as u64);
            assert_eq!(run.totals.bytes, inside.iter().map(|vma| vma.range.len()).sum());
            assert_eq!(
                run.sealed,
                count(|vma| vma.flags.contains(crate::vma::VmaFlags::SEALED))
            );
            assert_eq!(run.lone, count(Vma::refuses_multi_move));
            assert_eq!(run.indivisible, count(Vma::refuses_dontunmap));
            assert_eq!(run.told, count(Vma::tells_object));
        }
    }
}

#[test]
fn exceptions_are_those_that_a_walk_finds() {
    let mut random = Random(0xe4ce);
    for _ in 0..40 {
        let count = 1 + random.below(1500);
        let tree = random_tree(&mut random, count);
        let all = tree.all();
        for _ in 0..30 {
            let range = whole_mappings(&mut random, &all);
            let shift = (random.below(30) as i64 - 10) * PAGE_SIZE as i64;
            assert_eq!(tree.first_exception(range, shift), walk(&all, range, shift));
        }
    }
}

fn walk(all: &[Vma], range: PageRange, shift: i64) -> Option<Vma> {
    let flagged = |vma: &Vma| {
        vma.flags.contains(crate::vma::VmaFlags::SEALED) || vma.refuses_multi_move() || vma.tells_object()
    };
    let joins = |at: usize| {
        let Some(prev) = at.checked_sub(1).map(|at| all[at]) else {
            return false;
        };
        prev.end() == all[at].start()
            && match merge::relation(&prev, &all[at]) {
                Relation::Apart => false,
                Relation::Joins => true,
                Relation::JoinsAtHome(home) => home.get() as i64 - all[at].start().get() as i64 == shift,
            }
    };
    let at =
        (0..all.len()).find(|&at| range.contains(all[at].start()) && (flagged(&all[at]) || joins(at)))?;
    Some(all[at])
}

/// The rule behind `relation`: two neighbours that move together merge at the target exactly when it says so.
#[test]
fn relations_say_what_merges_after_a_move() {
    let mut random = Random(0x5e1f);
    let (mut joined, mut apart) = (0, 0);
    for _ in 0..200_000 {
        let split = 20 + random.below(4);
        let (left, right) = (random.vma(pages(18, split)), random.vma(pages(split, split + 2)));
        let shift = random.below(12) * PAGE_SIZE;
        let at = |vma: &Vma| shifted(vma, VirtAddr::new(0), VirtAddr::new(shift));
        let merges = merge::can_merge(&at(&left), &at(&right));
        let said = match merge::relation(&left, &right) {
            Relation::Apart => false,
            Relation::Joins => true,
            Relation::JoinsAtHome(home) => home == right.start() + shift,
        };
        assert_eq!(merges, said, "{left:?} {right:?} by {shift:#x}");
        *(if merges { &mut joined } else { &mut apart }) += 1;
    }
    assert!(joined > 1000 && apart > 1000);
}

/// What is left of `all` without `range`, and what is gone.
fn without(all: &[Vma], range: PageRange) -> (Vec<Vma>, Vec<Vma>) {
    let (mut left, mut gone) = (Vec::new(), Vec::new());
    for vma in all {
        let Some(part) = vma.range.intersection(range) else {
            left.push(*vma);
            continue;
        };
        gone.push(vma.with_range(part));
        for (start, end) in [(vma.start(), part.start()), (part.end(), vma.end())] {
            if start < end {
                left.push(vma.with_range(PageRange::between(start, end)));
            }
        }
    }
    (left, gone)
}

#[test]
fn many_are_removed_as_each_would_be() {
    let mut random = Random(0xf0e);
    let rounds = if cfg!(debug_assertions) { 300 } else { 3000 };
    for round in 0..rounds {
        let most = if round % 10 == 0 { 3000 } else { 60 };
        let count = 1 + random.below(most);
        let mut tree = random_tree(&mut random, count);
        let whole = tree.all().last().unwrap().end().get() / PAGE_SIZE + 2;
        let start = random.below(whole - 1);
        let range = pages(start, start + 1 + random.below(whole - start));
        let (left, gone) = without(&tree.all(), range);
        let spare = random.below(9) as usize;
        tree.reserve(spare + 1).unwrap();
        // With exactly what the short way needs, with less than that, or with more.
        let mut hidden = (Vec::new(), Vec::new());
        if round % 3 > 0 {
            tree.reserve_moves(1, spare + 1).unwrap();
            let (one, run) = (tree.nodes_for(spare + 1), tree.nodes_for_moves(1));
            let run = if round % 3 == 1 { run } else { (0, 0) };
            hidden = tree.squeeze((one.0 + run.0, one.1 + run.1));
            (tree.leaves.most_chunks, tree.inners.most_chunks) = (tree.leaves.chunks(), tree.inners.chunks());
        }
        let mut removed = Vec::new();
        tree.unmap_many(range, Spare::mappings(spare), |vma| removed.push(vma));
        assert_eq!(removed, gone, "{range:?}");
        assert_eq!(tree.all(), left, "{range:?}");
        // There is room for so many more, close together or not.
        let apart = 1 + random.below(9);
        let room = (0..range.pages()).step_by(apart as usize).take(spare);
        for page in room.map(|page| start + page) {
            tree.insert(anonymous(pages(page, page + 1), Prot::READ));
        }
        tree.release(hidden);
        tree.check();
    }
}

#[test]
fn very_many_mappings_move_through_few_nodes() {
    let counts: &[u64] = if cfg!(debug_assertions) {
        &[100_000]
    } else {
        &[100_000, 1_000_000]
    };
    for &count in counts {
        let mut tree = alternating(count, 1000);
        let range = pages(1000, 1000 + count);
        let start = tree.nodes_visited();
        let shift = (1i64 << 24) * PAGE_SIZE as i64;
        assert_eq!(tree.first_exception(range, shift), None);
        assert_eq!(tree.run(range).totals.mappings, count);
        tree.reserve_moves(1, 0).unwrap();
        tree.move_run(
            pages(1010, 990 + count),
            VirtAddr::new(((1 << 24) + 1010) * PAGE_SIZE),
        );
        let visited = tree.nodes_visited() - start;
        assert!(visited <= 150, "{visited} nodes for {count} mappings");
        tree.check();
        let at = |page: u64| tree.find(VirtAddr::new(page * PAGE_SIZE)).map(|vma| vma.prot);
        assert_eq!(at((1 << 24) + 1500), Some(Prot::READ));
        assert_eq!((at(1500), at(1005)), (None, Some(Prot::READ | Prot::WRITE)));
    }
}
