//! What `mremap` refuses, in Linux's order, and that nothing changes where nothing may.

use super::*;

#[test]
fn unmapped_source() {
    let mut world = World::new();
    world.map(B, 1, RW);
    assert_eq!(world.mremap(A, P, P, 0, 0), Err(Errno::EFAULT));
    assert_eq!(world.mremap(A, P, 2 * P, MAYMOVE, 0), Err(Errno::EFAULT));
    assert_eq!(world.mremap(A, P, P, TO, B), Err(Errno::EFAULT));
    assert_eq!(world.mremap(A, 2 * P, P, TO, B), Err(Errno::EFAULT));
    assert_eq!(world.maps(), "B+0..B+1 rw-p", "the target survives");
    assert_eq!(world.mremap(TASK_SIZE + A, P, P, 0, 0), Err(Errno::EFAULT));
    assert_eq!(
        world.mremap(0xffff_0000_0000_0000, P, P, 0, 0),
        Err(Errno::EFAULT)
    );
}

#[test]
fn the_map_count_is_checked_before_anything_is_looked_for() {
    let mut world = World::with_limits(Limits {
        max_map_count: 6,
        ..Limits::default()
    });
    world.map(A, 1, RW);
    world.map(B, 1, R);
    assert_eq!(world.mremap(A, P, P, 0, 0), Ok(A));
    assert_eq!(
        world.mremap(A, P, P, MAYMOVE | DONTUNMAP, 0),
        Err(Errno::ENOMEM),
        "five more"
    );
    world.map(B + 2 * P, 1, R);
    assert_eq!(
        world.mremap(A, P, P, 0, 0),
        Err(Errno::ENOMEM),
        "even where nothing happens"
    );
    assert_eq!(
        world.mremap(A + P, P, P, 0, 0),
        Err(Errno::ENOMEM),
        "before EFAULT"
    );
}

#[test]
fn private_memory_is_not_duplicated() {
    let mut world = World::new();
    world.map(A, 2, RW);
    for flags in [0, MAYMOVE, TO] {
        assert_eq!(world.mremap(A, 0, P, flags, B), Err(Errno::EINVAL));
    }
    assert_eq!(world.maps(), "A+0..A+2 rw-p");
}

#[test]
fn growing_past_the_end_of_the_mapping() {
    let mut world = World::new();
    world.map(A, 2, RW);
    world.map(A + 2 * P, 2, R);
    assert_eq!(world.mremap(A, 3 * P, 4 * P, MAYMOVE, 0), Err(Errno::EFAULT));
    assert_eq!(world.mremap(A, 3 * P, 4 * P, TO, B), Err(Errno::EFAULT));
    assert_eq!(
        world.mremap(A, 2 * P, 3 * P, 0, 0),
        Err(Errno::ENOMEM),
        "may not move"
    );
    assert_eq!(
        world.mremap(A, P, 2 * P, 0, 0),
        Err(Errno::ENOMEM),
        "not at its end"
    );
}

#[test]
fn a_shrink_that_moves_keeps_one_mapping() {
    let mut world = World::new();
    world.map(A, 2, RW);
    world.map(A + 2 * P, 2, R);
    world.map(B, 4, RW);
    assert_eq!(world.mremap(A, 4 * P, 3 * P, TO, B), Err(Errno::EFAULT));
    assert_eq!(
        world.maps(),
        "A+0..A+2 rw-p, A+2..A+4 r--p, B+0..B+4 rw-p",
        "nothing is touched"
    );
    assert_eq!(world.mremap(A, 4 * P, 2 * P, TO, B), Ok(B));
    assert_eq!(
        world.maps(),
        "B+0..B+4 rw-p",
        "merged with what was left of the target"
    );
}

#[test]
fn a_tail_that_leaves_the_address_space() {
    let mut world = World::new();
    world.map(A, 2, RW);
    world.map(B, 1, R);
    assert_eq!(world.mremap(A, TASK_SIZE, P, 0, 0), Err(Errno::EINVAL));
    assert_eq!(world.mremap(A, !0xfff, P, MAYMOVE, 0), Err(Errno::EINVAL));
    assert_eq!(world.maps(), "A+0..A+2 rw-p, B+0..B+1 r--p");
    // The target lies beyond the tail's wrapped end, so it passes for disjoint; it is gone when the tail is refused.
    assert_eq!(world.mremap(A, !(A - 1), P, TO, B), Err(Errno::EINVAL));
    assert_eq!(world.maps(), "A+0..A+2 rw-p");
}

