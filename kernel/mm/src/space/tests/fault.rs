//! Page faults: what comes in, what is refused, and what `mincore` says afterwards.

use super::*;

#[test]
fn anonymous_memory_reads_zero_and_keeps_what_is_written() {
    let mut world = World::new();
    world.map(A, 4, RW);
    assert_eq!(world.resident(A, 4), "0000");
    assert_eq!(world.read(A + P), 0);
    let before = world.machine.frames_in_use();
    assert_eq!(world.read(A + 2 * P), 0);
    assert_eq!(world.machine.frames_in_use(), before, "the zero page is shared");
    assert_eq!(world.resident(A, 4), "0110");
    world.write(A + P, 7);
    world.write(A + 3 * P, 9);
    assert_eq!(world.bytes(A, 4), [0, 7, 0, 9]);
    assert_eq!(world.space.munmap(A, 4 * P), Ok(()));
    assert_eq!(world.try_read(A), Err(FaultError::MapError));
}

#[test]
fn accesses_are_refused_as_the_protection_says() {
    let mut world = World::new();
    world.map(A, 1, R);
    world.map(A + P, 1, NONE);
    world.map(A + 2 * P, 1, R | X);
    assert_eq!(world.try_read(A), Ok(0));
    assert_eq!(world.try_write(A, 1), Err(FaultError::AccessError));
    assert_eq!(world.try_read(A + P), Err(FaultError::AccessError));
    assert_eq!(world.touch(A, Access::Execute), Err(FaultError::AccessError));
    assert!(world.touch(A + 2 * P, Access::Execute).is_ok());
    assert_eq!(world.try_read(A + 3 * P), Err(FaultError::MapError));
    for addr in [TASK_SIZE, u64::MAX, 0xffff_8000_0000_0000] {
        assert_eq!(world.space.fault(addr, Access::Read), Err(FaultError::MapError));
    }
}

#[test]
fn protection_follows_the_pages() {
    let mut world = World::new();
    world.map(A, 3, RW);
    world.fill(A, 3, 1);
    world.space.mprotect(A, 2 * P, NONE).unwrap();
    assert_eq!(world.try_read(A), Err(FaultError::AccessError));
    assert_eq!(world.resident(A, 2), "11");
    world.space.mprotect(A, P, R).unwrap();
    assert_eq!(world.read(A), 1);
    assert_eq!(world.try_write(A, 5), Err(FaultError::AccessError));
    world.space.mprotect(A, 2 * P, RW).unwrap();
    world.write(A, 5);
    assert_eq!(world.bytes(A, 3), [5, 2, 3]);
}

#[test]
fn the_zero_page_never_becomes_writable() {
    let mut world = World::new();
    world.map(A, 2, R);
    assert_eq!(world.bytes(A, 2), [0, 0]);
    world.space.mprotect(A, 2 * P, RW).unwrap();
    world.write(A, 1);
    assert_eq!(world.bytes(A, 2), [1, 0]);
}

#[test]
fn dontneed_brings_back_zeros() {
    let mut world = World::new();
    world.map(A, 3, RW);
    world.fill(A, 3, 1);
    let used = world.machine.frames_in_use();
    assert_eq!(world.space.madvise(A + P, P, 4), Ok(()));
    assert_eq!(world.machine.frames_in_use(), used - 1);
    assert_eq!(world.resident(A, 3), "101");
    assert_eq!(world.bytes(A, 3), [1, 0, 3]);
}

#[test]
fn populate_and_locked_memory_come_in_at_once() {
    let mut world = World::new();
    world
        .mmap(A, 3 * P, RW, PRIVATE | ANON | FIXED | POPULATE)
        .unwrap();
    world.mmap(B, 2 * P, RW, PRIVATE | ANON | FIXED | LOCKED).unwrap();
    assert_eq!(
        (world.resident(A, 3), world.resident(B, 2)),
        ("111".into(), "11".into())
    );
    assert_eq!(world.mremap(B, 2 * P, 4 * P, MAYMOVE, 0), Ok(B));
    assert_eq!(world.resident(B, 4), "1111", "what is added is brought in too");
    world
        .mmap(B, 2 * P, NONE, PRIVATE | ANON | FIXED | POPULATE)
        .unwrap();
    assert_eq!(world.resident(B, 2), "00");
}

