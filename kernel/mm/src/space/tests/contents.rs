//! Where the pages are after `mremap`: contents, residency, protection; the cases of Linux's selftest `mremap_dontunmap`, and
//! what others got wrong.

use super::*;

const UP: u64 = MAYMOVE;

#[test]
fn pages_move_at_every_distance() {
    const HUGE: u64 = 2 << 20;
    const GIGA: u64 = 1 << 30;
    for (from, to) in [
        (A, B + 3 * P),
        (A, B),
        (A + P, B + HUGE + P),
        (A, A + 4 * HUGE),
        (GIGA, 5 * GIGA),
        (GIGA + 7 * P, (1 << 46) + 7 * P),
    ] {
        let mut world = World::new();
        world.map(from, 1500, RW);
        world.fill(from, 1500, 1);
        world.map(to - P, 1502, R);
        assert_eq!(world.read(to), 0);
        assert_eq!(world.mremap(from, 1500 * P, 1500 * P, TO, to), Ok(to));
        let expected: Vec<u8> = (0..1500).map(|page| 1u8.wrapping_add(page as u8)).collect();
        assert_eq!(world.bytes(to, 1500), expected);
        assert_eq!(world.try_read(from), Err(FaultError::MapError));
        assert_eq!((world.read(to - P), world.read(to + 1500 * P)), (0, 0));
    }
}

#[test]
fn holes_stay_holes() {
    let mut world = World::new();
    world.map(A, 600, RW);
    world.write(A + 3 * P, 3);
    world.write(A + 599 * P, 9);
    assert_eq!(world.mremap(A, 600 * P, 600 * P, TO, B + P), Ok(B + P));
    assert_eq!(world.resident(B + P, 600).matches('1').count(), 2);
    assert_eq!(
        (
            world.read(B + 4 * P),
            world.read(B + 600 * P),
            world.read(B + 5 * P)
        ),
        (3, 9, 0)
    );
}

#[test]
fn a_shrink_forgets_the_tail() {
    let mut world = World::new();
    world.map(A, 4, RW);
    world.fill(A, 4, 1);
    assert_eq!(world.mremap(A, 4 * P, 2 * P, 0, 0), Ok(A));
    assert_eq!(world.mremap(A, 2 * P, 4 * P, 0, 0), Ok(A));
    assert_eq!(world.bytes(A, 4), [1, 2, 0, 0]);
}

#[test]
fn growing_by_moving_takes_the_pages_along() {
    let mut world = World::new();
    world.map(A, 4, RW);
    world.fill(A, 4, 1);
    world.map(A + 4 * P, 1, R);
    let new = world.mremap(A, 4 * P, 6 * P, UP, 0).unwrap();
    assert_eq!(world.bytes(new, 6), [1, 2, 3, 4, 0, 0]);
    assert_eq!(world.try_read(A), Err(FaultError::MapError));
}

#[test]
fn repeated_growth_stays_where_there_is_room() {
    let mut world = World::new();
    let mut at = world.mmap(0, P, RW, PRIVATE | ANON).unwrap();
    world.write(at, 42);
    for pages in 1..200 {
        at = world.mremap(at, pages * P, (pages + 1) * P, UP, 0).unwrap();
        world.write(at + pages * P, pages as u8);
    }
    assert_eq!((world.read(at), world.read(at + 199 * P)), (42, 199));
    assert_eq!(world.space.usage().mappings, 1);
}

#[test]
fn nothing_is_written_past_the_end_of_the_target() {
    let mut world = World::new();
    world.map(A, 8, RW);
    world.write(A + 7 * P, 8);
    world.map(B, 16, RW);
    world.fill(B, 16, 100);
    assert_eq!(world.mremap(A, 8 * P, 8 * P, TO, B + 4 * P), Ok(B + 4 * P));
    assert_eq!(world.bytes(B, 4), [100, 101, 102, 103]);
    assert_eq!(world.bytes(B + 4 * P, 8), [0, 0, 0, 0, 0, 0, 0, 8]);
    assert_eq!(world.bytes(B + 12 * P, 4), [112, 113, 114, 115]);
}

#[test]
fn slices_move_around_what_stays() {
    let mut world = World::new();
    world.map(A, 1, RW);
    world.map(A + 3 * P, 1, RW);
    world.write(A, 1);
    world.write(A + 3 * P, 2);
    world.map(B, 6, RW);
    world.fill(B, 6, 10);
    assert_eq!(world.mremap(A, 6 * P, 6 * P, TO, B), Ok(B));
    assert_eq!(world.bytes(B, 6), [1, 11, 12, 2, 14, 15]);
}

#[test]
fn dontunmap_simple() {
    let mut world = World::new();
    world.map(A, 5, RW);
    world.fill(A, 5, 1);
    let new = world.mremap(A, 5 * P, 5 * P, UP | DONTUNMAP, 0).unwrap();
    assert_eq!(world.bytes(new, 5), [1, 2, 3, 4, 5]);
    assert_eq!(world.bytes(A, 5), [0; 5]);
}

#[test]
fn dontunmap_of_shared_memory() {
    let mut world = World::new();
    let object = world.memory(5);
    world
        .map_object(A, 5 * P, RW, SHARED | FIXED, &object, 0)
        .unwrap();
    world.fill(A, 5, 1);
    let new = world.mremap(A, 5 * P, 5 * P, UP | DONTUNMAP, 0).unwrap();
    assert_eq!(world.bytes(new, 5), [1, 2, 3, 4, 5]);
    assert_eq!(world.bytes(A, 5), [1, 2, 3, 4, 5], "both see the object");
}

