//! `mmap` and `munmap`: results, errors, and what is mapped afterwards.

use super::*;

#[test]
fn lengths_are_rounded_and_checked() {
    let mut world = World::new();
    assert_eq!(world.mmap(A, 0, RW, PRIVATE | ANON), Err(Errno::EINVAL));
    assert_eq!(world.mmap(A, u64::MAX, RW, PRIVATE | ANON), Err(Errno::ENOMEM));
    assert_eq!(world.mmap(A, TASK_SIZE, RW, PRIVATE | ANON), Err(Errno::ENOMEM));
    assert_eq!(world.mmap(A, 1, RW, PRIVATE | ANON | FIXED), Ok(A));
    assert_eq!(world.maps(), "A+0..A+1 rw-p");
}

#[test]
fn the_type_is_checked_after_the_place() {
    let mut world = World::new();
    assert_eq!(world.mmap(A, P, RW, ANON), Err(Errno::EINVAL));
    assert_eq!(
        world.mmap(A, P, RW, SHARED | PRIVATE | ANON),
        Err(Errno::EINVAL),
        "VALIDATE needs a file"
    );
    assert_eq!(world.mmap(A + 1, P, RW, ANON | FIXED), Err(Errno::EINVAL));
    assert_eq!(world.mmap(TASK_SIZE, P, RW, ANON | FIXED), Err(Errno::ENOMEM));
    assert_eq!(
        world.mmap(A, P, RW, SHARED | ANON | GROWSDOWN),
        Err(Errno::EINVAL)
    );
}

#[test]
fn fixed_replaces_and_noreplace_does_not() {
    let mut world = World::new();
    world.map(A, 5, RW);
    assert_eq!(
        world.mmap(A + P, P, R, PRIVATE | ANON | NOREPLACE),
        Err(Errno::EEXIST)
    );
    assert_eq!(
        world.mmap(A + P + 1, P, R, PRIVATE | ANON | NOREPLACE),
        Err(Errno::EINVAL)
    );
    assert_eq!(
        world.mmap(A + 5 * P, P, R, PRIVATE | ANON | NOREPLACE),
        Ok(A + 5 * P)
    );
    assert_eq!(world.mmap(A + P, 2 * P, R, PRIVATE | ANON | FIXED), Ok(A + P));
    assert_eq!(
        world.maps(),
        "A+0..A+1 rw-p, A+1..A+3 r--p, A+3..A+5 rw-p, A+5..A+6 r--p"
    );
}

#[test]
fn neighbours_that_are_alike_merge() {
    let mut world = World::new();
    world.map(A, 1, RW);
    world.map(A + 2 * P, 1, RW);
    world.map(A + P, 1, RW);
    assert_eq!(world.maps(), "A+0..A+3 rw-p");
    world
        .mmap(A + 3 * P, P, RW, PRIVATE | ANON | FIXED | NORESERVE)
        .unwrap();
    world
        .mmap(A + 4 * P, P, RW, PRIVATE | ANON | FIXED | STACK)
        .unwrap();
    assert_eq!(
        world.maps(),
        "A+0..A+3 rw-p, A+3..A+4 rw-p, A+4..A+5 rw-p",
        "accounting and MAP_STACK tell them apart"
    );
}

#[test]
fn munmap_cuts_across_mappings_and_holes() {
    let mut world = World::new();
    world.map(A, 4, RW);
    world.map(A + 6 * P, 4, R);
    assert_eq!(world.space.munmap(A + 2 * P, 6 * P), Ok(()));
    assert_eq!(world.maps(), "A+0..A+2 rw-p, A+8..A+a r--p");
    assert_eq!(world.space.munmap(B, P), Ok(()), "nothing is mapped there");
}

#[test]
fn munmap_refuses_bad_ranges() {
    let mut world = World::new();
    assert_eq!(world.space.munmap(A, 0), Err(Errno::EINVAL));
    assert_eq!(world.space.munmap(A + 1, P), Err(Errno::EINVAL));
    assert_eq!(world.space.munmap(A, u64::MAX), Err(Errno::EINVAL));
    assert_eq!(world.space.munmap(TASK_SIZE, P), Err(Errno::EINVAL));
    assert_eq!(world.space.munmap(TASK_SIZE - P, 2 * P), Err(Errno::EINVAL));
    assert_eq!(world.space.munmap(u64::MAX - 0xfff, P), Err(Errno::EINVAL));
}

