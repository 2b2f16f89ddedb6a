//! `mlock` and its family: answers as Linux 7.3.4 gave them to the same calls.

use super::*;
use crate::vma::VmaFlags;

const CURRENT: u64 = 1;
const FUTURE: u64 = 2;
const ONFAULT: u64 = 4;
const DROPPABLE: u64 = 8;

impl World {
    fn with_lock_limit(pages: u64) -> Self {
        Self::with_limits(Limits {
            locked: pages * P,
            capabilities: Capabilities::empty(),
            ..Limits::default()
        })
    }

    /// Pages of the mappings that are locked, added up.
    pub(super) fn locked_pages(&self) -> u64 {
        let all = self.space.tree.iter(crate::space::report::everything());
        let locked = all.filter(|vma| vma.flags.contains(VmaFlags::LOCKED));
        locked.map(|vma| vma.range.pages()).sum()
    }

    fn locked(&self) -> u64 {
        self.space.usage().locked
    }

    fn flags(&self, addr: u64) -> VmaFlags {
        self.space.tree.find(VirtAddr::new(addr)).expect("mapped").flags
    }
}

#[test]
fn it_counts_what_was_not_locked_before() {
    let mut world = World::with_lock_limit(4);
    world.map(A, 10, RW);
    assert_eq!(world.space.mlock(A, 4 * P, 0), Ok(()));
    assert_eq!(world.space.mlock(A + 2 * P, 4 * P, 0), Err(Errno::ENOMEM));
    assert_eq!(world.space.mlock(A + 1, 2 * P, 0), Ok(()));
    assert_eq!(world.space.mlock(A, 4 * P + 1, 0), Err(Errno::ENOMEM));
    assert_eq!(world.maps(), "A+0..A+4 rw-p, A+4..A+a rw-p");
    assert_eq!(world.locked(), 4);
    assert_eq!(world.resident(A, 4), "1111");
    assert_eq!(world.resident(A + 4 * P, 6), "000000");
    world.space.limits_mut().capabilities = Capabilities::IPC_LOCK;
    assert_eq!(world.space.mlock(A + 2 * P, 4 * P, 0), Ok(()));
    assert_eq!(world.locked(), 6);
}

#[test]
fn parts_are_cut_and_join_again() {
    let mut world = World::new();
    world.map(A, 10, RW);
    world.space.mlock(A, 6 * P, 0).unwrap();
    assert_eq!(world.space.munlock(A + P, P), Ok(()));
    let four = "A+0..A+1 rw-p, A+1..A+2 rw-p, A+2..A+6 rw-p, A+6..A+a rw-p";
    assert_eq!(world.maps(), four);
    assert_eq!(world.space.mlock(A + P, P, 1), Ok(()));
    assert_eq!(world.maps(), four, "on fault is another kind of lock");
    assert_eq!(world.space.mlock(A + P, P, 0), Ok(()));
    assert_eq!(world.maps(), "A+0..A+6 rw-p, A+6..A+a rw-p");
    assert_eq!(world.space.munlock(A, 10 * P), Ok(()));
    assert_eq!(world.maps(), "A+0..A+a rw-p");
    assert_eq!(world.locked(), 0);
}

#[test]
fn on_fault_brings_nothing_in() {
    let mut world = World::new();
    world.map(A, 4, RW);
    assert_eq!(world.space.mlock(A, 4 * P, 1), Ok(()));
    assert_eq!(world.resident(A, 4), "0000");
    world.write(A + P, 1);
    assert_eq!(
        world.space.madvise(A, 4 * P, 4),
        Err(Errno::EINVAL),
        "MADV_DONTNEED"
    );
    assert_eq!(world.space.madvise(A, 4 * P, 24), Ok(()), "MADV_DONTNEED_LOCKED");
    assert_eq!(world.resident(A, 4), "0000");
}

#[test]
fn whoever_may_lock_nothing_is_told_first() {
    let mut world = World::with_lock_limit(0);
    world.map(A, 10, RW);
    for (addr, len) in [(A, P), (A, 0), (A, u64::MAX), (TASK_SIZE, P)] {
        assert_eq!(world.space.mlock(addr, len, 0), Err(Errno::EPERM));
    }
    assert_eq!(world.space.mlock(A, P, 2), Err(Errno::EINVAL));
    assert_eq!(world.space.munlock(A, P), Ok(()));
    assert_eq!(world.space.mlockall(CURRENT), Err(Errno::EPERM));
    assert_eq!(world.space.mlockall(FUTURE), Err(Errno::EPERM));
    for flags in [0, ONFAULT, 8] {
        assert_eq!(world.space.mlockall(flags), Err(Errno::EINVAL));
    }
    world.space.munlockall();
}

