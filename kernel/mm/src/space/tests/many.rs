//! Very many mappings: what a move of them costs, and that there may be so many.

use super::*;

const UNLIMITED: u64 = u64::MAX;
/// Where moved mappings go: a multiple of 2 MiB away, or of a page.
const FAR: u64 = 1 << 40;

/// `count` mappings of a page each from [`A`] on, alternately readable and writable; every `sparse`th writable one has a page.
fn stripes(count: u64, sparse: u64) -> World {
    let mut world = World::with_limits(Limits {
        max_map_count: UNLIMITED,
        ..Limits::default()
    });
    world.map(A, count, RW);
    for page in (0..count).step_by(2) {
        world.space.mprotect(A + page * P, P, R).unwrap();
    }
    for page in (1..count).step_by(2 * sparse as usize) {
        world.write(A + page * P, (page % 251) as u8 + 1);
    }
    assert_eq!(world.space.usage().mappings, count);
    world
}

/// Moves all of it, and answers how many nodes of the tree that took.
fn nodes_of_move(world: &mut World, count: u64, target: u64) -> u64 {
    assert_eq!(world.mremap(A, count * P, count * P, TO, target), Ok(target));
    world.space.nodes_visited().1
}

fn check_moved(world: &mut World, count: u64, target: u64, sparse: u64) {
    assert_eq!(world.space.usage().mappings, count);
    for (expected, mapping) in (0..).zip(world.space.mappings()) {
        let page = (mapping.range.start().get() - target) / P;
        assert_eq!((page, mapping.write), (expected, page % 2 == 1));
        assert_eq!(mapping.range.pages(), 1);
    }
    for page in (1..count).step_by(2 * sparse as usize) {
        assert_eq!(world.resident(target + page * P, 1), "1");
        assert_eq!(world.read(target + page * P), (page % 251) as u8 + 1);
    }
}

#[test]
fn a_hundred_thousand_mappings_move_through_few_nodes() {
    const COUNT: u64 = 100_000;
    const SPARSE: u64 = 1000;
    for target in [FAR + A, FAR + A + 3 * P] {
        let mut world = stripes(COUNT, SPARSE);
        let nodes = nodes_of_move(&mut world, COUNT, target);
        assert!(nodes <= 200, "{nodes} nodes");
        check_moved(&mut world, COUNT, target, SPARSE);
    }
}

/// Mappings of two pages each, some of which a call that failed has cut in two. Each such pair joins as it is moved.
#[test]
fn pairs_that_join_cost_a_path_each() {
    for (count, pairs) in [(20_000, 1), (20_000, 10), (20_000, 50), (200_000, 10)] {
        let mut world = World::with_limits(Limits {
            max_map_count: UNLIMITED,
            ..Limits::default()
        });
        world.map(A, count, RW);
        for page in (0..count).step_by(4) {
            world.space.mprotect(A + page * P, 2 * P, R).unwrap();
        }
        for pair in 0..pairs {
            let cut = A + (pair * (count / pairs) / 4 * 4 + 1) * P;
            world.space.tree.reserve(1).unwrap();
            assert!(world.space.tree.split(VirtAddr::new(cut)));
        }
        assert_eq!(world.space.usage().mappings, count / 2 + pairs);
        let nodes = nodes_of_move(&mut world, count, FAR + A);
        let path = 12 * u64::from(count.ilog2());
        assert!(
            nodes <= 200 + path * pairs,
            "{nodes} nodes for {pairs} pairs of {count}"
        );
        assert_eq!(world.space.usage().mappings, count / 2);
    }
}

#[test]
fn a_million_mappings() {
    const COUNT: u64 = 1_000_000;
    let mut world = stripes(COUNT, 50_000);
    let nodes = nodes_of_move(&mut world, COUNT, FAR + A);
    assert!(nodes <= 200, "{nodes} nodes");
    assert_eq!(world.space.usage().mappings, COUNT);
    assert_eq!(world.read(FAR + A + P), 2);
}