#[test]
fn dontunmap_onto_a_mapping() {
    let mut world = World::new();
    world.map(B, 5, RW);
    world.fill(B, 5, 50);
    world.map(A, 5, RW);
    world.fill(A, 5, 1);
    assert_eq!(world.mremap(A, 5 * P, 5 * P, TO | DONTUNMAP, B), Ok(B));
    assert_eq!(world.bytes(B, 5), [1, 2, 3, 4, 5]);
    assert_eq!(world.bytes(A, 5), [0; 5]);
}

#[test]
fn dontunmap_of_a_part() {
    let mut world = World::new();
    world.map(A, 10, RW);
    world.fill(A, 10, 1);
    let new = world.mremap(A + 5 * P, 5 * P, 5 * P, UP | DONTUNMAP, 0).unwrap();
    assert_eq!(world.bytes(new, 5), [6, 7, 8, 9, 10]);
    assert_eq!(world.bytes(A, 10), [1, 2, 3, 4, 5, 0, 0, 0, 0, 0]);
    assert!(
        world.maps().starts_with("A+0..A+a rw-p"),
        "the source is not split"
    );
}

#[test]
fn dontunmap_onto_a_part() {
    let mut world = World::new();
    world.map(A, 5, RW);
    world.fill(A, 5, 1);
    world.map(B, 10, RW);
    world.fill(B, 10, 50);
    assert_eq!(world.mremap(A, 5 * P, 5 * P, TO | DONTUNMAP, B), Ok(B));
    assert_eq!(world.bytes(A, 5), [0; 5]);
    assert_eq!(world.bytes(B, 10), [1, 2, 3, 4, 5, 55, 56, 57, 58, 59]);
}

#[test]
fn dontunmap_of_a_private_file_re_reads_it() {
    let mut world = World::new();
    let object = world.memory(2);
    object.write(0, &[7; 2 * P as usize]).unwrap();
    world
        .map_object(A, 2 * P, RW, PRIVATE | FIXED, &object, 0)
        .unwrap();
    world.write(A, 8);
    assert_eq!(world.mremap(A, 2 * P, 2 * P, TO | DONTUNMAP, B), Ok(B));
    assert_eq!(
        (world.bytes(B, 2), world.bytes(A, 2)),
        (std::vec![8, 7], std::vec![7, 7])
    );
}

#[test]
fn dontunmap_without_access() {
    let mut world = World::new();
    world.map(A, 2, RW);
    world.fill(A, 2, 1);
    world.space.mprotect(A, 2 * P, NONE).unwrap();
    assert_eq!(world.mremap(A, 2 * P, 2 * P, TO | DONTUNMAP, B), Ok(B));
    assert_eq!(
        (world.resident(A, 2), world.resident(B, 2)),
        ("00".into(), "11".into())
    );
    world.space.mprotect(B, 2 * P, R).unwrap();
    assert_eq!(world.bytes(B, 2), [1, 2]);
}

#[test]
fn a_read_only_mapping_stays_read_only() {
    let mut world = World::new();
    world.map(A, 2, RW);
    world.fill(A, 2, 1);
    world.space.mprotect(A, P, R).unwrap();
    assert_eq!(world.mremap(A, 2 * P, 2 * P, TO, B), Ok(B));
    assert_eq!(world.try_write(B, 5), Err(FaultError::AccessError));
    world.write(B + P, 5);
    assert_eq!(world.bytes(B, 2), [1, 5]);
}

#[test]
fn memory_that_may_only_be_written_can_be_read() {
    let mut world = World::new();
    world.map(A, 2, W);
    assert_eq!(world.try_read(A), Ok(0));
    world.write(A + P, 3);
    assert_eq!(world.bytes(A, 2), [0, 3]);
    world.write(A, 2);
    assert_eq!(world.bytes(A, 2), [2, 3]);
}

#[test]
fn counters_tell_what_moved_at_which_level() {
    const BLOCKS: u64 = 4 << 20;
    let mut world = World::new();
    world.map(A, BLOCKS / P, RW);
    world.write(A, 1);
    world.write(A + BLOCKS / 2 + P, 2);
    let mut moved = |from, to| {
        assert_eq!(world.mremap(from, BLOCKS, BLOCKS, TO, to), Ok(to));
        let (_, last) = world.space.counters();
        (last.moved_pgd, last.moved_pud, last.moved_pmd, last.moved_pte)
    };
    assert_eq!(moved(A, B), (0, 0, 2, 0));
    assert_eq!(moved(B, A + P), (0, 0, 0, 2));
    assert_eq!(
        moved(A + P, B + P),
        (0, 0, 2, 0),
        "two tables and nothing at the ragged ends"
    );
    assert_eq!(moved(B + P, A), (0, 0, 0, 2));
    let (all, last) = world.space.nodes_visited();
    assert!(0 < last && last < all, "{last} of {all}");
}

#[test]
fn a_duplicate_sees_the_same_pages_and_the_end_of_the_object() {
    let mut world = World::new();
    let object = world.memory(3);
    world
        .map_object(A, 3 * P, RW, SHARED | FIXED, &object, 0)
        .unwrap();
    world.fill(A, 3, 1);
    assert_eq!(world.mremap(A + P, 0, 4 * P, TO, B), Ok(B));
    assert_eq!(world.bytes(B, 2), [2, 3]);
    assert_eq!(world.try_read(B + 2 * P), Err(FaultError::Bus));
    world.write(B, 77);
    assert_eq!(world.read(A + P), 77);
}
