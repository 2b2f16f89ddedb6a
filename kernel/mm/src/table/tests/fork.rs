//! Tables that share their pages with others.

use super::model::Pair;
use super::*;
use crate::Access;
use crate::machine::MmuFeatures;

/// Pages of a table.
const H: u64 = 1 << 9;

#[test]
fn tables_that_two_ranges_meet_are_reserved_once() {
    let mut pair = Pair::new(4096, MmuFeatures::all());
    (0..2 * H).step_by(2).for_each(|page| pair.map(page, RW));
    let ranges = || (0..2 * H).step_by(2).map(|page| pages(page, 1));
    let before = pair.machine.frames_in_use();
    let mut child = pair.tables.for_fork(Asid(6), ranges()).expect("memory");
    assert_eq!(
        pair.machine.frames_in_use() - before,
        5,
        "a table of each level, and two for the pages"
    );
    let parts = ranges().map(|range| (range, Sharing::Shared));
    let mut count = 0;
    pair.tables.share(&mut child, parts, Users::Told, |_| count += 1);
    assert_eq!(count, H);
    child.unmap(pages(0, 2 * H), |_, _, leaf| assert_eq!(leaf.attributes, RW));
    drop(child);
    pair.access(0, Access::Write);
    pair.check();
    pair.finish();
}

#[test]
fn no_store_reaches_a_page_that_the_other_may_see() {
    for features in [MmuFeatures::all(), MmuFeatures::empty()] {
        let mut pair = Pair::new(2048, features);
        (0..600).for_each(|page| pair.map(page, RW.clean()));
        pair.map_group(1024, RW.clean());
        let stored: std::vec::Vec<_> = [3, 599, 1030].map(|page| VirtAddr::new(page * PAGE_SIZE)).into();
        for page in [3, 599, 1030] {
            pair.access(page, Access::Read);
        }
        // Stores are on their way through what the TLB remembers.
        pair.machine
            .speculate(pair.tables.root(), pair.tables.asid(), &stored);
        pair.fork(pages(0, 1040));
        assert!(pair.machine.stop_speculation().is_empty());
        for page in [3, 599, 1030] {
            pair.access(page, Access::Write);
        }
        pair.check();
        pair.finish();
    }
}