#[test]
fn a_hole_needs_room_for_one_more_mapping() {
    let mut world = World::with_limits(Limits {
        max_map_count: 2,
        ..Limits::default()
    });
    world.map(A, 3, RW);
    world.map(B, 3, RW);
    assert_eq!(world.space.munmap(A + P, P), Err(Errno::ENOMEM));
    assert_eq!(world.space.munmap(A + 2 * P, P), Ok(()));
    world.map(B + 8 * P, 1, R);
    assert_eq!(
        world.mmap(0, P, R, PRIVATE | ANON),
        Err(Errno::ENOMEM),
        "one too many already"
    );
}

#[test]
fn limits_count_pages_that_are_not_replaced() {
    let limits = Limits {
        address_space: 4 * P,
        data: 2 * P,
        ..Limits::default()
    };
    let mut world = World::with_limits(limits);
    world.map(A, 2, RW);
    assert_eq!(
        world.mmap(B, P, RW, PRIVATE | ANON),
        Err(Errno::ENOMEM),
        "RLIMIT_DATA"
    );
    world.map(B, 2, R);
    assert_eq!(
        world.mmap(0, P, R, PRIVATE | ANON),
        Err(Errno::ENOMEM),
        "RLIMIT_AS"
    );
    world.map(B, 2, NONE);
    world.map(A, 2, RW);
    assert_eq!(world.maps(), "A+0..A+2 rw-p, B+0..B+2 ---p");
}

#[test]
fn locked_memory_has_a_limit_for_the_unprivileged() {
    let limits = Limits {
        locked: 2 * P,
        capabilities: Capabilities::empty(),
        ..Limits::default()
    };
    let mut world = World::with_limits(limits);
    assert_eq!(
        world.mmap(A, 3 * P, RW, PRIVATE | ANON | LOCKED),
        Err(Errno::EAGAIN)
    );
    assert_eq!(world.mmap(A, 2 * P, RW, PRIVATE | ANON | LOCKED), Ok(A));
    world.space.limits_mut().locked = 0;
    assert_eq!(world.mmap(B, P, RW, PRIVATE | ANON | LOCKED), Err(Errno::EPERM));
}

#[test]
fn a_request_for_more_than_the_machine_has_is_refused() {
    let mut world = World::with_limits(Limits {
        memory_pages: 16,
        ..Limits::default()
    });
    assert_eq!(world.mmap(A, 17 * P, RW, PRIVATE | ANON), Err(Errno::ENOMEM));
    assert_eq!(world.mmap(A, 17 * P, RW, PRIVATE | ANON | NORESERVE), Ok(A));
    assert_eq!(world.mmap(B, 17 * P, R, PRIVATE | ANON), Ok(B));
}

#[test]
fn without_overcommit_all_of_it_stays_below_the_limit() {
    let mut world = World::with_limits(Limits {
        overcommit: Overcommit {
            policy: OvercommitPolicy::Never,
            limit: 20,
            admin_reserve: 5,
            user_reserve: 1,
        },
        ..Limits::default()
    });
    assert_eq!(world.mmap(A, 20 * P, RW, PRIVATE | ANON), Err(Errno::ENOMEM));
    assert_eq!(world.mmap(A, 10 * P, RW, PRIVATE | ANON), Ok(A));
    assert_eq!(world.mmap(B, 64 * P, R, PRIVATE | ANON), Ok(B), "does not count");
    assert_eq!(
        world.space.mprotect(B, 9 * P, RW),
        Err(Errno::ENOMEM),
        "the user's reserve"
    );
    world.space.limits_mut().capabilities -= Capabilities::SYS_ADMIN;
    assert_eq!(
        world.mmap(A, 14 * P, RW, PRIVATE | ANON | FIXED),
        Err(Errno::ENOMEM),
        "root's reserve"
    );
    assert_eq!(world.mmap(A, 13 * P, RW, PRIVATE | ANON | FIXED), Ok(A));
    world.space.limits_mut().overcommit.policy = OvercommitPolicy::Always;
    assert_eq!(world.mmap(0, 1 << 40, RW, PRIVATE | ANON), Ok(TOP - (1 << 40)));
    assert_eq!(world.space.usage().accounted, 13 + (1 << 28));
}

