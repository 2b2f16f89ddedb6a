//! The exact instructions of every kind of edit: no flush too few, and none too many.

use super::model::Pair;
use super::*;
use crate::fake::tlb::Event::{self, Dsb, DsbStores, Isb, Page, Range};
use crate::machine::{MmuFeatures, Reach};
use std::vec;
use std::vec::Vec;

const ASID: u16 = 5;
const GIB: u64 = 1 << 18;
const HARDWARE: MmuFeatures = MmuFeatures::HARDWARE_ACCESS.union(MmuFeatures::HARDWARE_DIRTY);

fn at(page: u64) -> VirtAddr {
    VirtAddr::new(page * PAGE_SIZE)
}

/// Tables with `count` pages from `first`, and nothing in the log.
fn with_pages(features: MmuFeatures, first: u64, count: u64) -> Pair {
    let mut pair = Pair::new(4096, features);
    (first..first + count).for_each(|page| pair.map(page, RW));
    pair.machine.take_log();
    pair
}

fn relocated(pair: &mut Pair, from: PageRange, to: u64) -> Vec<Event> {
    pair.relocate(from, pages(to, from.pages()));
    pair.check();
    pair.machine.take_log()
}

#[test]
fn a_new_page_needs_one_barrier_and_a_new_table_one_more() {
    let mut pair = Pair::new(512, HARDWARE);
    pair.map(100, RW);
    assert_eq!(pair.machine.take_log(), [DsbStores, DsbStores]);
    pair.map(101, RW);
    assert_eq!(pair.machine.take_log(), [DsbStores]);
    pair.finish();
}

#[test]
fn unmapping_flushes_leaves_or_walks_and_only_what_a_tlb_can_hold() {
    let mut pair = with_pages(HARDWARE | MmuFeatures::TLB_RANGE, 512, 20);
    pair.unmap(pages(512, 16));
    assert_eq!(
        pair.machine.take_log(),
        [DsbStores, Range(ASID, at(512), 16, Reach::Leaf), Dsb]
    );
    pair.unmap(pages(512, 16));
    assert_eq!(pair.machine.take_log(), [], "nothing was there");
    pair.unmap(pages(528, 1));
    assert_eq!(
        pair.machine.take_log(),
        [DsbStores, Page(ASID, at(528), Reach::Leaf), Dsb]
    );
    pair.unmap(pages(512, 512));
    assert_eq!(
        pair.machine.take_log(),
        [DsbStores, Range(ASID, at(512), 512, Reach::Walk), Dsb]
    );
    pair.map(700, RW.not_accessed());
    pair.map(701, RW.not_accessed());
    pair.machine.take_log();
    pair.unmap(pages(700, 1));
    assert_eq!(
        pair.machine.take_log(),
        [],
        "an entry that was not accessed is in no TLB"
    );
    pair.finish();
}

#[test]
fn without_ranges_a_flush_is_by_address_up_to_a_limit() {
    let mut pair = with_pages(HARDWARE, 512, 200);
    pair.unmap(pages(512, 3));
    let by_page = |page| Page(ASID, at(page), Reach::Leaf);
    assert_eq!(
        pair.machine.take_log(),
        [DsbStores, by_page(512), by_page(513), by_page(514), Dsb]
    );
    pair.unmap(pages(520, 65));
    assert_eq!(pair.machine.take_log(), [DsbStores, Event::Asid(ASID), Dsb]);
    pair.finish();
}

#[test]
fn without_ranges_a_flush_names_what_was_there_and_nothing_else() {
    let mut pair = with_pages(HARDWARE, 512, 4);
    pair.map_block(2048, RW);
    pair.map(600, RW.not_accessed());
    pair.map(800, RW);
    pair.map(5000, RW);
    pair.machine.take_log();
    let flush = |pages: &[u64], reach| {
        let pages = pages.iter().map(|page| Page(ASID, at(*page), reach));
        let mut log = vec![DsbStores];
        log.extend(pages);
        log.push(Dsb);
        log
    };
    // The table that goes along is named by the pages in it.
    let log = relocated(&mut pair, pages(512, 512), 6 * 512);
    assert_eq!(log[..7], flush(&[512, 513, 514, 515, 800], Reach::Walk));
    pair.finish();
}

