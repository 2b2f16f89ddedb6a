//! Guard markers: what they keep, and what they outlive. Each expectation was seen on Linux 7.3.4.

use super::*;
use crate::vma::VmaFlags;

const FREE: u64 = 8;
const DONTNEED: u64 = 4;
const COLLAPSE: u64 = 25;
const POPULATE_READ: u64 = 22;
const POPULATE_WRITE: u64 = 23;
const DONTNEED_LOCKED: u64 = 24;
const INSTALL: u64 = 102;
const REMOVE: u64 = 103;

impl World {
    fn guard(&mut self, addr: u64, pages: u64) {
        self.space.madvise(addr, pages * P, INSTALL).expect("guards");
    }

    /// What a read of each page comes to: a digit, or `g` where it finds nothing mapped.
    fn seen(&mut self, addr: u64, pages: u64) -> String {
        (0..pages)
            .map(|page| match self.try_read(addr + page * P) {
                Ok(byte) => format!("{byte}"),
                Err(FaultError::MapError) => "g".into(),
                Err(_) => "!".into(),
            })
            .collect()
    }
}

fn guarded() -> World {
    let mut world = World::new();
    world.map(A, 6, RW);
    world.fill(A, 6, 1);
    world.guard(A + P, 2);
    world.guard(A + 4 * P, 1);
    world
}

#[test]
fn guards_take_the_pages_and_refuse_all_access() {
    let mut world = guarded();
    assert_eq!(world.maps(), "A+0..A+6 rw-p");
    assert_eq!(world.seen(A, 6), "1gg4g6");
    assert_eq!(world.resident(A, 6), "100101");
    assert_eq!(world.try_write(A + P, 1), Err(FaultError::MapError));
    world.space.mprotect(A, 6 * P, R).unwrap();
    assert_eq!(
        world.try_write(A + P, 1),
        Err(FaultError::AccessError),
        "first the protection"
    );
    assert_eq!(world.try_read(A + P), Err(FaultError::MapError));
}

#[test]
fn guards_are_installed_over_guards_and_taken_out_as_often_as_one_likes() {
    let mut world = guarded();
    world.guard(A, 6);
    assert_eq!(world.seen(A, 6), "gggggg");
    assert_eq!(world.space.madvise(A + P, 4 * P, REMOVE), Ok(()));
    assert_eq!(world.space.madvise(A + P, 4 * P, REMOVE), Ok(()));
    assert_eq!(world.seen(A, 6), "g0000g");
    world.write(A + 2 * P, 9);
    assert_eq!(world.space.madvise(A, 6 * P, REMOVE), Ok(()));
    assert_eq!(world.seen(A, 6), "009000");
}

#[test]
fn guards_stay_where_pages_are_dropped() {
    for (advice, seen) in [
        (DONTNEED, "0gg0g0"),
        (DONTNEED_LOCKED, "0gg0g0"),
        (FREE, "1gg4g6"),
    ] {
        let mut world = guarded();
        assert_eq!(world.space.madvise(A, 6 * P, advice), Ok(()));
        assert_eq!(world.seen(A, 6), seen);
    }
}

#[test]
fn guards_move_and_go_with_their_mapping() {
    for (target, flags) in [(B, TO), (B + 7 * P, TO), (B + 512 * P, TO), (B, TO | DONTUNMAP)] {
        let mut world = guarded();
        assert_eq!(world.mremap(A, 6 * P, 6 * P, flags, target), Ok(target));
        assert_eq!(world.seen(target, 6), "1gg4g6");
        if flags & DONTUNMAP != 0 {
            assert_eq!(world.seen(A, 6), "000000");
        }
        world.map(target, 6, RW);
        assert_eq!(world.seen(target, 6), "000000");
    }
}

#[test]
fn guards_in_whole_tables_move() {
    let mut world = World::new();
    world.map(A, 1536, RW);
    world.guard(A + 100 * P, 1300);
    world.fill(A, 100, 1);
    assert_eq!(world.mremap(A, 1536 * P, 1536 * P, TO, B), Ok(B));
    assert_eq!(world.seen(B + 99 * P, 2), "100g");
    assert_eq!(world.mremap(B, 1536 * P, 1536 * P, TO, A + P), Ok(A + P));
    assert_eq!(world.seen(A + 100 * P, 2), "100g");
    assert_eq!(world.seen(A + 1400 * P, 2), "g0");
}

#[test]
fn guards_give_anonymous_memory_its_identity() {
    let mut world = World::new();
    world.map(A, 2, RW);
    world.guard(A, 1);
    world.map(B, 2, RW);
    world.write(B, 1);
    // Both have an identity of their own, so that they do not join.
    assert_eq!(world.mremap(B, 2 * P, 2 * P, TO, A + 2 * P), Ok(A + 2 * P));
    assert_eq!(world.maps(), "A+0..A+2 rw-p, A+2..A+4 rw-p");
}

