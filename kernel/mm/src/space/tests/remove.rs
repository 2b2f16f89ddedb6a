//! `MADV_REMOVE`. Each expectation was seen on Linux 7.3.4.

use super::*;

const REMOVE: u64 = 9;
const GUARD: u64 = 102;

#[test]
fn a_hole_is_made_for_everybody_but_in_copies() {
    let mut world = World::new();
    let object = world.memory(8);
    world
        .map_object(A, 8 * P, RW, SHARED | FIXED, &object, 0)
        .unwrap();
    world
        .map_object(B, 6 * P, RW, PRIVATE | FIXED, &object, 2 * P)
        .unwrap();
    world.fill(A, 8, 1);
    world.write(B, 33);
    assert_eq!(world.bytes(B, 6), [33, 4, 5, 6, 7, 8]);
    let frames = world.machine.frames_in_use();
    assert_eq!(world.space.madvise(A + 2 * P, 3 * P, REMOVE), Ok(()));
    assert_eq!(frames - world.machine.frames_in_use(), 3);
    assert_eq!(world.resident(A, 8), "11000111");
    assert_eq!(world.resident(B, 6), "100111");
    assert_eq!(world.bytes(A, 8), [1, 2, 0, 0, 0, 6, 7, 8]);
    assert_eq!(world.bytes(B, 6), [33, 0, 0, 6, 7, 8]);
    assert_eq!(object.len(), 8 * P);
}

#[test]
fn holes_of_every_size_in_a_sparse_object() {
    let mut world = World::new();
    let pages = 600_000;
    let object = world.memory(pages);
    let len = pages * P;
    world.map_object(A, len, RW, SHARED | FIXED, &object, 0).unwrap();
    let written = [0, 1, 511, 512, 513, 262_143, 262_144, 300_000, 599_999];
    for (from, to) in [
        (0, 1),
        (1, 512),
        (511, 513),
        (512, 300_000),
        (262_144, 600_000),
        (0, 600_000),
    ] {
        for page in written {
            world.write(A + page * P, 7);
        }
        assert_eq!(world.space.madvise(A + from * P, (to - from) * P, REMOVE), Ok(()));
        for page in written {
            let expected = u8::from(!(from..to).contains(&page));
            assert_eq!(
                world.resident(A + page * P, 1),
                format!("{expected}"),
                "{page} of {from}..{to}"
            );
        }
    }
    assert_eq!(world.bytes(A, 2), [0, 0]);
}

#[test]
fn only_shared_memory_that_may_be_written() {
    let mut world = World::new();
    let object = world.memory(4);
    world.map(A, 4, RW);
    assert_eq!(world.space.madvise(A, P, REMOVE), Err(Errno::EINVAL), "no file");
    world
        .map_object(A, 4 * P, RW, PRIVATE | FIXED, &object, 0)
        .unwrap();
    assert_eq!(world.space.madvise(A, P, REMOVE), Err(Errno::EACCES));
    world
        .map_object(A, 4 * P, RW, SHARED | FIXED | LOCKED, &object, 0)
        .unwrap();
    assert_eq!(world.space.madvise(A, P, REMOVE), Err(Errno::EINVAL), "locked");
    world.map_object(A, 4 * P, R, SHARED | FIXED, &object, 0).unwrap();
    world.read(A);
    assert_eq!(
        world.space.madvise(A, P, REMOVE),
        Ok(()),
        "mprotect could make it writable"
    );
    assert_eq!(world.resident(A, 1), "0");
    assert_eq!(world.mmap(B, 2 * P, RW, SHARED | ANON | FIXED), Ok(B));
    world.fill(B, 2, 1);
    assert_eq!(world.space.madvise(B, 3 * P, REMOVE), Err(Errno::ENOMEM));
    assert_eq!(world.bytes(B, 2), [0, 0]);
}

#[test]
fn guards_outlive_the_pages() {
    let mut world = World::new();
    let object = world.memory(3);
    world
        .map_object(A, 3 * P, RW, SHARED | FIXED, &object, 0)
        .unwrap();
    world.fill(A, 3, 1);
    assert_eq!(world.space.madvise(A + P, P, GUARD), Ok(()));
    assert_eq!(world.space.madvise(A, 3 * P, REMOVE), Ok(()));
    assert_eq!(world.try_read(A + P), Err(FaultError::MapError));
    assert_eq!((world.read(A), world.read(A + 2 * P)), (0, 0));
}