#[test]
fn ranges_wrap_as_linux_lets_them() {
    let mut world = World::new();
    world.map(A, 4, RW);
    assert_eq!(world.space.mlock(A, u64::MAX, 0), Ok(()), "rounds to nothing");
    assert_eq!(world.space.mlock(A, u64::MAX - P + 1, 0), Err(Errno::EINVAL));
    assert_eq!(world.space.mlock(u64::MAX - P + 1, P, 0), Err(Errno::EINVAL));
    assert_eq!(world.space.mlock(u64::MAX - 2 * P + 1, P, 0), Err(Errno::ENOMEM));
    assert_eq!(world.space.mlock(A | (0x77 << 56), P, 0), Ok(()), "a tag");
    assert_eq!(world.space.munlock(A, u64::MAX), Ok(()));
    assert_eq!(world.space.munlock(A, u64::MAX - 2 * P + 1), Err(Errno::EINVAL));
    assert_eq!(world.space.munlock(A + 100 * P, 0), Ok(()));
    assert_eq!(world.locked(), 1);
    world.space.limits_mut().capabilities = Capabilities::empty();
    assert_eq!(
        world.space.mlock(A, u64::MAX - P + 1, 0),
        Err(Errno::ENOMEM),
        "the limit comes first"
    );
}

#[test]
fn what_is_locked_before_a_hole_stays_locked() {
    let mut world = World::new();
    world.map(A, 4, RW);
    assert_eq!(world.space.mlock(A + 3 * P, 2 * P, 0), Err(Errno::ENOMEM));
    assert_eq!(world.maps(), "A+0..A+3 rw-p, A+3..A+4 rw-p");
    assert_eq!((world.locked(), world.resident(A + 3 * P, 1)), (1, "0".into()));
    assert_eq!(world.space.munlock(A + 3 * P, 2 * P), Err(Errno::ENOMEM));
    assert_eq!(world.maps(), "A+0..A+4 rw-p");
    assert_eq!(world.space.mlock(A + 4 * P, P, 0), Err(Errno::ENOMEM));
}

#[test]
fn a_page_that_cannot_be_had_ends_it_after_all_is_locked() {
    let mut world = World::new();
    world.map(A, 4, RW);
    world.map(A + P, 1, NONE);
    assert_eq!(world.space.mlock(A, 3 * P, 0), Err(Errno::ENOMEM));
    assert_eq!((world.locked(), world.resident(A, 1)), (3, "1".into()));
    assert_eq!(world.resident(A + 2 * P, 1), "0");
    let object = world.memory(1);
    world
        .map_object(B, 2 * P, RW, SHARED | FIXED, &object, 0)
        .unwrap();
    assert_eq!(world.space.mlock(B, 2 * P, 0), Err(Errno::ENOMEM), "past the end");
    assert_eq!(world.locked(), 5);
    world.space.mlock(B, 2 * P, 1).unwrap();
    world.machine.fail_after(0);
    world.map(A + 8 * P, 1, RW);
    assert_eq!(world.space.mlock(A + 8 * P, P, 0), Err(Errno::EAGAIN));
    world.machine.never_fail();
}

#[test]
fn private_pages_are_copied_before_they_are_written() {
    let mut world = World::new();
    let object = world.memory(1);
    object.write(0, &[7]).unwrap();
    world.map_object(A, P, R, PRIVATE | FIXED, &object, 0).unwrap();
    world.space.mlock(A, P, 0).unwrap();
    assert_eq!(world.flags(A) & VmaFlags::LOCKED_MASK, VmaFlags::LOCKED);
    world.space.mprotect(A, P, RW).unwrap();
    object.write(0, &[8]).unwrap();
    assert_eq!(world.read(A), 7, "mprotect made the copy");
}

#[test]
fn mappings_to_come_inherit_it() {
    let mut world = World::with_lock_limit(8);
    world.space.layout_mut().brk_start = A;
    assert_eq!(world.space.mlockall(FUTURE), Ok(()));
    world.map(B, 2, RW);
    assert_eq!((world.locked(), world.resident(B, 2)), (2, "11".into()));
    assert_eq!(
        world.mmap(B + 2 * P, 7 * P, RW, PRIVATE | ANON | FIXED),
        Err(Errno::EAGAIN)
    );
    world.map(B + 4 * P, 3, NONE);
    assert_eq!(world.locked(), 5);
    assert_eq!(world.space.brk(A + 2 * P), A + 2 * P);
    assert_eq!((world.locked(), world.resident(A, 2)), (7, "11".into()));
    assert_eq!(world.space.brk(A + 4 * P), A + 2 * P, "above the limit");
    assert_eq!(world.mremap(B, 2 * P, 4 * P, 0, 0), Err(Errno::EAGAIN));
    assert_eq!(world.mremap(B, 2 * P, 3 * P, 0, 0), Ok(B));
    assert_eq!(world.resident(B, 3), "111");
    assert_eq!(world.space.mlockall(FUTURE | ONFAULT), Ok(()));
    world.space.limits_mut().locked = 100 * P;
    world
        .mmap(B + 10 * P, 2 * P, RW, PRIVATE | ANON | FIXED | POPULATE)
        .unwrap();
    assert_eq!(world.resident(B + 10 * P, 2), "00", "not even by MAP_POPULATE");
    world.space.munlockall();
    world.map(B + 20 * P, 2, RW);
    assert_eq!(world.locked(), 0);
}

