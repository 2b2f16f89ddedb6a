//! Blocks of 1 GiB, of which no address space makes any yet.

use super::model::Pair;
use super::*;
use crate::Access;
use crate::machine::MmuFeatures;

/// Pages of a block, and of a block of 2 MiB.
const G: u64 = 1 << 18;
const H: u64 = 1 << 9;

fn pair() -> Pair {
    let mut pair = Pair::new(4096, MmuFeatures::all() - MmuFeatures::REPEAT_FLUSH);
    assert!(pair.map_gibibyte(4 * G, RW));
    // The TLB learns the block.
    pair.access(4 * G + 5, Access::Write);
    pair
}

fn level(pair: &Pair, page: u64) -> Level {
    pair.tables.query(VirtAddr::new(page * PAGE_SIZE)).0
}

#[test]
fn it_moves_at_the_size_at_which_both_ends_agree() {
    for (to, expected) in [
        (9 * G, Level::Pud),
        (9 * G + H, Level::Pmd),
        (9 * G + H + 1, Level::Pte),
    ] {
        let mut pair = pair();
        pair.relocate(pages(4 * G, G), pages(to, G));
        assert_eq!(level(&pair, to), expected);
        let cost = pair.tables.last_call();
        let moved = [cost.moved_pud, cost.moved_pmd, cost.moved_pte];
        let wanted = [Level::Pud, Level::Pmd, Level::Pte].map(|level| {
            let entries = G / (level.size() / PAGE_SIZE);
            if level == expected { entries } else { 0 }
        });
        assert_eq!(moved, wanted, "{cost:?}");
        pair.access(to + 5, Access::Write);
        pair.access(4 * G + 5, Access::Read);
        pair.check();
        pair.finish();
    }
}

#[test]
fn a_part_moves_out_of_it() {
    for (from, count, to) in [
        (4 * G + H, 3 * H, 9 * G + H),
        (4 * G + 7, 5, 9 * G),
        (4 * G + G / 2 - 3, 2 * H + 9, 9 * G + G / 2 - 3),
        (4 * G + H + 1, 4 * H, 4 * G + 3 * G),
    ] {
        let mut pair = pair();
        pair.relocate(pages(from, count), pages(to, count));
        pair.access(to, Access::Write);
        pair.access(from, Access::Read);
        pair.access(4 * G, Access::Read);
        pair.check();
        pair.finish();
    }
}

#[test]
fn what_cuts_it_needs_no_memory_and_leaves_what_is_whole() {
    let mut pair = pair();
    pair.machine.fail_after(0);
    pair.unmap(pages(4 * G + G / 2 + 3, 1));
    assert_eq!(level(&pair, 4 * G + G / 2), Level::Pte);
    assert_eq!(level(&pair, 4 * G), Level::Pmd, "the rest is in blocks of 2 MiB");
    pair.protect(pages(4 * G + 10, 2 * H), Rights::READ);
    assert_eq!(level(&pair, 4 * G + H), Level::Pmd);
    pair.machine.never_fail();
    pair.access(4 * G + 9, Access::Write);
    pair.access(4 * G + H, Access::Write);
    pair.check();
    pair.finish();
}

#[test]
fn without_memory_for_its_tables_it_is_not_mapped() {
    let mut pair = Pair::new(1024, MmuFeatures::all());
    pair.machine.fail_after(512);
    assert!(!pair.map_gibibyte(0, RW));
    pair.machine.never_fail();
    pair.check();
    pair.finish();
}

#[test]
fn it_is_shared_whole() {
    let mut pair = pair();
    pair.fork(pages(4 * G, G));
    assert_eq!(level(&pair, 4 * G), Level::Pud);
    pair.access(4 * G + 77, Access::Write);
    pair.fork(pages(4 * G + H, H + 1));
    pair.check();
    pair.finish();
}