#[test]
fn what_a_move_clears_is_off_the_commit_limit() {
    let mut world = World::with_limits(Limits {
        overcommit: Overcommit {
            policy: OvercommitPolicy::Never,
            limit: 21,
            admin_reserve: 0,
            user_reserve: 0,
        },
        ..Limits::default()
    });
    world.map(A, 10, RW);
    world.map(B, 10, RW);
    let keep = TO | DONTUNMAP;
    assert_eq!(world.mremap(A, 10 * P, 10 * P, keep, B), Ok(B));
    assert_eq!(world.mremap(A, 2 * P, 2 * P, keep, B + 9 * P), Err(Errno::ENOMEM));
    assert_eq!(
        world.mmap(A, 2 * P, RW, PRIVATE | ANON | NORESERVE),
        Err(Errno::ENOMEM)
    );
    world.space.limits_mut().overcommit.limit = 5;
    assert_eq!(
        world.mremap(A, P, P, TO, A + 20 * P),
        Err(Errno::ENOMEM),
        "nothing more, and too much already"
    );
    assert_eq!(
        world.mmap(A, P, RW, PRIVATE | ANON | FIXED),
        Ok(A),
        "nothing more is not asked for"
    );
}

#[test]
fn shared_memory_counts_with_its_object() {
    let mut world = World::with_limits(Limits {
        memory_pages: 16,
        ..Limits::default()
    });
    world.map(A, 20, R);
    assert_eq!(
        world.mmap(A + P, 17 * P, RW, SHARED | ANON | FIXED),
        Err(Errno::ENOMEM)
    );
    assert_eq!(
        world.maps(),
        "A+0..A+1 r--p, A+12..A+14 r--p",
        "what was there is gone, as on Linux"
    );
    assert_eq!(world.mmap(B, 17 * P, RW, SHARED | ANON | NORESERVE), Ok(B));
    assert_eq!(world.space.usage().accounted, 0);
    world.mmap(A, 8 * P, RW, SHARED | ANON | FIXED).unwrap();
    world.space.munmap(A, 7 * P).unwrap();
    assert_eq!(
        world.space.usage().accounted,
        8,
        "as long as a page of it is mapped"
    );
    world.space.munmap(A + 7 * P, P).unwrap();
    assert_eq!(world.space.usage().accounted, 0);
}

#[test]
fn a_data_limit_of_zero_is_the_hard_one_for_mappings() {
    let mut world = World::with_limits(Limits {
        data: 0,
        data_hard: 2 * P,
        ..Limits::default()
    });
    assert_eq!(world.mmap(A, 3 * P, RW, PRIVATE | ANON), Err(Errno::ENOMEM));
    assert_eq!(world.mmap(A, 2 * P, RW, PRIVATE | ANON), Ok(A));
}

#[test]
fn what_is_replaced_is_taken_off_the_data_whatever_it_was() {
    let mut world = World::with_limits(Limits {
        data: 2 * P,
        ..Limits::default()
    });
    world.map(A, 4, NONE);
    world.map(A, 4, RW);
    assert_eq!(world.space.usage().data, 4, "over the limit");
    assert_eq!(world.mmap(B, P, RW, PRIVATE | ANON), Err(Errno::ENOMEM));
}