#[test]
fn all_there_is_is_locked_if_it_is_not_too_much() {
    let mut world = World::with_lock_limit(4);
    world.map(A, 5, RW);
    assert_eq!(world.space.mlockall(CURRENT), Err(Errno::ENOMEM));
    assert_eq!(world.space.mlockall(CURRENT | FUTURE), Err(Errno::ENOMEM));
    world.map(B, 1, R);
    assert_eq!(world.locked(), 0, "nothing was set for what comes");
    world.space.munmap(A, 2 * P).unwrap();
    assert_eq!(world.space.mlockall(CURRENT), Ok(()));
    assert_eq!((world.locked(), world.resident(A + 2 * P, 3)), (4, "111".into()));
    assert_eq!(world.resident(B, 1), "1");
}

#[test]
fn what_cannot_be_brought_in_does_not_stop_the_rest() {
    let mut world = World::new();
    world.map(A, 1, RW);
    world.map(A + P, 1, NONE);
    world.map(A + 2 * P, 1, RW);
    world.map(B, 1, RW);
    assert_eq!(world.space.mlockall(CURRENT), Ok(()));
    assert_eq!(world.locked(), 4);
    for (addr, there) in [(A, "1"), (A + P, "0"), (A + 2 * P, "1"), (B, "1")] {
        assert_eq!(world.resident(addr, 1), there);
    }
}

#[test]
fn what_cannot_be_locked_is_passed_over() {
    let mut world = World::new();
    let object = world.memory(1);
    let special = world.space.map_special(A, object, R | X).unwrap().get();
    assert_eq!(world.space.mlock(special, P, 0), Ok(()));
    assert_eq!((world.locked(), world.resident(special, 1)), (0, "1".into()));
    world.mmap(B, P, RW, DROPPABLE | ANON | FIXED).unwrap();
    world.space.mlockall(FUTURE).unwrap();
    world.mmap(B + P, 2 * P, RW, DROPPABLE | ANON | FIXED).unwrap();
    assert_eq!(
        world.maps().matches("rw-p").count(),
        2,
        "the lock kept them apart, and is gone"
    );
    assert_eq!((world.locked(), world.resident(B + P, 2)), (0, "11".into()));
}

#[test]
fn a_locked_stack_grows_within_the_limit() {
    let mut world = World::with_lock_limit(4);
    world.space.map_stack(A, P).unwrap();
    world.space.mlock(A - P, P, 0).unwrap();
    assert_eq!(world.try_write(A - 5 * P, 1), Err(FaultError::MapError));
    assert_eq!(world.try_write(A - 4 * P, 1), Ok(()));
    assert_eq!(world.locked(), 4);
}

#[test]
fn msync_finds_holes_and_locks() {
    let mut world = World::new();
    world.map(A, 2, RW);
    for flags in [5, 8, 7] {
        assert_eq!(world.space.msync(A, P, flags), Err(Errno::EINVAL));
    }
    assert_eq!(world.space.msync(A + 1, P, 1), Err(Errno::EINVAL));
    assert_eq!(world.space.msync(A, u64::MAX - P + 1, 1), Err(Errno::ENOMEM));
    assert_eq!(world.space.msync(A, u64::MAX, 1), Ok(()), "rounds to nothing");
    assert_eq!(world.space.msync(B, 0, 1), Ok(()));
    for flags in [0, 1, 2, 4, 6] {
        assert_eq!(world.space.msync(A, 2 * P, flags), Ok(()));
        for (addr, len) in [(A, 3 * P), (A - P, 2 * P), (B, P), (1 << 50, P), (A, TASK_SIZE)] {
            assert_eq!(world.space.msync(addr, len, flags), Err(Errno::ENOMEM));
        }
    }
    world.space.mlock(A + P, P, 0).unwrap();
    assert_eq!(world.space.msync(A, 2 * P, 2), Err(Errno::EBUSY));
    assert_eq!(
        world.space.msync(A - P, 9 * P, 3),
        Err(Errno::EBUSY),
        "rather than the hole"
    );
    assert_eq!(world.space.msync(A, 2 * P, 4), Ok(()));
}
