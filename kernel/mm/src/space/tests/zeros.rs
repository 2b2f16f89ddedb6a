//! Mappings of `/dev/zero`. Each expectation was seen on Linux 7.3.4.

use super::*;

const WIPEONFORK: u64 = 18;
const REMOVE: u64 = 9;
const FREE: u64 = 8;

impl World {
    fn zeros(&self) -> Object<FakeMachine> {
        Object::zeros(self.machine.clone(), "/dev/zero").expect("heap")
    }

    /// Offsets in pages, as `/proc/PID/maps` shows them.
    fn offsets(&self) -> Vec<u64> {
        self.space.mappings().map(|mapping| mapping.offset / P).collect()
    }
}

#[test]
fn private_ones_are_anonymous_memory_with_a_name() {
    let mut world = World::new();
    let zeros = world.zeros();
    let map =
        |world: &mut World, at, page| world.map_object(at, 8 * P, RW, PRIVATE | FIXED, &zeros, page * P);
    assert_eq!(map(&mut world, A, 3), Ok(A));
    assert_eq!(world.bytes(A, 2), [0, 0]);
    world.write(A + P, 5);
    world.write(A + 2 * P, 6);
    assert_eq!(world.resident(A, 4), "1110");
    assert_eq!(world.bytes(A, 3), [0, 5, 6]);
    assert_eq!(map(&mut world, A + 8 * P, 11), Ok(A + 8 * P));
    assert_eq!(world.maps(), "A+0..A+10 rw-p", "the offsets follow");
    world.map(A + 16 * P, 2, RW);
    assert_eq!(world.maps(), "A+0..A+10 rw-p, A+10..A+12 rw-p");
    let names: Vec<_> = world
        .space
        .mappings()
        .map(|mapping| String::from(mapping.name))
        .collect();
    assert_eq!(names, ["/dev/zero", ""]);
    assert_eq!(world.space.madvise(A, 2 * P, FREE), Ok(()));
    assert_eq!(world.resident(A, 4), "1110", "until memory is short");
    assert_eq!(world.space.madvise(A, P, REMOVE), Err(Errno::EACCES));
    assert_eq!(world.space.madvise(A, P, WIPEONFORK), Err(Errno::EINVAL));
}

#[test]
fn a_move_of_several_mappings_refuses_private_ones() {
    let mut world = World::new();
    let zeros = world.zeros();
    world.map(A, 2, RW);
    world
        .map_object(A + 2 * P, 2 * P, RW, PRIVATE | FIXED, &zeros, 0)
        .unwrap();
    world.fill(A, 4, 1);
    assert_eq!(world.mremap(A + 2 * P, 3 * P, 3 * P, TO, B), Err(Errno::EFAULT));
    assert_eq!(world.mremap(A, 4 * P, 4 * P, TO, B), Err(Errno::EFAULT));
    assert_eq!(
        world.maps(),
        "A+2..A+4 rw-p, B+0..B+2 rw-p",
        "the first had moved"
    );
    assert_eq!(
        world.mremap(A + 2 * P, 2 * P, 2 * P, TO, B + 2 * P),
        Ok(B + 2 * P)
    );
    assert_eq!(world.bytes(B, 4), [1, 2, 3, 4]);
}

#[test]
fn an_unfaulted_private_one_shows_its_place_as_its_offset() {
    let mut world = World::new();
    let zeros = world.zeros();
    world
        .map_object(A, 8 * P, RW, PRIVATE | FIXED, &zeros, 19 * P)
        .unwrap();
    assert_eq!(world.mremap(A, 2 * P, 2 * P, TO, B), Ok(B));
    assert_eq!(world.offsets(), [21, B / P]);
    world.write(B, 1);
    assert_eq!(world.mremap(B, 2 * P, 2 * P, TO, B + 9 * P), Ok(B + 9 * P));
    assert_eq!(world.offsets(), [21, B / P], "a faulted one keeps it");
}

#[test]
fn shared_ones_are_objects_of_their_own() {
    let mut world = World::new();
    let zeros = world.zeros();
    world
        .map_object(A, 4 * P, RW, SHARED | FIXED, &zeros, 2 * P)
        .unwrap();
    world
        .map_object(B, 4 * P, RW, SHARED | FIXED, &zeros, 2 * P)
        .unwrap();
    world.write(A, 7);
    assert_eq!(world.bytes(A, 2), [7, 0]);
    assert_eq!(world.bytes(B, 2), [0, 0]);
    assert_eq!(
        world.try_read(A + 2 * P),
        Err(FaultError::Bus),
        "as long as the mapping, from its start"
    );
    assert_eq!(world.offsets(), [2, 2]);
    let inodes: Vec<_> = world.space.mappings().map(|mapping| mapping.inode).collect();
    assert_ne!(inodes[0], inodes[1]);
    assert_eq!(world.space.madvise(A, P, REMOVE), Ok(()));
    assert_eq!(world.read(A), 0);
}

#[test]
fn a_shared_one_that_cannot_be_written() {
    let mut world = World::new();
    let zeros = world.zeros();
    let request = |prot| MapRequest {
        addr: A,
        len: 4 * P,
        prot,
        flags: SHARED | FIXED,
        backing: Backing::Object {
            object: zeros.clone(),
            offset: 0,
            writable: false,
        },
    };
    assert_eq!(world.space.mmap(request(RW)), Err(Errno::EACCES));
    assert_eq!(world.space.mmap(request(R)), Ok(VirtAddr::new(A)));
    assert_eq!(world.read(A), 0);
    assert_eq!(world.maps(), "A+0..A+4 r--s");
    assert_eq!(world.resident(A, 4), "1000");
    assert_eq!(world.space.mprotect(A, P, RW), Err(Errno::EACCES));
    assert_eq!(world.space.madvise(A, P, REMOVE), Err(Errno::EACCES));
}

#[test]
fn a_hole_is_made_where_an_offset_has_no_sign() {
    let last = i64::MAX as u64 + 1 - P;
    for (offset, pages, answer) in [
        (last - P, 1, Ok(())),
        (last - P, 2, Err(Errno::EFBIG)),
        (last, 1, Err(Errno::EFBIG)),
        (last + P, 1, Err(Errno::EINVAL)),
        (u64::MAX << 13, 1, Err(Errno::EINVAL)),
    ] {
        let mut world = World::new();
        let object = world.zeros();
        world
            .map_object(A, pages * P, RW, SHARED | FIXED, &object, offset)
            .unwrap();
        assert_eq!(world.space.madvise(A, pages * P, REMOVE), answer, "{offset:#x}");
    }
}
