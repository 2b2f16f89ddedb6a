//! Where mappings go that say nothing, or only hint.

use super::*;

#[test]
fn mappings_are_placed_from_the_top_down() {
    let mut world = World::new();
    assert_eq!(world.mmap(0, P, RW, PRIVATE | ANON), Ok(TOP - P));
    assert_eq!(world.mmap(0, P, R, PRIVATE | ANON), Ok(TOP - 2 * P));
    assert_eq!(world.space.munmap(TOP - P, P), Ok(()));
    assert_eq!(world.mmap(0, P, R, PRIVATE | ANON), Ok(TOP - P));
}

#[test]
fn multiples_of_a_huge_page_are_aligned_for_one() {
    const HUGE: u64 = 2 << 20;
    let mut world = World::new();
    assert_eq!(world.mmap(0, P, RW, PRIVATE | ANON), Ok(TOP - P));
    assert_eq!(world.mmap(0, HUGE, RW, PRIVATE | ANON), Ok(TOP - 2 * HUGE));
    assert_eq!(world.mmap(0, HUGE + P, R, PRIVATE | ANON), Ok(TOP - 3 * HUGE - P));
    assert_eq!(
        world.mmap(0, HUGE, RW, SHARED | ANON),
        Ok(TOP - 4 * HUGE - P),
        "shared memory is not"
    );
}

#[test]
fn a_hint_is_taken_if_it_is_free() {
    let mut world = World::new();
    assert_eq!(world.mmap(A + 5, P, RW, PRIVATE | ANON), Ok(A));
    assert_eq!(world.mmap(A, P, R, PRIVATE | ANON), Ok(TOP - P));
    assert_eq!(
        world.mmap(1, P, RW, PRIVATE | ANON),
        Ok(TOP - 2 * P),
        "page zero is no hint"
    );
    assert_eq!(
        world.mmap(P, P, RW, PRIVATE | ANON),
        Ok(0x8000),
        "raised to mmap_min_addr"
    );
    assert_eq!(world.mmap(u64::MAX, P, RW, PRIVATE | ANON), Ok(TOP - 3 * P));
}

#[test]
fn stacks_keep_their_distance() {
    let mut world = World::new();
    assert_eq!(world.mmap(A, P, RW, PRIVATE | ANON | GROWSDOWN), Ok(A));
    assert_eq!(
        world.mmap(A - P, P, RW, PRIVATE | ANON),
        Ok(TOP - P),
        "in the guard gap"
    );
    assert_eq!(world.mmap(A - 257 * P, P, RW, PRIVATE | ANON), Ok(A - 257 * P));
}

#[test]
fn the_low_end_is_for_the_privileged() {
    let mut world = World::new();
    assert_eq!(world.mmap(0, P, RW, PRIVATE | ANON | FIXED), Ok(0));
    let mut world = World::with_limits(Limits {
        capabilities: Capabilities::empty(),
        ..Limits::default()
    });
    assert_eq!(world.mmap(0, P, RW, PRIVATE | ANON | FIXED), Err(Errno::EPERM));
    assert_eq!(world.mmap(0x7000, P, RW, PRIVATE | ANON | FIXED), Ok(0x7000));
    assert_eq!(world.mmap(0x8000, P, RW, PRIVATE | ANON | FIXED), Ok(0x8000));
}

#[test]
fn what_lies_across_the_place_of_an_empty_heap_is_called_heap() {
    let mut world = World::new();
    world.space.layout_mut().brk_start = A + P;
    world.map(A, 2, NONE);
    assert_eq!(world.space.mappings().next().map(|m| m.name), Some("[heap]"));
    world.map(A + P, 1, RW);
    assert!(world.space.mappings().all(|mapping| mapping.name.is_empty()));
}

#[test]
fn the_heap_counts_with_the_data_of_the_program() {
    let mut world = World::new();
    world.space.layout_mut().brk_start = A;
    world.space.layout_mut().data_len = P + 5;
    world.space.limits_mut().data = 3 * P;
    assert_eq!(world.space.brk(A + 2 * P), A);
    assert_eq!(world.space.brk(A + 2 * P - 5), A + 2 * P - 5);
}

#[test]
fn heap_grows_and_shrinks_and_answers_its_end() {
    let mut world = World::new();
    assert_eq!(world.space.brk(0), 0, "no heap yet");
    world.space.layout_mut().brk_start = A;
    assert_eq!(world.space.brk(0), A);
    assert_eq!(world.space.brk(A + 1), A + 1);
    assert_eq!(world.maps(), "A+0..A+1 rw-p");
    assert_eq!(world.space.mappings().next().map(|m| m.name), Some("[heap]"));
    assert_eq!(world.space.brk(A + 3 * P), A + 3 * P);
    assert_eq!(world.maps(), "A+0..A+3 rw-p");
    assert_eq!(world.space.brk(u64::MAX), A + 3 * P, "a length that wraps");
    assert_eq!(world.space.brk(A - 1), A + 3 * P, "not below its start");
    world.map(A + 5 * P, 1, R);
    assert_eq!(
        world.space.brk(A + 5 * P),
        A + 3 * P,
        "a page stays free behind it"
    );
    assert_eq!(world.space.brk(A + 4 * P), A + 4 * P);
    assert_eq!(world.space.brk(A), A);
    assert_eq!(world.maps(), "A+5..A+6 r--p");
}

#[test]
fn the_guard_of_a_stack_hides_the_room_below_what_lies_in_it() {
    let mut world = World::new();
    world.space.layout_mut().mmap_base = B;
    let page = |index: u64| B - index * P;
    world
        .mmap(page(6), 2 * P, RW, PRIVATE | ANON | FIXED | GROWSDOWN)
        .unwrap();
    world.map(page(1), 1, RW);
    // Five pages are free below the stack, and many below this; Linux looks below the stack's guard.
    world.map(page(18), 7, RW);
    let guard = crate::space::STACK_GUARD_GAP / P;
    assert_eq!(world.mmap(0, 5 * P, RW, PRIVATE | ANON), Ok(page(6 + guard + 5)));
    // What fits nowhere there but below the lower mapping is not kept away from it.
    assert_eq!(world.mmap(0, 8 * P, RW, PRIVATE | ANON), Ok(page(18 + 8)));
}
