//! What an edit costs in entries, what happens when memory runs out, and what is refused.

use super::model::Pair;
use super::*;
use crate::Access;
use crate::machine::MmuFeatures;
use std::panic::{AssertUnwindSafe, catch_unwind};

const GIB: u64 = 1 << 18;

fn panics(body: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(body)).is_err()
}

/// Pages, blocks and holes over more than 1 GiB, around page `first`.
fn scattered(first: u64) -> Pair {
    let mut pair = Pair::new(16 * 1024, MmuFeatures::all());
    (first..first + 700).for_each(|page| pair.map(page, RW));
    pair.map_block(first + 2048, RW);
    (first + 5000..first + 5020).for_each(|page| pair.map(page, RW));
    pair.map_block(first + GIB, RW);
    pair
}

#[test]
fn a_gibibyte_that_agrees_moves_by_one_entry() {
    let mut pair = scattered(2 * GIB);
    pair.relocate(pages(2 * GIB, GIB), pages(8 * GIB, GIB));
    let cost = pair.tables.last_call();
    assert!(
        cost.written <= 4 && cost.tables_taken == 0 && cost.moved_pud == 1,
        "{cost:?}"
    );
    pair.check();
    pair.finish();
}

#[test]
fn an_absent_gibibyte_is_one_look() {
    let mut pair = Pair::new(512, MmuFeatures::all());
    pair.map(1, RW);
    pair.map(400 * GIB, RW);
    pair.relocate(pages(GIB, 300 * GIB + 5), pages(1024 * GIB + 7, 300 * GIB + 5));
    let cost = pair.tables.last_call();
    assert!(cost.read < 1000 && cost.written == 0, "{cost:?}");
    pair.check();
    pair.finish();
}

#[test]
fn a_run_of_leaf_tables_is_shifted_with_one_spare() {
    let mut pair = Pair::new(8192, MmuFeatures::all());
    (1024..1024 + 4 * 512).for_each(|page| pair.map(page, RW));
    pair.relocate(pages(1024, 4 * 512), pages(GIB + 1, 4 * 512));
    let cost = pair.tables.last_call();
    // A PMD table and one leaf table come, the old PMD table goes; the entries are written once.
    assert_eq!(
        (cost.tables_taken, cost.tables_given, cost.moved_pte),
        (2, 1, 2048),
        "{cost:?}"
    );
    assert!(cost.written < 2048 + 32, "{cost:?}");
    pair.check();
    pair.finish();
}

#[test]
fn running_out_of_memory_changes_nothing() {
    for shift in [1, 512, GIB, 512 * GIB + 3] {
        let source = pages(2 * GIB + 5, GIB + 600);
        let target = pages(2 * GIB + 5 + 3 * GIB * shift.div_ceil(GIB) + shift, GIB + 600);
        for takes in 0.. {
            let mut pair = scattered(2 * GIB);
            pair.machine.fail_after(takes);
            let before = pair.model.clone();
            pair.relocate(source, target);
            pair.machine.never_fail();
            pair.check();
            let moved = pair.model != before;
            pair.finish();
            if moved {
                break;
            }
        }
    }
}

#[test]
fn a_page_without_its_tables_is_not_mapped() {
    for takes in 0..3 {
        let mut pair = Pair::new(512, MmuFeatures::all());
        let frame = pair.machine.take_frame().unwrap().into_raw();
        pair.machine.fail_after(takes);
        let leaf = Leaf {
            address: frame,
            attributes: RW,
        };
        assert_eq!(pair.tables.map(VirtAddr::new(0x1000), leaf), Err(OutOfMemory));
        give_back(&pair.machine, Level::Pte, leaf);
        pair.check();
        pair.finish();
    }
}

#[test]
fn what_needs_break_before_make_is_refused_where_it_is_not_done() {
    let mut pair = Pair::new(512, MmuFeatures::all());
    pair.map(3, RW);
    assert!(panics(|| pair
        .tables
        .protect(pages(3, 1), |attributes| attributes | Attributes::DEVICE)));
    pair.finish();
}

#[test]
fn a_relocation_onto_itself_or_onto_something_is_refused() {
    let mut pair = Pair::new(512, MmuFeatures::all());
    (3..9).for_each(|page| pair.map(page, RW));
    assert!(panics(|| pair
        .tables
        .relocate(pages(3, 3), VirtAddr::new(5 * PAGE_SIZE))));
    pair.check();
    assert!(panics(|| pair
        .tables
        .relocate(pages(3, 2), VirtAddr::new(7 * PAGE_SIZE))));
    // What such a fault of the kernel leaves behind is nobody's to tidy up.
    core::mem::forget(pair);
}

