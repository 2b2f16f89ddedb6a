//! `mprotect`.

use super::*;

#[test]
fn it_splits_and_merges() {
    let mut world = World::new();
    world.map(A, 5, RW);
    assert_eq!(world.space.mprotect(A + P, P, R), Ok(()));
    assert_eq!(world.maps(), "A+0..A+1 rw-p, A+1..A+2 r--p, A+2..A+5 rw-p");
    assert_eq!(world.space.mprotect(A + 2 * P, P, R), Ok(()));
    assert_eq!(world.maps(), "A+0..A+1 rw-p, A+1..A+3 r--p, A+3..A+5 rw-p");
    assert_eq!(world.space.mprotect(A, 5 * P, RW), Ok(()));
    assert_eq!(
        world.maps(),
        "A+0..A+5 rw-p",
        "the accounting comes back with the right to write"
    );
}

#[test]
fn it_goes_as_far_as_the_first_hole() {
    let mut world = World::new();
    world.map(A, 2, RW);
    world.map(A + 3 * P, 1, RW);
    assert_eq!(world.space.mprotect(A, 4 * P, R), Err(Errno::ENOMEM));
    assert_eq!(world.maps(), "A+0..A+2 r--p, A+3..A+4 rw-p");
    assert_eq!(world.space.mprotect(A + 2 * P, 2 * P, R), Err(Errno::ENOMEM));
    assert_eq!(world.space.mprotect(B, P, R), Err(Errno::ENOMEM));
}

#[test]
fn parameters_are_checked_in_order() {
    let mut world = World::new();
    world.map(A, 1, RW);
    assert_eq!(world.space.mprotect(A + 1, P, R), Err(Errno::EINVAL));
    assert_eq!(
        world.space.mprotect(A, 0, 1 << 20),
        Ok(()),
        "no length, nothing else is looked at"
    );
    assert_eq!(world.space.mprotect(A, u64::MAX, R), Err(Errno::ENOMEM));
    assert_eq!(world.space.mprotect(A, P, 0x10 << 8), Err(Errno::EINVAL));
    assert_eq!(
        world.space.mprotect(A, P, R | 0x300_0000),
        Err(Errno::EINVAL),
        "up and down"
    );
    assert_eq!(
        world.space.mprotect(A, P, R | 0x100_0000),
        Err(Errno::EINVAL),
        "not a stack"
    );
    assert_eq!(
        world.space.mprotect(A | 0xab << 56, P, R),
        Ok(()),
        "the tag is dropped"
    );
}

#[test]
fn a_split_needs_room() {
    let mut world = World::with_limits(Limits {
        max_map_count: 3,
        ..Limits::default()
    });
    world.map(A, 5, RW);
    world.map(B, 1, R);
    assert_eq!(world.space.mprotect(A + P, P, R), Err(Errno::ENOMEM));
    assert_eq!(world.space.mprotect(A, P, R), Ok(()));
    assert_eq!(world.space.mprotect(A + 4 * P, P, R), Err(Errno::ENOMEM));
    assert_eq!(
        world.space.mprotect(A + P, P, R),
        Ok(()),
        "that only moves a border"
    );
    assert_eq!(world.maps(), "A+0..A+2 r--p, A+2..A+5 rw-p, B+0..B+1 r--p");
}

#[test]
fn read_only_memory_that_becomes_data_is_limited() {
    let mut world = World::with_limits(Limits {
        data: P,
        ..Limits::default()
    });
    world.map(A, 2, R);
    assert_eq!(world.space.mprotect(A, 2 * P, RW), Err(Errno::ENOMEM));
    assert_eq!(world.space.mprotect(A, P, RW), Ok(()));
    let usage = world.space.usage();
    assert_eq!(
        (usage.total, usage.data, usage.accounted, usage.mappings),
        (2, 1, 1, 2)
    );
}