#[test]
fn without_ranges_a_table_that_nobody_accessed_is_named_once() {
    let mut pair = Pair::new(4096, HARDWARE);
    (600..700).for_each(|page| pair.map(page, RW.not_accessed()));
    pair.map(5000, RW);
    pair.machine.take_log();
    pair.unmap(pages(550, 200));
    assert_eq!(
        pair.machine.take_log(),
        [DsbStores, Page(ASID, at(550), Reach::Walk), Dsb]
    );
    pair.finish();
}

#[test]
fn a_machine_with_the_erratum_repeats_the_flush() {
    let mut pair = with_pages(HARDWARE | MmuFeatures::REPEAT_FLUSH, 512, 4);
    let page = Page(ASID, at(513), Reach::Leaf);
    pair.unmap(pages(513, 1));
    assert_eq!(pair.machine.take_log(), [DsbStores, page, Dsb, page, Dsb]);
    pair.finish();
}

#[test]
fn rights_are_flushed_where_they_change() {
    let mut pair = with_pages(HARDWARE | MmuFeatures::TLB_RANGE, 512, 4);
    pair.protect(pages(512, 4), Rights::READ);
    assert_eq!(
        pair.machine.take_log(),
        [DsbStores, Range(ASID, at(512), 4, Reach::Leaf), Dsb]
    );
    pair.protect(pages(512, 4), Rights::READ);
    assert_eq!(pair.machine.take_log(), [], "nothing has changed");
    pair.finish();
}

#[test]
fn another_frame_goes_in_after_the_old_entry_is_gone_everywhere() {
    let mut pair = with_pages(HARDWARE, 512, 2);
    let (_, Entry::Leaf(old)) = pair.tables.query(at(512)) else {
        panic!("page 512 is mapped")
    };
    let new = pair.machine.take_frame().unwrap().into_raw();
    let was = pair.tables.slot(at(512)).replace(Leaf {
        address: new,
        attributes: RW,
    });
    assert_eq!(was, old);
    assert_eq!(
        pair.machine.take_log(),
        [DsbStores, Page(ASID, at(512), Reach::Leaf), Dsb, DsbStores]
    );
    give_back(&pair.machine, Level::Pte, was);
    pair.model.insert(
        512,
        super::model::Page::Mapped(Leaf {
            address: new,
            attributes: RW,
        }),
    );
    pair.check();
    pair.finish();
}

#[test]
fn one_flush_moves_any_amount() {
    let features = HARDWARE | MmuFeatures::TLB_RANGE;
    let mut pair = with_pages(features, 512, 1024);
    pair.map(GIB + 1, RW);
    pair.map(4 * GIB, RW);
    let bracket = |start: u64, count, reach, new_tables: bool| {
        let mut log = vec![DsbStores, Range(ASID, at(start), count, reach), Dsb];
        log.extend(new_tables.then_some(DsbStores));
        log.extend([DsbStores, Isb]);
        log
    };
    // Two leaf tables hang in another PMD table, whose entries a walker could not reach before.
    assert_eq!(
        relocated(&mut pair, pages(512, 1024), GIB + 512),
        bracket(512, 1024, Reach::Walk, false)
    );
    // Pages of two tables are shifted, and the tables published when they are complete.
    assert_eq!(
        relocated(&mut pair, pages(GIB + 512, 1024), 600),
        bracket(GIB + 512, 1024, Reach::Walk, true)
    );
    // A few pages, between tables that both stay.
    assert_eq!(
        relocated(&mut pair, pages(610, 2), 4 * GIB + 8),
        bracket(610, 2, Reach::Leaf, false)
    );
    // A gibibyte that agrees.
    assert_eq!(
        relocated(&mut pair, pages(0, GIB), 2 * GIB),
        bracket(0, GIB, Reach::Walk, false)
    );
    assert_eq!(
        relocated(&mut pair, pages(6 * GIB, GIB), 9 * GIB),
        [],
        "nothing was there"
    );
    pair.finish();
}

