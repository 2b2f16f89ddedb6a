//! `mseal`, and the cuts that calls leave behind when a later mapping refuses them, as seen on Linux 7.3.4.

use super::*;

impl World {
    fn sealed(&mut self, addr: u64, pages: u64) {
        assert_eq!(self.space.mseal(addr, pages * P, 0), Ok(()));
    }
}

#[test]
fn parameters_come_first() {
    let mut world = World::new();
    world.map(A, 1, RW);
    world.map(A + 2 * P, 1, RW);
    assert_eq!(world.space.mseal(A, P, 1), Err(Errno::EINVAL));
    assert_eq!(world.space.mseal(A + 1, P, 0), Err(Errno::EINVAL));
    assert_eq!(world.space.mseal(A, u64::MAX, 0), Err(Errno::EINVAL));
    assert_eq!(world.space.mseal(A, u64::MAX - P + 1, 0), Err(Errno::EINVAL));
    assert_eq!(world.space.mseal(A, 1 << 48, 0), Err(Errno::ENOMEM));
    assert_eq!(world.space.mseal(A + P, 0, 0), Ok(()));
    assert_eq!(world.space.mseal(A, 3 * P, 0), Err(Errno::ENOMEM), "a hole");
    assert_eq!(world.space.munmap(A, P), Ok(()), "nothing was sealed");
    assert_eq!(
        world.space.mseal((A + 2 * P) | (0x5a << 56), P, 0),
        Ok(()),
        "a tag"
    );
    assert_eq!(world.space.munmap(A + 2 * P, P), Err(Errno::EPERM));
}

#[test]
fn seals_split_and_merge() {
    let mut world = World::new();
    world.map(B, 6, RW);
    world.sealed(B + P, 1);
    world.sealed(B + 3 * P, 1);
    assert_eq!(world.maps().matches("rw-p").count(), 5);
    world.sealed(B + 2 * P, 1);
    assert_eq!(world.maps(), "B+0..B+1 rw-p, B+1..B+4 rw-p, B+4..B+6 rw-p");
    world.sealed(B, 6);
    assert_eq!(world.maps(), "B+0..B+6 rw-p");
    world.map(B + 6 * P, 1, RW);
    assert_eq!(world.maps(), "B+0..B+6 rw-p, B+6..B+7 rw-p");
}

#[test]
fn munmap_keeps_the_cut_at_its_start() {
    let mut world = World::new();
    world.map(A, 4, RW);
    world.map(A + 4 * P, 2, R);
    world.sealed(A + 4 * P, 1);
    assert_eq!(world.space.munmap(A + 2 * P, 3 * P), Err(Errno::EPERM));
    assert_eq!(
        world.maps(),
        "A+0..A+2 rw-p, A+2..A+4 rw-p, A+4..A+5 r--p, A+5..A+6 r--p"
    );
    assert_eq!(world.space.munmap(A + 5 * P, P), Ok(()));
    world.map(B, 4, RW);
    world.sealed(B, 4);
    assert_eq!(world.space.munmap(B + P, P), Err(Errno::EPERM));
    assert_eq!(world.space.munmap(B - P, 3 * P), Err(Errno::EPERM));
    assert_eq!(
        world.maps().matches("B+").count(),
        2,
        "not where it is the first that refuses"
    );
}

#[test]
fn so_do_the_calls_that_make_room() {
    let mut world = World::new();
    world.map(A, 4, RW);
    world.map(A + 4 * P, 2, R);
    world.sealed(A + 4 * P, 2);
    world.map(B, 4, RW);
    assert_eq!(
        world.mmap(A + 2 * P, 4 * P, RW, PRIVATE | ANON | FIXED),
        Err(Errno::EPERM)
    );
    assert_eq!(world.mremap(B, 4 * P, 4 * P, TO, A + P), Err(Errno::EPERM));
    assert_eq!(world.mremap(A, 6 * P, 3 * P, 0, 0), Err(Errno::EPERM), "a tail");
    assert_eq!(
        world.maps(),
        "A+0..A+1 rw-p, A+1..A+2 rw-p, A+2..A+3 rw-p, A+3..A+4 rw-p, A+4..A+6 r--p, B+0..B+4 rw-p"
    );
}

#[test]
fn a_limit_leaves_the_cuts_at_both_ends() {
    let mut world = World::new();
    world.map(A, 6, RW);
    world.map(B, 1, NONE);
    world.space.limits_mut().data = 6 * P;
    assert_eq!(
        world.mmap(A + 2 * P, 2 * P, RW, PRIVATE | ANON | FIXED),
        Ok(A + 2 * P),
        "nothing more than before"
    );
    world.space.limits_mut().data = 2 * P;
    assert_eq!(
        world.mmap(A + 2 * P, 2 * P, RW, PRIVATE | ANON | FIXED),
        Err(Errno::ENOMEM)
    );
    assert_eq!(
        world.maps(),
        "A+0..A+2 rw-p, A+2..A+4 rw-p, A+4..A+6 rw-p, B+0..B+1 ---p"
    );
}