#[test]
fn shared_memory_is_one_wherever_it_is_mapped() {
    let mut world = World::new();
    let object = world.memory(4);
    world
        .map_object(A, 4 * P, RW, SHARED | FIXED, &object, 0)
        .unwrap();
    world
        .map_object(B, 2 * P, RW, SHARED | FIXED, &object, 2 * P)
        .unwrap();
    world.write(A + 2 * P, 5);
    assert_eq!(
        world.resident(B, 2),
        "10",
        "the object has the page, wherever it was touched"
    );
    assert_eq!(world.read(B), 5);
    world.write(B + P, 6);
    assert_eq!(world.bytes(A, 4), [0, 0, 5, 6]);
    let mut byte = [0];
    assert_eq!(object.read(3 * P, &mut byte), 1);
    assert_eq!(byte, [6]);
    world.space.madvise(A, 4 * P, 4).unwrap();
    assert_eq!(
        world.bytes(A, 4),
        [0, 0, 5, 6],
        "dropping a mapping's pages does not drop the object's"
    );
}

#[test]
fn shared_anonymous_memory_has_an_object_of_its_own() {
    let mut world = World::new();
    world.mmap(A, 2 * P, RW, SHARED | ANON | FIXED).unwrap();
    world.mmap(A + 2 * P, 2 * P, RW, SHARED | ANON | FIXED).unwrap();
    assert_eq!(world.maps(), "A+0..A+2 rw-s, A+2..A+4 rw-s");
    world.write(A, 3);
    assert_eq!(world.mremap(A, 0, 2 * P, TO, B), Ok(B));
    assert_eq!(world.read(B), 3);
    assert_eq!(world.mremap(A, 2 * P, 3 * P, MAYMOVE, 0), Ok(TOP - 3 * P));
    assert_eq!(
        world.try_read(TOP - P),
        Err(FaultError::Bus),
        "the object does not grow"
    );
}

#[test]
fn pages_past_the_end_of_an_object_are_bus_errors() {
    let mut world = World::new();
    let object = world.memory(3);
    world
        .map_object(A, 4 * P, RW, SHARED | FIXED, &object, 0)
        .unwrap();
    world
        .map_object(B, 4 * P, RW, PRIVATE | FIXED, &object, 0)
        .unwrap();
    world.fill(A, 3, 1);
    world.fill(B, 3, 11);
    assert_eq!(world.try_write(A + 3 * P, 1), Err(FaultError::Bus));
    assert_eq!(world.try_read(B + 3 * P), Err(FaultError::Bus));
    object.set_len(P + 1).unwrap();
    world.space.object_shrunk(&object);
    assert_eq!(world.try_read(A + 2 * P), Err(FaultError::Bus));
    assert_eq!(
        world.try_read(B + 2 * P),
        Err(FaultError::Bus),
        "private copies go as well"
    );
    assert_eq!(world.bytes(A, 2), [1, 2]);
    object.set_len(3 * P).unwrap();
    assert_eq!(world.bytes(A, 3), [1, 2, 0]);
}

#[test]
fn a_truncation_clears_the_rest_of_the_last_page() {
    let mut world = World::new();
    let object = world.memory(1);
    world.map_object(A, P, RW, SHARED | FIXED, &object, 0).unwrap();
    world.write(A, 1);
    world.write(A + 100, 2);
    object.set_len(100).unwrap();
    assert_eq!((world.read(A), world.read(A + 100)), (1, 0));
}

#[test]
fn private_pages_of_an_object_are_copied_when_written() {
    let mut world = World::new();
    let object = world.memory(3);
    assert_eq!(object.write(0, &[1; 3 * P as usize]), Ok(3 * P as usize));
    world
        .map_object(A, 3 * P, RW, PRIVATE | FIXED, &object, 0)
        .unwrap();
    assert_eq!(world.read(A), 1);
    world.write(A, 7);
    world.write(A + P, 8);
    let mut bytes = [0; 2 * P as usize];
    object.read(0, &mut bytes);
    assert!(bytes.iter().all(|byte| *byte == 1), "the object is as it was");
    object.write(2 * P, &[9]).unwrap();
    assert_eq!(world.bytes(A, 3), [7, 8, 9], "not copied yet");
    world.space.madvise(A, 3 * P, 4).unwrap();
    assert_eq!(world.bytes(A, 3), [1, 1, 9]);
}

