//! What `mremap` does to the mappings.

use super::*;

#[test]
fn nothing_to_do() {
    let mut world = World::new();
    world.map(A, 4, RW);
    assert_eq!(world.mremap(A, 4 * P, 4 * P, 0, 0), Ok(A));
    assert_eq!(
        world.mremap(A, 64 * P, 64 * P, 0, 0),
        Ok(A),
        "nobody looks whether the range is mapped"
    );
    assert_eq!(world.mremap(A + P, P - 5, P, MAYMOVE, 77), Ok(A + P));
    assert_eq!(
        world.mremap(A | 0xab << 56, P, P, 0, 0),
        Ok(A),
        "the tag is dropped"
    );
    assert_eq!(world.maps(), "A+0..A+4 rw-p");
}

#[test]
fn shrinking_in_place_crosses_mappings_and_holes() {
    let mut world = World::new();
    world.map(A, 2, RW);
    world.map(A + 2 * P, 2, R);
    world.map(A + 6 * P, 2, RW);
    assert_eq!(world.mremap(A, 7 * P, 3 * P, 0, 0), Ok(A));
    assert_eq!(world.maps(), "A+0..A+2 rw-p, A+2..A+3 r--p, A+7..A+8 rw-p");
}

#[test]
fn growing_in_place_merges_with_the_next() {
    let mut world = World::new();
    world.map(A, 1, RW);
    world.map(A + 3 * P, 1, RW);
    assert_eq!(world.mremap(A, P, 2 * P, 0, 0), Ok(A));
    assert_eq!(world.maps(), "A+0..A+2 rw-p, A+3..A+4 rw-p");
    assert_eq!(world.mremap(A, 2 * P, 3 * P, MAYMOVE, 0), Ok(A));
    assert_eq!(world.maps(), "A+0..A+4 rw-p");
    assert_eq!(
        world.mremap(A + P, 3 * P, 4 * P, 0, 0),
        Ok(A + P),
        "the end of the mapping is what counts"
    );
}

#[test]
fn growing_by_moving_leaves_the_rest() {
    let mut world = World::new();
    world.map(A, 8, RW);
    let new = world.mremap(A, 4 * P, 6 * P, MAYMOVE, 0).unwrap();
    assert_eq!(new, TOP - 6 * P);
    assert_eq!(world.maps(), format!("A+4..A+8 rw-p, {:x}..{:x} rw-p", new, TOP));
    assert_eq!(world.mremap(A + 4 * P, 4 * P, 5 * P, TO, B), Ok(B));
    assert_eq!(world.maps(), format!("B+0..B+5 rw-p, {:x}..{:x} rw-p", new, TOP));
}

#[test]
fn a_move_replaces_the_target_and_cuts_the_source() {
    let mut world = World::new();
    world.map(A, 5, RW);
    world.map(B, 5, R);
    assert_eq!(world.mremap(A + P, 2 * P, 2 * P, TO, B + P), Ok(B + P));
    assert_eq!(
        world.maps(),
        "A+0..A+1 rw-p, A+3..A+5 rw-p, B+0..B+1 r--p, B+1..B+3 rw-p, B+3..B+5 r--p"
    );
}

#[test]
fn a_move_within_one_mapping() {
    let mut world = World::new();
    world.map(A, 8, RW);
    assert_eq!(world.mremap(A + P, P, P, TO, A + 5 * P), Ok(A + 5 * P));
    assert_eq!(
        world.maps(),
        "A+0..A+1 rw-p, A+2..A+8 rw-p",
        "unfaulted memory is at home anywhere"
    );
}

#[test]
fn several_mappings_move_with_their_distances() {
    let mut world = World::new();
    world.map(A, 2, RW);
    world.map(A + 2 * P, 2, R);
    world.map(A + 6 * P, 2, RW);
    world.map(B + 5 * P, 1, R);
    assert_eq!(world.mremap(A + P, 7 * P, 7 * P, TO, B), Ok(B));
    assert_eq!(
        world.maps(),
        "A+0..A+1 rw-p, B+0..B+1 rw-p, B+1..B+3 r--p, B+5..B+7 rw-p"
    );
}

#[test]
fn what_lies_opposite_a_gap_stays() {
    let mut world = World::new();
    world.map(A, 1, RW);
    world.map(A + 3 * P, 1, RW);
    world.map(B, 8, R);
    assert_eq!(world.mremap(A, 6 * P, 6 * P, TO, B), Ok(B));
    assert_eq!(
        world.maps(),
        "B+0..B+1 rw-p, B+1..B+3 r--p, B+3..B+4 rw-p, B+4..B+8 r--p"
    );
}

#[test]
fn a_gap_at_the_start_stops_everything() {
    let mut world = World::new();
    world.map(A + P, 1, RW);
    world.map(B, 2, R);
    assert_eq!(world.mremap(A, 2 * P, 2 * P, TO, B), Err(Errno::EFAULT));
    assert_eq!(world.maps(), "A+1..A+2 rw-p, B+0..B+2 r--p");
}

