//! What of the mappings is in memory, as `smaps` and `pagemap` tell it.

use super::*;
use crate::machine::BLOCK_SIZE;
use crate::space::{Footprint, PageState};

/// The footprint of `pages` pages at `addr`, counted in as many calls as it takes.
fn footprint(world: &World, addr: u64, pages: u64) -> Footprint {
    let mut footprint = Footprint::default();
    let (mut at, end) = (addr, addr + pages * P);
    while at < end {
        let reached = world.space.measure(at, end, &mut footprint);
        assert!(at < reached && reached <= end);
        at = reached;
    }
    footprint
}

fn words(world: &World, addr: u64, count: usize) -> Vec<u64> {
    let mut words = std::vec![u64::MAX; count];
    let count = world.space.pagemap(addr, &mut words);
    words.truncate(count);
    words
}

fn states(world: &World, addr: u64, count: usize) -> Vec<PageState> {
    let state = |word: u64| PageState::from_bits_retain(word & !PageState::FRAME);
    words(world, addr, count).into_iter().map(state).collect()
}

#[test]
fn anonymous_pages_are_private_and_dirty() {
    let mut world = World::new();
    world.map(A, 4, RW);
    world.fill(A, 2, 1);
    world.read(A + 2 * P);
    let found = footprint(&world, A, 4);
    assert_eq!(found.resident(), 2 * P, "the zero page counts as nothing");
    assert_eq!((found.private_dirty, found.anonymous), (2 * P, 2 * P));
    assert_eq!(found.proportional.anonymous, 2 * P * 4096);
    let own = PageState::PRESENT | PageState::EXCLUSIVE;
    let expected = [own, own, PageState::PRESENT, PageState::empty()];
    assert_eq!(states(&world, A, 4), expected);
}

#[test]
fn pages_of_objects_count_once_for_each_entry() {
    let mut world = World::new();
    let object = world.memory(4);
    for addr in [A, B] {
        world.map_object(addr, 4 * P, RW, SHARED, &object, 0).unwrap();
    }
    world.write(A, 1);
    world.write(A + P, 1);
    world.read(B);
    let found = footprint(&world, A, 4);
    assert_eq!((found.shared_dirty, found.private_dirty), (P, P));
    assert_eq!(found.shared_memory, 2 * P);
    assert_eq!(found.proportional.all, (P / 2 + P) * 4096);
    let file = PageState::PRESENT | PageState::FILE;
    assert_eq!(states(&world, A, 2), [file, file | PageState::EXCLUSIVE]);
    assert_eq!(
        words(&world, A, 1)[0] & PageState::FRAME,
        words(&world, B, 1)[0] & PageState::FRAME
    );
}

#[test]
fn a_private_copy_is_anonymous() {
    let mut world = World::new();
    let object = world.memory(2);
    world.map_object(A, 2 * P, RW, PRIVATE, &object, 0).unwrap();
    world.read(A);
    world.write(A + P, 1);
    let found = footprint(&world, A, 2);
    assert_eq!((found.shared_memory, found.anonymous), (P, P));
    let file = PageState::PRESENT | PageState::EXCLUSIVE | PageState::FILE;
    assert_eq!(states(&world, A, 2), [file, file - PageState::FILE]);
}

#[test]
fn much_is_counted_piece_by_piece() {
    let mut world = World::new();
    world.map(A, 5000, RW);
    for page in (0..5000).step_by(2) {
        world.write(A + page * P, 1);
    }
    let mut some = Footprint::default();
    assert!(world.space.measure(A, A + 5000 * P, &mut some) < A + 5000 * P);
    assert_eq!(footprint(&world, A, 5000).resident(), 2500 * P);
    assert_eq!(footprint(&world, A + P, 2).resident(), P);
}

#[test]
fn page_words_end_with_the_address_space() {
    let world = World::new();
    assert_eq!(words(&world, TASK_SIZE - 2 * P, 8), [0, 0]);
    assert!(words(&world, TASK_SIZE, 8).is_empty());
    assert!(words(&world, u64::MAX, 8).is_empty());
    assert_eq!(words(&world, A, 8), [0; 8]);
    assert_eq!(words(&world, 0x5a << 56, 1), [0], "a tag is ignored");
}

#[test]
fn blocks_come_where_one_fits() {
    const HUGEPAGE: u64 = 14;
    let mut world = World::new();
    let eligible = |world: &World| world.space.mappings().next().map(|first| first.block_eligible);
    let start = A.next_multiple_of(BLOCK_SIZE) + P;
    world.map(start, 2 * BLOCK_SIZE / P - 2, RW);
    assert_eq!(eligible(&world), Some(false));
    world
        .space
        .madvise(start, 2 * BLOCK_SIZE - 2 * P, HUGEPAGE)
        .unwrap();
    assert_eq!(eligible(&world), Some(false), "no aligned block lies in it");
    world.map(start - P, 1, RW);
    world.space.madvise(start - P, P, HUGEPAGE).unwrap();
    assert_eq!(eligible(&world), Some(true));
}