#[test]
fn pages_of_an_image_are_copied_lazily() {
    static IMAGE: [u8; 5000] = [3; 5000];
    let mut world = World::new();
    let object = Object::image(world.machine.clone(), &IMAGE, "/bin/program").unwrap();
    world
        .map_object(A, 3 * P, R | X, PRIVATE | FIXED, &object, 0)
        .unwrap();
    assert_eq!(world.resident(A, 2), "11", "a file that is in memory is resident");
    assert!(world.touch(A, Access::Execute).is_ok());
    assert_eq!(
        (world.read(A + P), world.read(A + 5000)),
        (3, 0),
        "zeros behind the end"
    );
    assert_eq!(world.try_read(A + 2 * P), Err(FaultError::Bus));
    world.space.mprotect(A, P, RW).unwrap();
    let used = world.machine.frames_in_use();
    world.write(A, 4);
    assert_eq!(
        world.machine.frames_in_use(),
        used,
        "the copy was its own already"
    );
    assert_eq!(IMAGE[0], 3);
    assert_eq!(object.set_len(1), Err(Errno::EINVAL));
    assert_eq!(object.write(0, &[1]), Err(Errno::EINVAL));
}

#[test]
fn objects_live_as_long_as_anything_shows_them() {
    let mut world = World::new();
    let before = world.machine.frames_in_use();
    let object = world.memory(600);
    object.write(599 * P, &[5]).unwrap();
    world
        .map_object(A, 600 * P, RW, SHARED | FIXED, &object, 0)
        .unwrap();
    drop(object);
    assert_eq!(world.read(A + 599 * P), 5);
    assert_eq!(world.mremap(A + 599 * P, P, P, TO, B), Ok(B));
    assert_eq!(world.space.munmap(A, 600 * P), Ok(()));
    assert_eq!(world.read(B), 5);
    assert_eq!(world.space.munmap(B, P), Ok(()));
    world.space.brk(0);
    let spare_tables = 12;
    assert!(world.machine.frames_in_use() <= before + spare_tables);
}

#[test]
fn an_object_that_is_mapped_over_itself_stays() {
    let mut world = World::new();
    let object = world.memory(2);
    world.map_object(A, P, RW, SHARED | FIXED, &object, 0).unwrap();
    world.write(A, 5);
    world
        .map_object(A, 2 * P, RW, SHARED | FIXED, &object, 0)
        .unwrap();
    drop(object);
    assert_eq!(world.bytes(A, 2), [5, 0]);
    assert_eq!(world.mremap(A, 2 * P, 2 * P, TO, B), Ok(B));
    assert_eq!(world.read(B), 5);
}

#[test]
fn the_stack_grows_to_where_it_is_used() {
    let mut world = World::with_limits(Limits {
        stack: 64 * P,
        ..Limits::default()
    });
    let top = A + 0x80 * P;
    world.space.map_stack(top, 2 * P).unwrap();
    world.write(top - 8, 1);
    world.write(top - 10 * P, 2);
    assert_eq!(world.maps(), "A+76..A+80 rw-p");
    assert_eq!(world.space.mappings().next().unwrap().name, "[stack]");
    assert_eq!(
        world.try_write(top - 65 * P, 1),
        Err(FaultError::MapError),
        "RLIMIT_STACK"
    );
    world.map(top - 200 * P, 1, RW);
    assert_eq!(
        world.try_write(top - 60 * P, 1),
        Err(FaultError::MapError),
        "too near to another mapping"
    );
    world.space.mprotect(top - 200 * P, P, NONE).unwrap();
    world.write(top - 60 * P, 3);
    assert_eq!(
        (
            world.read(top - 8),
            world.read(top - 10 * P),
            world.read(top - 60 * P)
        ),
        (1, 2, 3)
    );
}

#[test]
fn stack_probes_by_mremap() {
    let mut world = World::new();
    world.space.map_stack(A + 4 * P, 4 * P).unwrap();
    assert_eq!(
        world.mremap(A, P, 2 * P, 0, 0),
        Err(Errno::ENOMEM),
        "musl looks for the end of the stack"
    );
    assert_eq!(world.mremap(A - P, P, 2 * P, 0, 0), Err(Errno::EFAULT));
}