#[test]
fn dontunmap_asks_for_room_as_well() {
    let limits = Limits {
        address_space: 3 * P,
        ..Limits::default()
    };
    let mut world = World::with_limits(limits);
    world.map(A, 2, RW);
    assert_eq!(
        world.mremap(A, 2 * P, 2 * P, MAYMOVE | DONTUNMAP, 0),
        Err(Errno::ENOMEM)
    );
    assert_eq!(world.mremap(A, 2 * P, 4 * P, MAYMOVE, 0), Err(Errno::ENOMEM));
    assert_eq!(world.mremap(A, 2 * P, 3 * P, MAYMOVE, 0), Ok(A));
    world.space.limits_mut().address_space = 6 * P;
    world.map(B, 3, R);
    assert_eq!(
        world.mremap(A, 3 * P, 3 * P, TO | DONTUNMAP, B),
        Ok(B),
        "what the target gives back counts"
    );
    assert_eq!(world.maps(), "A+0..A+3 rw-p, B+0..B+3 rw-p");
}

#[test]
fn growth_is_limited_like_any_mapping() {
    let mut world = World::with_limits(Limits {
        data: 2 * P,
        memory_pages: 8,
        ..Limits::default()
    });
    world.map(A, 2, RW);
    assert_eq!(world.mremap(A, 2 * P, 3 * P, MAYMOVE, 0), Err(Errno::ENOMEM));
    world.space.limits_mut().data = crate::RLIM_INFINITY;
    assert_eq!(
        world.mremap(A, 2 * P, 11 * P, MAYMOVE, 0),
        Err(Errno::ENOMEM),
        "the commit limit"
    );
    assert_eq!(world.mremap(A, 2 * P, 10 * P, MAYMOVE, 0), Ok(A));
}

#[test]
fn locked_memory_grows_within_its_limit() {
    let limits = Limits {
        locked: 2 * P,
        capabilities: Capabilities::empty(),
        ..Limits::default()
    };
    let mut world = World::with_limits(limits);
    world.mmap(A, 2 * P, RW, PRIVATE | ANON | FIXED | LOCKED).unwrap();
    assert_eq!(world.mremap(A, 2 * P, 3 * P, MAYMOVE, 0), Err(Errno::EAGAIN));
    world.space.limits_mut().locked = 3 * P;
    assert_eq!(world.mremap(A, 2 * P, 3 * P, MAYMOVE, 0), Ok(A));
    assert_eq!(world.space.usage().locked, 3);
}

#[test]
fn low_targets_are_for_the_privileged() {
    let mut world = World::new();
    world.map(A, 1, RW);
    assert_eq!(world.mremap(A, P, P, TO, 0), Ok(0));
    assert_eq!(world.mremap(0, P, P, TO, A), Ok(A));
    world.space.limits_mut().capabilities = Capabilities::empty();
    assert_eq!(world.mremap(A, P, P, TO, 0), Err(Errno::EPERM));
    assert_eq!(
        world.mremap(A, P, P, MAYMOVE | DONTUNMAP, 0x1000),
        Ok(TOP - P),
        "a hint is no order"
    );
}

#[test]
fn no_room_to_grow() {
    let mut world = World::new();
    world.map(A, 1, R);
    let huge = TASK_SIZE - 0x8000;
    assert_eq!(world.mremap(A, P, huge + P, MAYMOVE, 0), Err(Errno::ENOMEM));
    assert_eq!(world.mremap(A, P, huge, MAYMOVE, 0), Err(Errno::ENOMEM));
    assert_eq!(world.maps(), "A+0..A+1 r--p");
}

#[test]
fn an_offset_that_wraps() {
    let mut world = World::new();
    let object = world.memory(1);
    let last = (i64::MAX as u64 & !(P - 1)) - P;
    world.map_object(A, P, R, SHARED | FIXED, &object, last).unwrap();
    assert_eq!(
        world.mremap(A, P, 2 * P, MAYMOVE, 0),
        Ok(A),
        "Linux looks at pages, not at bytes"
    );
}