#[test]
fn files_are_mapped_as_they_were_opened() {
    let mut world = World::new();
    let object = world.memory(4);
    let read_only = |flags, prot| MapRequest {
        addr: A,
        len: P,
        prot,
        flags,
        backing: Backing::Object {
            object: object.clone(),
            offset: 0,
            writable: false,
        },
    };
    assert_eq!(world.space.mmap(read_only(SHARED, RW)), Err(Errno::EACCES));
    assert_eq!(world.space.mmap(read_only(PRIVATE, RW)).map(VirtAddr::get), Ok(A));
    assert_eq!(
        world.space.mmap(read_only(SHARED | FIXED, R)).map(VirtAddr::get),
        Ok(A)
    );
    assert_eq!(world.maps(), "A+0..A+1 r--s");
    assert_eq!(world.space.mprotect(A, P, RW), Err(Errno::EACCES));
    assert_eq!(world.space.mmap(read_only(0, R)), Err(Errno::EINVAL));
    let sync = 1 << 19;
    assert_eq!(
        world.space.mmap(read_only(SHARED | PRIVATE | sync, R)),
        Err(Errno::EOPNOTSUPP),
        "VALIDATE"
    );
    assert_eq!(
        world
            .space
            .mmap(read_only(SHARED | sync | FIXED, R))
            .map(VirtAddr::get),
        Ok(A)
    );
}

#[test]
fn consecutive_pages_of_a_file_merge() {
    let mut world = World::new();
    let object = world.memory(8);
    world.map_object(A, P, RW, SHARED | FIXED, &object, 0).unwrap();
    world
        .map_object(A + P, P, RW, SHARED | FIXED, &object, P)
        .unwrap();
    assert_eq!(world.maps(), "A+0..A+2 rw-s");
    world
        .map_object(A + 2 * P, P, RW, SHARED | FIXED, &object, 4 * P)
        .unwrap();
    assert_eq!(world.maps(), "A+0..A+2 rw-s, A+2..A+3 rw-s");
    let mapping = world.space.mappings().last().unwrap();
    assert_eq!((mapping.offset, mapping.name), (4 * P, "/memfd:test (deleted)"));
    assert_eq!(
        world.map_object(A, P, R, PRIVATE, &object, i64::MAX as u64 & !(P - 1)),
        Err(Errno::EOVERFLOW)
    );
}

#[test]
fn synchronous_mappings_merge_with_their_like() {
    let mut world = World::new();
    let sync = PRIVATE | FIXED | u64::from(linux_raw_sys::general::MAP_SYNC);
    world.map(A, 1, RW);
    world.mmap(A + P, P, RW, sync | ANON).unwrap();
    assert_eq!(world.maps(), "A+0..A+1 rw-p, A+1..A+2 rw-p");
    world.mmap(A + 2 * P, P, RW, sync | ANON).unwrap();
    assert_eq!(world.maps(), "A+0..A+1 rw-p, A+1..A+3 rw-p");
}

#[test]
fn the_vdso_is_whole() {
    let mut world = World::new();
    let object = Object::image(world.machine.clone(), &[7; 8192], "[vdso]").unwrap();
    let at = world.space.map_special(A, object, R | X).unwrap().get();
    assert_eq!((at, world.maps().as_str()), (A, "A+0..A+2 r-xp"));
    assert_eq!(world.space.munmap(A, P), Err(Errno::EINVAL));
    assert_eq!(world.space.mprotect(A, P, R), Err(Errno::EINVAL));
    assert_eq!(world.mremap(A, 2 * P, 3 * P, MAYMOVE, 0), Err(Errno::EFAULT));
    assert_eq!(
        world.mremap(A, 2 * P, 2 * P, MAYMOVE | DONTUNMAP, 0),
        Err(Errno::EINVAL)
    );
    assert_eq!(world.mremap(A, P, P, TO, B), Err(Errno::EINVAL));
    assert_eq!(world.mremap(A, 2 * P, 2 * P, TO, B), Ok(B));
    assert_eq!(world.maps(), "B+0..B+2 r-xp");
    assert_eq!(world.space.munmap(B, 2 * P), Ok(()));
}

#[test]
fn there_are_no_huge_pages_set_aside() {
    let mut world = World::new();
    assert_eq!(
        world.mmap(0, 2 << 20, RW, PRIVATE | ANON | 0x40000),
        Err(Errno::ENOMEM)
    );
    assert_eq!(
        world.mmap(0, 2 << 20, RW, PRIVATE | ANON | 0x40000 | 22 << 26),
        Err(Errno::EINVAL)
    );
}