#[test]
fn the_last_mapping_that_fits_is_used_up_by_the_first_cut() {
    for call in 0..3 {
        let mut world = World::new();
        world.map(A, 6, RW);
        world.space.limits_mut().max_map_count = 2;
        let (addr, len) = (A + 2 * P, 2 * P);
        let answer = match call {
            0 => world.space.mprotect(addr, len, R),
            1 => world.space.mlock(addr, len, 0),
            _ => world.space.mseal(addr, len, 0),
        };
        assert_eq!(answer, Err(Errno::ENOMEM));
        assert_eq!(world.maps(), "A+0..A+2 rw-p, A+2..A+6 rw-p");
        assert_eq!(world.space.munmap(addr, len), Ok(()), "at the start of a mapping");
    }
}

#[test]
fn mprotect_and_madvise_stop_at_the_seal() {
    let mut world = World::new();
    world.map(A, 2, RW);
    world.map(A + 2 * P, 2, R);
    world.map(A + 4 * P, 2, RW);
    world.sealed(A + 2 * P, 2);
    assert_eq!(world.space.mprotect(A, 6 * P, NONE), Err(Errno::EPERM));
    assert_eq!(world.maps(), "A+0..A+2 ---p, A+2..A+4 r--p, A+4..A+6 rw-p");
    assert_eq!(
        world.space.mprotect(A + 2 * P, P, R),
        Err(Errno::EPERM),
        "no change"
    );
    for advice in [4, 8, 9, 10, 18, 24, 102] {
        assert_eq!(
            world.space.madvise(A + 2 * P, P, advice),
            Err(Errno::EPERM),
            "{advice}"
        );
    }
    for advice in [0, 1, 2, 3, 11, 14, 15, 16, 17, 19, 20, 21, 22, 103] {
        assert_eq!(world.space.madvise(A + 2 * P, P, advice), Ok(()), "{advice}");
    }
}

#[test]
fn a_sealed_heap_does_not_shrink() {
    let mut world = World::new();
    world.space.layout_mut().brk_start = A;
    assert_eq!(world.space.brk(A + 4 * P), A + 4 * P);
    world.sealed(A, 2);
    assert_eq!(world.space.brk(A + P), A + 4 * P);
    assert_eq!(world.space.brk(A + 3 * P), A + 3 * P);
    assert_eq!(world.space.brk(A + 8 * P), A + 8 * P);
    assert_eq!(world.maps(), "A+0..A+2 rw-p, A+2..A+8 rw-p");
}

#[test]
fn a_locked_source_that_stays_is_cut_before_the_commit_limit() {
    let mut world = World::new();
    world.mmap(A, 6 * P, RW, PRIVATE | ANON | FIXED | LOCKED).unwrap();
    world.space.limits_mut().memory_pages = 1;
    assert_eq!(
        world.mremap(A + 2 * P, 2 * P, 2 * P, TO | DONTUNMAP, B),
        Err(Errno::ENOMEM)
    );
    assert_eq!(world.maps(), "A+0..A+2 rw-p, A+2..A+4 rw-p, A+4..A+6 rw-p");
}

#[test]
fn remap_file_pages_maps_another_part_of_the_object() {
    let mut world = World::new();
    let object = world.memory(8);
    for page in 0..8 {
        object.write(page * P, &[page as u8]).unwrap();
    }
    world
        .map_object(A, 4 * P, RW, SHARED | FIXED, &object, 0)
        .unwrap();
    assert_eq!(
        world.space.remap_file_pages(A + P + 5, 2 * P + 9, 0, 6, 0),
        Ok(())
    );
    assert_eq!(world.bytes(A, 4), [0, 6, 7, 3]);
    assert_eq!(world.space.remap_file_pages(A, 4 * P, 0, 0, 0), Ok(()));
    assert_eq!(
        world.maps(),
        "A+0..A+4 rw-s",
        "over several mappings, which join again"
    );
    assert_eq!(world.space.remap_file_pages(A, P, 1, 0, 0), Err(Errno::EINVAL));
    assert_eq!(
        world.space.remap_file_pages(A, P - 1, 0, 0, 0),
        Err(Errno::EINVAL)
    );
    assert_eq!(
        world.space.remap_file_pages(A, 5 * P, 0, 0, 0),
        Err(Errno::EINVAL),
        "a hole"
    );
    assert_eq!(
        world.space.remap_file_pages(A, P, 0, u64::MAX, 0),
        Err(Errno::EINVAL)
    );
    assert_eq!(
        world.space.remap_file_pages(A, P, 0, u64::MAX - 1, 0),
        Err(Errno::EOVERFLOW)
    );
    world.map(B, 2, RW);
    assert_eq!(
        world.space.remap_file_pages(B, P, 0, 0, 0),
        Err(Errno::EINVAL),
        "private"
    );
}
