//! Which anonymous mappings merge after they were written to: the cases of Linux's selftest `merge`, and of the contract.

use super::*;

/// Ten pages at [`A`] with holes around, so that moves go where they are sent.
fn world() -> World {
    World::new()
}

#[test]
fn unfaulted_beside_unfaulted() {
    let mut world = world();
    world.map(A, 2, RW);
    world.map(B, 2, RW);
    assert_eq!(world.mremap(B, 2 * P, 2 * P, TO, A + 2 * P), Ok(A + 2 * P));
    assert_eq!(world.maps(), "A+0..A+4 rw-p");
}

#[test]
fn unfaulted_moved_beside_faulted() {
    for target in [A + 2 * P, A - 2 * P] {
        let mut world = world();
        world.map(A, 2, RW);
        world.write(A, 1);
        world.map(B, 2, RW);
        assert_eq!(world.mremap(B, 2 * P, 2 * P, TO, target), Ok(target));
        assert_eq!(world.space.usage().mappings, 1);
        assert_eq!(world.read(A), 1);
    }
}

#[test]
fn faulted_moved_beside_unfaulted() {
    let mut world = world();
    world.map(A, 2, RW);
    world.map(B, 2, RW);
    world.write(B, 1);
    assert_eq!(world.mremap(B, 2 * P, 2 * P, TO, A + 2 * P), Ok(A + 2 * P));
    assert_eq!(
        world.maps(),
        "A+0..A+2 rw-p, A+2..A+4 rw-p",
        "it is not at home there"
    );
}

#[test]
fn faulted_away_and_back() {
    let mut world = world();
    world.map(A, 4, RW);
    world.fill(A, 4, 1);
    assert_eq!(world.mremap(A + 2 * P, 2 * P, 2 * P, TO, B), Ok(B));
    assert_eq!(world.mremap(B, 2 * P, 2 * P, TO, A + 2 * P), Ok(A + 2 * P));
    assert_eq!(world.maps(), "A+0..A+4 rw-p");
    assert_eq!(world.bytes(A, 4), [1, 2, 3, 4]);
}

#[test]
fn pieces_moved_by_the_same_distance_merge_again() {
    let mut world = world();
    world.map(A, 4, RW);
    world.fill(A, 4, 1);
    assert_eq!(world.mremap(A, P, P, TO, B), Ok(B));
    assert_eq!(world.mremap(A + P, 3 * P, 3 * P, TO, B + P), Ok(B + P));
    assert_eq!(world.maps(), "B+0..B+4 rw-p");
}

#[test]
fn faulted_and_faulted_of_another_batch() {
    let mut world = world();
    world.map(A, 2, RW);
    world.write(A, 1);
    world.map(B, 2, RW);
    world.write(B, 2);
    assert_eq!(world.mremap(B, 2 * P, 2 * P, TO, A + 2 * P), Ok(A + 2 * P));
    assert_eq!(world.maps(), "A+0..A+2 rw-p, A+2..A+4 rw-p");
}

#[test]
fn unfaulted_between_two_faulted_merges_with_the_first() {
    let mut world = world();
    world.map(A, 1, RW);
    world.write(A, 1);
    world.map(A + 2 * P, 1, RW);
    world.write(A + 2 * P, 2);
    world.map(B, 1, RW);
    assert_eq!(world.mremap(B, P, P, TO, A + P), Ok(A + P));
    assert_eq!(world.maps(), "A+0..A+2 rw-p, A+2..A+3 rw-p");
}

#[test]
fn what_is_left_of_a_source_beside_its_copy_takes_the_identity_of_the_copys_other_neighbour() {
    // The neighbour lies before the copy, and the source behind it; then the other way round.
    for (neighbour, copy, source) in [(A, A + 4 * P, A + 8 * P), (A + 12 * P, A + 8 * P, A + 4 * P)] {
        let mut world = world();
        world.map(neighbour, 4, RW);
        world.write(neighbour, 1);
        world.map(source, 4, RW);
        assert_eq!(world.mremap(source + P, 2 * P, 4 * P, TO, copy), Ok(copy));
        // Both ends are at home no more where they are put.
        for end in [source, source + 3 * P] {
            assert_eq!(world.mremap(end, P, P, TO, B), Ok(B));
            world.map(B + P, 1, RW);
            assert_eq!(world.maps().matches("B+").count(), 4, "{}", world.maps());
            world.space.munmap(B, 2 * P).unwrap();
        }
    }
}

#[test]
fn the_last_of_several_takes_an_identity_from_the_first_that_joins_its_rest() {
    let mut world = world();
    world.map(A + 14 * P, 2, RW);
    world.write(A + 14 * P, 1);
    assert_eq!(world.mremap(A + 14 * P, 2 * P, 2 * P, TO, A), Ok(A));
    world.map(A + 4 * P, 10, RW);
    assert_eq!(world.mremap(A, 6 * P, 6 * P, TO, A + 14 * P), Ok(A + 14 * P));
    assert_eq!(world.maps(), "A+6..A+10 rw-p, A+12..A+14 rw-p");
    world.map(A + 20 * P, 2, RW);
    assert_eq!(
        world.maps(),
        "A+6..A+10 rw-p, A+12..A+14 rw-p, A+14..A+16 rw-p",
        "its home is where it came from"
    );
}

