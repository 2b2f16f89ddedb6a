//! Mappings that refuse: sealed ones, ones that userfaultfd watches, ones that place themselves. No call makes such mappings
//! yet; a plan asks about them all the same.

use super::*;
use crate::vma::{UserfaultId, Vma, VmaFlags};
use core::num::NonZeroU32;

impl World {
    fn mark(&mut self, addr: u64, flags: VmaFlags) {
        self.space
            .tree
            .update(VirtAddr::new(addr), |vma| vma.flags |= flags);
    }

    fn seal(&mut self, addr: u64) {
        self.mark(addr, VmaFlags::SEALED);
    }

    /// As if registered with a userfaultfd without `UFFD_FEATURE_EVENT_REMAP`.
    fn watch(&mut self, addr: u64) {
        let watcher = NonZeroU32::new(1).map(UserfaultId::new);
        self.space.tree.update(VirtAddr::new(addr), |vma| {
            vma.userfault = watcher;
            vma.flags |= VmaFlags::UFFD_MISSING;
        });
    }

    fn vma(&self, addr: u64) -> Vma {
        self.space.tree.find(VirtAddr::new(addr)).expect("mapped")
    }
}

#[test]
fn a_sealed_source_stays() {
    let mut world = World::new();
    world.map(A, 2, RW);
    world.map(B, 2, R);
    world.seal(A);
    for (new_len, flags) in [
        (2, 0),
        (1, 0),
        (3, MAYMOVE),
        (2, TO),
        (1, TO),
        (2, TO | DONTUNMAP),
    ] {
        assert_eq!(world.mremap(A, 2 * P, new_len * P, flags, B), Err(Errno::EPERM));
    }
    assert_eq!(world.space.munmap(A + P, P), Err(Errno::EPERM));
    assert_eq!(world.space.mprotect(A, P, R), Err(Errno::EPERM));
    assert_eq!(world.mmap(A, P, RW, PRIVATE | ANON | FIXED), Err(Errno::EPERM));
    assert_eq!(world.maps(), "A+0..A+2 rw-p, B+0..B+2 r--p");
}

#[test]
fn a_sealed_target_stays() {
    let mut world = World::new();
    world.map(A, 2, RW);
    world.map(B, 1, R);
    world.map(B + P, 1, RW);
    world.seal(B + P);
    assert_eq!(world.mremap(A, 2 * P, 2 * P, TO, B), Err(Errno::EPERM));
    assert_eq!(world.maps(), "A+0..A+2 rw-p, B+0..B+1 r--p, B+1..B+2 rw-p");
}

#[test]
fn a_sealed_tail_is_found_after_the_target_is_gone() {
    let mut world = World::new();
    world.map(A, 2, RW);
    world.map(A + 2 * P, 1, R);
    world.seal(A + 2 * P);
    world.map(B, 2, R);
    assert_eq!(world.mremap(A, 3 * P, 2 * P, 0, 0), Err(Errno::EPERM));
    assert_eq!(world.mremap(A, 3 * P, 2 * P, TO, B), Err(Errno::EPERM));
    assert_eq!(world.maps(), "A+0..A+2 rw-p, A+2..A+3 r--p");
}

#[test]
fn a_sealed_slice_stops_the_move_half_way() {
    let mut world = World::new();
    world.map(A, 1, RW);
    world.map(A + P, 1, R);
    world.map(A + 2 * P, 1, RW);
    world.write(A, 1);
    world.seal(A + P);
    world.map(B, 3, R);
    assert_eq!(world.mremap(A, 3 * P, 3 * P, TO, B), Err(Errno::EPERM));
    assert_eq!(
        world.maps(),
        "A+1..A+2 r--p, A+2..A+3 rw-p, B+0..B+1 rw-p, B+1..B+3 r--p"
    );
    assert_eq!(world.read(B), 1);
}

#[test]
fn a_watched_mapping_moves_alone_and_unwatched() {
    let mut world = World::new();
    world.map(A, 2, RW);
    world.watch(A);
    world.map(B + 2 * P, 1, RW);
    assert_eq!(
        world.mremap(A, 3 * P, 3 * P, TO, B),
        Err(Errno::EFAULT),
        "with a gap behind it"
    );
    assert_eq!(world.mremap(A, 2 * P, 2 * P, TO, B), Ok(B));
    assert_eq!(
        world.maps(),
        "B+0..B+2 rw-p, B+2..B+3 rw-p",
        "it merges with nobody in that move"
    );
    assert_eq!(world.vma(B).userfault, None);
    assert!(!world.vma(B).flags.contains(VmaFlags::UFFD_MISSING));
}

#[test]
fn a_watched_source_stays_watched_under_dontunmap_and_where_it_grows() {
    let mut world = World::new();
    world.map(A, 2, RW);
    world.watch(A);
    assert_eq!(world.mremap(A, 2 * P, 2 * P, TO | DONTUNMAP, B), Ok(B));
    assert!(world.vma(A).userfault.is_some() && world.vma(B).userfault.is_none());
    assert_eq!(world.mremap(A, 2 * P, 3 * P, 0, 0), Ok(A));
    assert!(world.vma(A + 2 * P).userfault.is_some());
}

#[test]
fn a_mapping_that_refuses_company_stops_the_move_before_it() {
    for flag in [None, Some(VmaFlags::OWN_PLACEMENT)] {
        let mut world = World::new();
        world.map(A, 1, RW);
        world.map(A + P, 1, R);
        world.map(A + 2 * P, 1, RW);
        match flag {
            Some(flag) => world.mark(A + P, flag),
            None => world.watch(A + P),
        }
        assert_eq!(world.mremap(A + P, 2 * P, 2 * P, TO, B), Err(Errno::EFAULT));
        assert_eq!(
            world.maps(),
            "A+0..A+1 rw-p, A+1..A+2 r--p, A+2..A+3 rw-p",
            "the first: nothing moves"
        );
        assert_eq!(world.mremap(A, 3 * P, 3 * P, TO, B), Err(Errno::EFAULT));
        assert_eq!(world.maps(), "A+1..A+2 r--p, A+2..A+3 rw-p, B+0..B+1 rw-p");
    }
}

#[test]
fn pages_of_sealed_memory_that_cannot_be_written_are_kept() {
    let mut world = World::new();
    world.map(A, 1, R);
    world.seal(A);
    assert_eq!(world.space.madvise(A, P, 4), Err(Errno::EPERM));
    world.map(B, 1, RW);
    world.seal(B);
    assert_eq!(world.space.madvise(B, P, 4), Ok(()));
}