#[test]
fn each_run_of_leaf_tables_has_its_spare_reserved() {
    let mut pair = Pair::new(2048, MmuFeatures::all());
    // A table of each other 2 MiB, whose pages go to two tables each.
    (0..40)
        .flat_map(|table| [table * 1024, table * 1024 + 511])
        .for_each(|page| pair.map(2 * GIB + page, RW));
    pair.relocate(pages(2 * GIB, 40 * 1024), pages(7 * GIB + 1, 40 * 1024));
    assert!(pair.model.contains_key(&(7 * GIB + 512)), "memory sufficed");
    pair.check();
    pair.finish();
}

#[test]
fn pages_of_a_broken_group_are_all_in_the_state_of_the_group() {
    let mut pair = Pair::new(1024, MmuFeatures::HARDWARE_ACCESS | MmuFeatures::HARDWARE_DIRTY);
    pair.map_group(512, RW.clean().not_accessed());
    // The hardware notes a store to the group in one of its entries.
    pair.access(517, Access::Write);
    pair.relocate(pages(512, 16), pages(1025, 16));
    for page in 1025..1041 {
        let (_, Entry::Leaf(leaf)) = pair.tables.query(VirtAddr::new(page * PAGE_SIZE)) else {
            panic!("lost")
        };
        assert!(
            leaf.attributes.is_dirty() && leaf.attributes.contains(Attributes::ACCESSED),
            "{leaf:?}"
        );
        assert!(!leaf.attributes.contains(Attributes::CONTIGUOUS));
    }
    pair.finish();
}

#[test]
fn a_group_that_stays_aligned_stays_a_group_and_one_that_is_cut_does_not() {
    let mut pair = Pair::new(4096, MmuFeatures::all());
    (0..3).for_each(|group| pair.map_group(512 + group * 16, RW));
    let grouped = |pair: &Pair, page: u64| match pair.tables.query(VirtAddr::new(page * PAGE_SIZE)) {
        (_, Entry::Leaf(leaf)) => leaf.attributes.contains(Attributes::CONTIGUOUS),
        other => panic!("{page}: {other:?}"),
    };
    pair.relocate(pages(512, 24), pages(1024 + 32, 24));
    assert!(
        (1056..1072).all(|page| grouped(&pair, page)),
        "a whole group at a multiple of 16 pages"
    );
    assert!(
        (1072..1080).chain(536..544).all(|page| !grouped(&pair, page)),
        "both halves of the second"
    );
    assert!(
        (544..560).all(|page| grouped(&pair, page)),
        "the third was not touched"
    );
    pair.check();
    pair.finish();
}

/// A table that was detached is counted before anything in it moves: an entry that reaches out of the source, at either end, does not
/// make up for a hole in between.
#[test]
fn a_hole_in_a_run_is_no_entry() {
    let (from, to) = (4 * GIB, 8 * GIB + 512);
    // A run of two leaf tables, of which the first is missing, and one page of another leaf table, behind it or before.
    for (first, missing) in [(0, 0..512), (511, 1..513)] {
        let mut pair = Pair::new(8192, MmuFeatures::all());
        let len = 2 * 512 + 1;
        for page in (0..len).filter(|page| !missing.contains(page)) {
            pair.map(from + first + page, RW);
        }
        pair.relocate(pages(from + first, len), pages(to + first, len));
        pair.check();
        pair.relocate(pages(to + first, len), pages(from + first, len));
        pair.check();
        pair.finish();
    }
}

/// Nor does an entry that the target has brought to the same table, where source and target are neighbours.
#[test]
fn an_entry_of_the_target_is_none_of_the_run() {
    let mut pair = Pair::new(8192, MmuFeatures::all());
    let block = |number: u64| 4 * GIB + number * 512;
    // The upper part of the source goes to the table of the lower, which lacks as many entries at its front.
    (405..512 + 5).for_each(|number| pair.map(block(number), RW));
    let (from, to) = (pages(block(400), 212 * 512), pages(block(0), 212 * 512));
    pair.relocate(from, to);
    pair.check();
    pair.relocate(to, from);
    pair.check();
    pair.finish();
}