#[test]
fn a_read_gives_no_identity() {
    let mut world = world();
    world.map(A, 1, RW);
    world.map(B, 1, RW);
    assert_eq!(world.read(B), 0);
    assert_eq!(world.mremap(B, P, P, TO, A + P), Ok(A + P));
    assert_eq!(world.maps(), "A+0..A+2 rw-p");
}

#[test]
fn a_first_write_adopts_the_identity_of_a_neighbour() {
    let mut world = world();
    world.map(A, 3, RW);
    world.space.mprotect(A + P, P, R).unwrap();
    world.write(A, 1);
    world.write(A + 2 * P, 3);
    assert_eq!(world.space.mprotect(A + P, P, RW), Ok(()));
    assert_eq!(
        world.maps(),
        "A+0..A+2 rw-p, A+2..A+3 rw-p",
        "not neighbours when they were written"
    );
    world.map(B, 2, RW);
    world.space.mprotect(B + P, P, RW | X).unwrap();
    world.write(B, 1);
    world.write(B + P, 2);
    world.space.mprotect(B + P, P, RW).unwrap();
    assert_eq!(
        world.maps(),
        "A+0..A+2 rw-p, A+2..A+3 rw-p, B+0..B+2 rw-p",
        "adopted"
    );
}

#[test]
fn dontneed_keeps_the_identity_and_dontunmap_of_all_of_it_drops_it() {
    let mut world = world();
    world.map(A, 1, RW);
    world.map(B, 1, RW);
    world.write(B, 1);
    world.space.madvise(B, P, 4).unwrap();
    assert_eq!(world.mremap(B, P, P, TO, A + P), Ok(A + P));
    assert_eq!(world.maps(), "A+0..A+1 rw-p, A+1..A+2 rw-p");

    let mut world = World::new();
    world.map(A, 2, RW);
    world.write(A, 1);
    assert_eq!(world.mremap(A, 2 * P, 2 * P, TO | DONTUNMAP, B), Ok(B));
    world.map(A + 2 * P, 1, RW);
    assert_eq!(
        world.maps(),
        "A+0..A+3 rw-p, B+0..B+2 rw-p",
        "the source is as new"
    );
    assert_eq!(world.mremap(A, P, P, TO, B + 2 * P), Ok(B + 2 * P));
    assert_eq!(
        world.maps(),
        "A+1..A+3 rw-p, B+0..B+2 rw-p, B+2..B+3 rw-p",
        "the target is not at home"
    );
}

#[test]
fn accounting_goes_with_the_right_to_write_while_unfaulted() {
    let mut world = world();
    world.map(A, 1, RW);
    world.space.mprotect(A, P, R).unwrap();
    assert_eq!(world.space.usage().accounted, 0);
    world.space.mprotect(A, P, RW).unwrap();
    world.write(A, 1);
    world.space.mprotect(A, P, R).unwrap();
    assert_eq!(world.space.usage().accounted, 1);
}

#[test]
fn the_first_slice_takes_the_identity_of_a_tail_that_it_touches() {
    let mut world = world();
    world.map(A, 1, RW);
    world.map(A + P, 1, RW);
    world.space.mprotect(A, P, R).unwrap();
    world.map(A, 1, RW | X);
    world.write(A + P, 5);
    world.space.mprotect(A, P, RW).unwrap();
    assert_eq!(world.maps(), "A+0..A+2 rw-p", "unfaulted beside faulted");
    assert_eq!(world.mremap(A, 2 * P, 2 * P, TO, A + 2 * P), Ok(A + 2 * P));
    assert_eq!(world.maps(), "A+2..A+4 rw-p");
    assert_eq!(world.bytes(A + 2 * P, 2), [0, 5]);
}

#[test]
fn a_write_past_the_end_of_a_file_gives_an_identity_too() {
    let mut world = World::new();
    let object = world.memory(2);
    let mut map = |at| world.map_object(at, 4 * P, RW, PRIVATE | FIXED, &object, 0);
    assert_eq!((map(A), map(B)), (Ok(A), Ok(B)));
    assert_eq!(world.try_read(A + 3 * P), Err(FaultError::Bus));
    assert_eq!(world.try_write(B + 3 * P, 1), Err(FaultError::Bus));
    let is_faulted = |at| {
        world
            .space
            .tree
            .find(VirtAddr::new(at))
            .is_some_and(|vma| vma.anon.is_some())
    };
    assert_eq!((is_faulted(A), is_faulted(B)), (false, true));
}