#[test]
fn dontunmap_takes_a_hint_or_chooses() {
    let mut world = World::new();
    world.map(A, 2, RW);
    assert_eq!(world.mremap(A, 2 * P, 2 * P, MAYMOVE | DONTUNMAP, B), Ok(B));
    assert_eq!(
        world.mremap(A, 2 * P, 2 * P, MAYMOVE | DONTUNMAP, B),
        Ok(TOP - 2 * P),
        "taken: nothing is unmapped"
    );
    assert_eq!(
        world.maps(),
        format!("A+0..A+2 rw-p, B+0..B+2 rw-p, {:x}..{:x} rw-p", TOP - 2 * P, TOP)
    );
    assert_eq!(
        world.mremap(A, 3 * P, 3 * P, MAYMOVE | DONTUNMAP, B + 8 * P),
        Err(Errno::EFAULT)
    );
}

#[test]
fn dontunmap_beside_its_source_does_not_merge_with_it() {
    let mut world = World::new();
    world.map(A, 2, RW);
    assert_eq!(
        world.mremap(A, 2 * P, 2 * P, TO | DONTUNMAP, A + 2 * P),
        Ok(A + 2 * P)
    );
    assert_eq!(world.maps(), "A+0..A+2 rw-p, A+2..A+4 rw-p");
}

#[test]
fn dontunmap_unlocks_the_moved_part_of_the_source() {
    let mut world = World::new();
    world.mmap(A, 6 * P, RW, PRIVATE | ANON | FIXED | LOCKED).unwrap();
    assert_eq!(world.mremap(A + 2 * P, 2 * P, 2 * P, TO | DONTUNMAP, B), Ok(B));
    assert_eq!(
        world.maps(),
        "A+0..A+2 rw-p, A+2..A+4 rw-p, A+4..A+6 rw-p, B+0..B+2 rw-p"
    );
    assert_eq!(world.space.usage().locked, 6);
}

#[test]
fn several_mappings_under_dontunmap() {
    let mut world = World::new();
    world.map(A, 2, RW);
    world.map(A + 3 * P, 1, R);
    assert_eq!(world.mremap(A, 4 * P, 4 * P, TO | DONTUNMAP, B), Ok(B));
    assert_eq!(
        world.maps(),
        "A+0..A+2 rw-p, A+3..A+4 r--p, B+0..B+2 rw-p, B+3..B+4 r--p"
    );
}

#[test]
fn shared_memory_is_duplicated_by_an_old_length_of_zero() {
    let mut world = World::new();
    let object = world.memory(4);
    world
        .map_object(A, 4 * P, RW, SHARED | FIXED, &object, 0)
        .unwrap();
    assert_eq!(
        world.mremap(A + P, 0, 2 * P, 0, 0),
        Err(Errno::ENOMEM),
        "may not move"
    );
    assert_eq!(world.mremap(A + P, 0, 2 * P, TO, B), Ok(B));
    assert_eq!(
        world.mremap(A, u64::MAX, P, MAYMOVE, 0),
        Ok(TOP - P),
        "a length that wraps to zero"
    );
    assert_eq!(
        world.maps(),
        format!("A+0..A+4 rw-s, B+0..B+2 rw-s, {:x}..{:x} rw-s", TOP - P, TOP)
    );
    let copy = world.space.mappings_from(B).next().unwrap();
    assert_eq!(copy.offset, P);
}

#[test]
fn a_duplicate_onto_itself_destroys_nothing() {
    let mut world = World::new();
    let object = world.memory(4);
    world
        .map_object(A, 4 * P, RW, SHARED | FIXED, &object, 0)
        .unwrap();
    assert_eq!(world.mremap(A, 0, 2 * P, TO, A), Err(Errno::EFAULT));
    assert_eq!(world.maps(), "A+0..A+4 rw-s");
}

#[test]
fn what_lies_opposite_the_gap_that_a_source_ends_with_stays_with_its_pages() {
    let mut world = World::new();
    let page = |index: u64| A + index * P;
    world.map(page(0x1fa), 6, RW);
    world.fill(page(0x1fa), 6, 1);
    // The survivor, in the table that the gap lies in.
    let moved = world.mremap(page(0x1fb), 22 * P, 22 * P, TO, page(0x211));
    assert_eq!(moved, Ok(page(0x211)));
    let moved = world.mremap(page(0x1fa), 21 * P, 21 * P, TO, page(0x20f));
    assert_eq!(moved, Ok(page(0x20f)));
    assert_eq!(
        (world.read(page(0x20f)), world.bytes(page(0x211), 5)),
        (1, std::vec![2, 3, 4, 5, 6])
    );
}