/// Moves `count` pages onto others, and answers the log.
fn relocated_onto(pair: &mut Pair, from: u64, to: u64, count: u64) -> Vec<Event> {
    pair.machine.take_log();
    pair.relocate_onto(pages(from, count), pages(to, count));
    pair.check();
    pair.machine.take_log()
}

#[test]
fn what_is_at_the_target_goes_with_the_same_flush() {
    let mut pair = with_pages(HARDWARE | MmuFeatures::TLB_RANGE, 512, 600);
    (4096..4096 + 600).for_each(|page| pair.map(page, RW));
    let flush = |one, other| [DsbStores, one, other, Dsb, DsbStores, Isb];
    let range = |start, count, reach| Range(ASID, at(start), count, reach);
    let log = relocated_onto(&mut pair, 520, 4100, 4);
    assert_eq!(
        log,
        flush(range(520, 4, Reach::Leaf), range(4100, 4, Reach::Leaf))
    );
    let log = relocated_onto(&mut pair, 600, 4200, 448);
    assert_eq!(
        log,
        flush(range(600, 448, Reach::Leaf), range(4200, 448, Reach::Leaf))
    );
    pair.finish();

    let mut pair = with_pages(HARDWARE, 512, 600);
    (4096..4096 + 600).for_each(|page| pair.map(page, RW));
    let log = relocated_onto(&mut pair, 600, 4200, 450);
    let whole = [DsbStores, Event::Asid(ASID), Dsb, DsbStores, Isb];
    assert_eq!(log, whole, "what forgets everything is enough for both");
    pair.finish();

    let mut pair = with_pages(HARDWARE | MmuFeatures::REPEAT_FLUSH, 512, 4);
    (4096..4100).for_each(|page| pair.map(page, RW));
    let log = relocated_onto(&mut pair, 512, 4096, 1);
    let [one, other] = [512, 4096].map(|page| Page(ASID, at(page), Reach::Leaf));
    assert_eq!(log, [DsbStores, one, other, Dsb, one, Dsb, DsbStores, Isb]);
    pair.finish();
}

#[test]
fn a_table_that_only_the_moved_pages_are_in_comes_along() {
    let mut pair = with_pages(HARDWARE | MmuFeatures::TLB_RANGE, 512, 4);
    let flush = [DsbStores, Range(ASID, at(512), 4, Reach::Walk), Dsb];
    // What is in the tables is visible before the first of them is, and that before what follows.
    let log = relocated(&mut pair, pages(512, 4), 4 * GIB + 3);
    assert_eq!(log, [&flush[..], &[DsbStores, DsbStores, Isb]].concat());
    pair.finish();
}

#[test]
fn a_few_range_instructions_are_better_than_the_whole_address_space_and_many_are_not() {
    let mut pair = with_pages(HARDWARE | MmuFeatures::TLB_RANGE, 16 * GIB, 1);
    let log = relocated(&mut pair, pages(16 * GIB, 5 * GIB), 512 * GIB);
    let ranges = log.iter().filter(|event| matches!(event, Range(..))).count();
    assert_eq!(ranges, 3, "{log:?}");
    let log = relocated(&mut pair, pages(512 * GIB, 512 * GIB), 1024 * GIB);
    assert!(log.contains(&Event::Asid(ASID)) && !log.iter().any(|event| matches!(event, Range(..))));
    pair.finish();
}

#[test]
fn a_table_taken_out_by_page_names_the_pages_that_were_in_it() {
    let walk = |page: &u64| Page(ASID, at(*page), Reach::Walk);
    for present in [&[512, 513, 514, 515][..], &[512, 515], &[513]] {
        let mut pair = with_pages(HARDWARE, 0, 0);
        present.iter().for_each(|page| pair.map(*page, RW));
        pair.machine.take_log();
        pair.unmap(pages(512, 4));
        let named: Vec<_> = present.iter().map(walk).collect();
        assert_eq!(
            pair.machine.take_log(),
            [&[DsbStores][..], &named, &[Dsb]].concat()
        );
        pair.finish();
    }
}
