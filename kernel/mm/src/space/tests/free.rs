//! `MADV_FREE`: pages that are given back, and taken when memory is short. What can be seen of them while it is not was seen on
//! Linux 7.3.4.

use super::*;

const FREE: u64 = 8;
const COLD: u64 = 20;
const PAGEOUT: u64 = 21;
const HUGEPAGE: u64 = 14;

/// Eight pages: four written and given back, one of zeros that was read and given back, one written, two never touched.
fn offered() -> World {
    let mut world = World::new();
    world.map(A, 8, RW);
    world.fill(A, 4, 1);
    world.read(A + 4 * P);
    assert_eq!(world.space.madvise(A, 5 * P, FREE), Ok(()));
    world.write(A + 5 * P, 6);
    world
}

#[test]
fn pages_stay_while_nobody_needs_them() {
    let mut world = offered();
    assert_eq!(world.resident(A, 8), "11111100");
    assert_eq!(world.bytes(A, 6), [1, 2, 3, 4, 0, 6]);
    assert_eq!(world.space.madvise(A, 8 * P, COLD), Ok(()));
    assert_eq!(world.resident(A, 8), "11111100");
}

#[test]
fn a_page_that_is_written_again_is_kept() {
    let mut world = offered();
    world.read(A);
    world.write(A + 2 * P, 33);
    assert_eq!(world.space.madvise(A, 8 * P, PAGEOUT), Ok(()));
    assert_eq!(world.resident(A, 8), "00101100");
    assert_eq!(world.bytes(A, 8), [0, 0, 33, 0, 0, 6, 0, 0]);
}

#[test]
fn protection_changes_nothing() {
    let mut world = offered();
    world.space.mprotect(A, 8 * P, NONE).unwrap();
    world.space.mprotect(A, 8 * P, R).unwrap();
    assert_eq!(world.bytes(A, 2), [1, 2]);
    world.space.mprotect(A, 8 * P, RW).unwrap();
    world.write(A + P, 9);
    assert_eq!(world.space.madvise(A, 8 * P, PAGEOUT), Ok(()));
    assert_eq!(world.bytes(A, 6), [0, 9, 0, 0, 0, 6]);
}

#[test]
fn a_move_takes_the_offer_along() {
    let mut world = offered();
    assert_eq!(world.mremap(A, 8 * P, 8 * P, TO, B + 3 * P), Ok(B + 3 * P));
    assert_eq!(world.bytes(B + 3 * P, 4), [1, 2, 3, 4]);
    assert_eq!(world.space.madvise(B + 3 * P, 8 * P, PAGEOUT), Ok(()));
    assert_eq!(world.resident(B + 3 * P, 8), "00001100");
}

#[test]
fn a_fault_takes_them_when_memory_is_out() {
    let mut world = offered();
    let frames = world.machine.frames_in_use();
    let used_up: Vec<_> =
        core::iter::from_fn(|| crate::machine::Frames::take_frame(&world.machine)).collect();
    world.write(A + 6 * P, 7);
    for frame in used_up {
        crate::machine::Frames::give_frame(&world.machine, frame);
    }
    assert_eq!(world.machine.frames_in_use(), frames - 4 + 1);
    assert_eq!(world.bytes(A, 8), [0, 0, 0, 0, 0, 6, 7, 0]);
}

#[test]
fn locked_pages_are_not_taken() {
    let mut world = offered();
    assert_eq!(world.space.mlock(A, P, 0), Ok(()));
    let used_up: Vec<_> =
        core::iter::from_fn(|| crate::machine::Frames::take_frame(&world.machine)).collect();
    world.write(A + 6 * P, 7);
    for frame in used_up {
        crate::machine::Frames::give_frame(&world.machine, frame);
    }
    assert_eq!(world.bytes(A, 2), [1, 0]);
}

#[test]
fn a_block_is_offered_whole_or_cut() {
    let mut world = World::new();
    world.map(A, 1024, RW);
    world.space.madvise(A, 1024 * P, HUGEPAGE).unwrap();
    world.write(A, 1);
    world.write(A + 512 * P, 2);
    assert_eq!(world.space.madvise(A, 513 * P, FREE), Ok(()));
    assert_eq!(world.resident(A, 1024), "1".repeat(1024));
    assert_eq!(world.space.madvise(A, 1024 * P, PAGEOUT), Ok(()));
    assert_eq!(world.resident(A, 1024), "0".repeat(513) + &"1".repeat(511));
    assert_eq!(world.bytes(A + 512 * P, 2), [0, 0]);
}

#[test]
fn pages_that_two_processes_share_stay() {
    let mut world = offered();
    let child = world.fork();
    assert_eq!(world.space.madvise(A, 8 * P, PAGEOUT), Ok(()));
    assert_eq!(world.bytes(A, 4), [1, 2, 3, 4]);
    drop(child);
    world.write(A, 8);
    assert_eq!(world.space.madvise(A, 8 * P, PAGEOUT), Ok(()));
    assert_eq!(world.read(A), 8);
}
