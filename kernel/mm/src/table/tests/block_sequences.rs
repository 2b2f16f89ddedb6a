//! The exact instructions of edits of blocks and contiguous groups, of guards and forks.

use super::model::Pair;
use super::*;
use crate::fake::tlb::Event::{self, Dsb, DsbStores, Isb, Page, Range};
use crate::machine::{MmuFeatures, RangeOperand, Reach};
use std::vec::Vec;

const ASID: u16 = 5;
const FEATURES: MmuFeatures = MmuFeatures::HARDWARE_ACCESS
    .union(MmuFeatures::HARDWARE_DIRTY)
    .union(MmuFeatures::TLB_RANGE);

fn at(page: u64) -> VirtAddr {
    VirtAddr::new(page * PAGE_SIZE)
}

/// What an edit of tables with a block from page 512 on, or with a group there, makes the machine do.
fn log_of(block: bool, edit: impl FnOnce(&mut Pair)) -> Vec<Event> {
    let mut pair = Pair::new(4096, FEATURES);
    if block {
        pair.map_block(512, RW);
    } else {
        pair.map_group(512, RW);
        pair.map(700, RW);
    }
    // The table around it stays.
    pair.map(5000, RW);
    pair.machine.take_log();
    edit(&mut pair);
    let log = pair.machine.take_log();
    pair.check();
    pair.finish();
    log
}

/// A flush of pages, by as many as one instruction by range can name.
fn flush(first: u64, pages: u64, reach: Reach) -> [Event; 3] {
    let pages = RangeOperand::covering(Asid(ASID), at(first), pages).pages();
    [DsbStores, Range(ASID, at(first), pages, reach), Dsb]
}

#[test]
fn a_block_that_is_cut_is_gone_everywhere_before_its_table_comes() {
    let split = log_of(true, |pair| pair.tables.split(at(600)));
    // The table's contents are visible before the table, and that before what follows.
    let table_comes = [DsbStores, DsbStores, Isb];
    assert_eq!(split, [&flush(600, 424, Reach::Leaf)[..], &table_comes].concat());
    let unmapped = log_of(true, |pair| pair.unmap(pages(600, 3)));
    assert_eq!(unmapped, [&flush(600, 3, Reach::Leaf)[..], &table_comes].concat());
    assert_eq!(log_of(true, |pair| pair.tables.split(at(512))), []);
    assert_eq!(log_of(true, |pair| pair.tables.split(at(1024))), []);
}

#[test]
fn a_whole_block_needs_no_more_than_pages_do() {
    assert_eq!(
        log_of(true, |pair| pair.unmap(pages(512, 512))),
        flush(512, 512, Reach::Leaf)
    );
    let closed = log_of(true, |pair| pair.protect(pages(512, 512), Rights::READ));
    assert_eq!(closed, flush(512, 512, Reach::Leaf));
    let moved = log_of(true, |pair| pair.relocate(pages(512, 512), pages(2048, 512)));
    let expected = [&flush(512, 512, Reach::Leaf)[..], &[DsbStores, Isb]].concat();
    assert_eq!(moved, expected);
}

#[test]
fn a_part_of_a_group_goes_after_all_of_it() {
    let unmapped = log_of(false, |pair| pair.unmap(pages(519, 1)));
    assert_eq!(unmapped[..3], flush(512, 16, Reach::Leaf));
    assert_eq!(unmapped[3..], [DsbStores, Isb]);
    let whole = log_of(false, |pair| pair.unmap(pages(512, 16)));
    assert_eq!(whole, flush(512, 16, Reach::Leaf));
}

#[test]
fn pages_are_gone_everywhere_before_a_block_takes_their_place() {
    let mut pair = Pair::new(4096, FEATURES);
    (512..520).for_each(|page| pair.map(page, RW));
    let block = pair.machine.take_block().unwrap();
    let leaf = Leaf {
        address: block.into_raw(),
        attributes: RW,
    };
    pair.machine.take_log();
    let machine = pair.machine.clone();
    let mut flushed_first = false;
    pair.tables.collapse(at(512), leaf, |_, page| {
        let Some(page) = page else { return };
        if !flushed_first {
            // By the time that contents are copied nobody stores to them any more.
            assert_eq!(machine.take_log(), flush(512, 512, Reach::Walk));
            flushed_first = true;
        }
        give_back(&machine, Level::Pte, page);
    });
    assert!(flushed_first);
    assert_eq!(machine.take_log(), [DsbStores, Isb]);
    pair.tables
        .unmap(pages(512, 512), |_, level, leaf| give_back(&machine, level, leaf));
}

#[test]
fn guards_are_new_entries() {
    let mut pair = Pair::new(4096, FEATURES);
    pair.map(512, RW);
    pair.map(600, RW);
    pair.machine.take_log();
    pair.guard(pages(513, 3));
    assert_eq!(pair.machine.take_log(), [DsbStores], "nothing was there");
    pair.guard(pages(512, 1));
    let expected = [DsbStores, Page(ASID, at(512), Reach::Leaf), Dsb, DsbStores];
    assert_eq!(pair.machine.take_log(), expected);
    pair.unmap(pages(512, 4));
    assert_eq!(pair.machine.take_log(), [], "no TLB holds a guard");
    pair.finish();
}

#[test]
fn a_fork_takes_the_right_to_write_away_once() {
    let mut pair = Pair::new(4096, FEATURES);
    (512..530).for_each(|page| pair.map(page, RW));
    let range = pages(512, 18);
    let mut child = pair.tables.for_fork(Asid(6), std::iter::once(range)).unwrap();
    pair.machine.take_log();
    let parts = std::iter::once((range, Sharing::CopyOnWrite));
    pair.tables.share(&mut child, parts, Users::Told, |_| {});
    let log = pair.machine.take_log();
    let flushes = log
        .iter()
        .filter(|event| !matches!(event, DsbStores | Dsb | Isb))
        .count();
    assert_eq!((flushes, log[0]), (1, DsbStores), "{log:?}");
    assert!(log.ends_with(&[DsbStores, Isb]), "{log:?}");
    child.unmap(range, |_, _, _| {});
    drop(child);
    let machine = pair.machine.clone();
    pair.tables
        .unmap(range, |_, level, leaf| give_back(&machine, level, leaf));
}