#[test]
fn the_mark_of_guards_spreads_by_merging_and_never_goes() {
    let mut world = World::new();
    world.map(A, 2, RW);
    world.guard(A, 1);
    assert_eq!(world.space.madvise(A, P, REMOVE), Ok(()));
    world.map(A + 2 * P, 2, RW);
    assert_eq!(world.maps(), "A+0..A+4 rw-p");
    let vma = world.space.tree.find(VirtAddr::new(A + 3 * P)).expect("mapped");
    assert!(vma.flags.contains(VmaFlags::MAYBE_GUARD));
}

#[test]
fn the_mark_of_guards_spreads_through_a_copy_to_its_source() {
    let mut world = World::new();
    world.map(A, 2, RW);
    world.guard(A, 1);
    world.map(A + 6 * P, 4, RW);
    assert_eq!(world.mremap(A + 7 * P, P, 4 * P, TO, A + 2 * P), Ok(A + 2 * P));
    assert_eq!(world.maps(), "A+0..A+7 rw-p, A+8..A+a rw-p");
    let rest = world.space.tree.find(VirtAddr::new(A + 8 * P)).expect("mapped");
    assert!(rest.flags.contains(VmaFlags::MAYBE_GUARD));
}

#[test]
fn locked_memory_gets_no_guards_but_keeps_them() {
    let mut world = World::new();
    world.mmap(A, 2 * P, RW, PRIVATE | ANON | FIXED | LOCKED).unwrap();
    assert_eq!(world.space.madvise(A, P, INSTALL), Err(Errno::EINVAL));
    assert_eq!(world.space.madvise(A, P, REMOVE), Ok(()));
    assert_eq!(world.resident(A, 2), "11");
}

#[test]
fn populating_ends_at_a_guard() {
    for advice in [POPULATE_READ, POPULATE_WRITE] {
        let mut world = World::new();
        world.map(A, 4, RW);
        world.guard(A + 2 * P, 1);
        assert_eq!(world.space.madvise(A, 4 * P, advice), Err(Errno::EFAULT));
        assert_eq!(world.resident(A, 4), "1100");
    }
}

#[test]
fn objects_take_guards_too() {
    let mut world = World::new();
    let object = world.memory(8);
    world
        .map_object(A, 8 * P, RW, SHARED | FIXED, &object, 0)
        .unwrap();
    world
        .map_object(B, 8 * P, RW, PRIVATE | FIXED, &object, 0)
        .unwrap();
    world.fill(A, 8, 1);
    world.write(B + P, 77);
    world.guard(A, 2);
    assert_eq!(world.seen(A, 3), "gg3");
    assert_eq!(world.resident(A, 3), "111", "the object has the pages");
    world.guard(B + P, 1);
    assert_eq!(world.space.madvise(B + P, P, REMOVE), Ok(()));
    assert_eq!(world.read(B + P), 2, "the copy is gone");
    // A truncation leaves guards where they are.
    object.set_len(P).unwrap();
    world.space.object_shrunk(&object);
    object.set_len(8 * P).unwrap();
    assert_eq!(world.seen(A, 3), "gg0");
    assert_eq!(world.space.madvise(A, 2 * P, REMOVE), Ok(()));
    assert_eq!(world.seen(A, 3), "100");
}

#[test]
fn holes_do_not_stop_guards() {
    let mut world = World::new();
    world.map(A, 1, RW);
    world.map(A + 2 * P, 1, RW);
    assert_eq!(world.space.madvise(A, 3 * P, INSTALL), Err(Errno::ENOMEM));
    assert_eq!(world.seen(A, 1), "g");
    assert_eq!(world.seen(A + 2 * P, 1), "g");
    assert_eq!(world.space.madvise(A, 3 * P, REMOVE), Err(Errno::ENOMEM));
    assert_eq!(world.seen(A, 1), "0");
}

#[test]
fn a_collapse_needs_pages_and_room_for_a_block() {
    let mut world = World::new();
    world.map(A, 512, RW);
    assert_eq!(
        world.space.madvise(A, 512 * P, COLLAPSE),
        Err(Errno::EINVAL),
        "no page yet"
    );
    world.write(A, 1);
    assert_eq!(
        world.space.madvise(A, P, COLLAPSE),
        Ok(()),
        "no whole block is meant"
    );
    world.map(B, 511, RW);
    world.write(B, 1);
    assert_eq!(world.space.madvise(B, P, COLLAPSE), Err(Errno::EINVAL));
    assert_eq!(world.space.madvise(A - P, 2 * P, COLLAPSE), Err(Errno::ENOMEM));
}
