//! A copy of an address space: what it shares, what it copies when it is stored to, and which of its mappings merge.

use super::*;
use crate::fake::tlb::Event;
use crate::machine::BLOCK_SIZE;
use crate::space::{Overcommit, OvercommitPolicy};
use crate::table::Level;

const DONTFORK: u64 = 10;
const WIPEONFORK: u64 = 18;
const HUGEPAGE: u64 = 14;
const GUARD_INSTALL: u64 = 102;
/// Pages of a block.
const H: u64 = BLOCK_SIZE / P;

impl World {
    /// A child, which must end before its parent does.
    pub(super) fn fork(&mut self) -> World {
        let asid = Asid(self.space.asid().0 + 1);
        World {
            machine: self.machine.clone(),
            space: Audited::new(self.space.fork(asid).expect("memory")),
            has_company: true,
            objects: Vec::new(),
        }
    }

    fn frame(&mut self, addr: u64) -> crate::PhysAddr {
        self.touch(addr, Access::Read).expect("mapped")
    }
}

#[test]
fn private_memory_is_copied_when_either_stores_to_it() {
    let mut parent = World::new();
    parent.map(A, 4, RW);
    parent.fill(A, 4, 1);
    let mut child = parent.fork();
    assert_eq!(child.bytes(A, 4), [1, 2, 3, 4]);
    assert_eq!(parent.frame(A), child.frame(A), "shared until then");
    parent.write(A, 10);
    child.write(A + P, 20);
    assert_eq!(parent.bytes(A, 4), [10, 2, 3, 4]);
    assert_eq!(child.bytes(A, 4), [1, 20, 3, 4]);
}

#[test]
fn however_many_pages_there_are_the_parent_is_flushed_once() {
    let mut parent = World::new();
    parent.map(A, 700, RW);
    parent.fill(A, 700, 1);
    parent.machine.take_log();
    let mut child = parent.fork();
    let log = parent.machine.take_log();
    let expected = [
        Event::DsbStores,
        Event::Asid(1),
        Event::Dsb,
        Event::DsbStores,
        Event::DsbStores,
        Event::Isb,
    ];
    assert_eq!(log, expected);
    parent.write(A + 699 * P, 0);
    assert_eq!(child.read(A + 699 * P), 188);
}

#[test]
fn the_last_owner_takes_a_page_back_without_a_copy() {
    let mut parent = World::new();
    parent.map(A, 2, RW);
    parent.fill(A, 2, 1);
    let frames = [parent.frame(A), parent.frame(A + P)];
    let mut child = parent.fork();
    child.write(A, 50);
    drop(child);
    let takes = parent.machine.takes();
    parent.write(A, 11);
    parent.write(A + P, 12);
    assert_eq!(parent.machine.takes(), takes);
    assert_eq!([parent.frame(A), parent.frame(A + P)], frames);
    assert_eq!(parent.bytes(A, 2), [11, 12]);
}

#[test]
fn the_parent_may_end_first() {
    let mut parent = World::new();
    parent.map(A, 3, RW);
    parent.fill(A, 3, 1);
    parent.map(B, 1, RW);
    parent.read(B);
    let mut child = parent.fork();
    parent.has_company = true;
    drop(parent);
    child.has_company = false;
    let takes = child.machine.takes();
    child.write(A, 9);
    assert_eq!(
        (child.machine.takes(), child.bytes(A, 3)),
        (takes, std::vec![9, 2, 3])
    );
    assert_eq!(child.read(B), 0, "the page of zeros is the child's too");
    child.write(B, 1);
}

#[test]
fn shared_memory_stays_shared() {
    let mut parent = World::new();
    let object = parent.memory(4);
    parent
        .map_object(A, 4 * P, RW, SHARED | FIXED, &object, 0)
        .unwrap();
    parent
        .map_object(B, 4 * P, RW, PRIVATE | FIXED, &object, 0)
        .unwrap();
    parent.write(A, 1);
    parent.write(B + P, 5);
    let mut child = parent.fork();
    child.write(A + 2 * P, 3);
    parent.write(A + 3 * P, 4);
    assert_eq!(child.bytes(A, 4), [1, 0, 3, 4]);
    assert_eq!(child.bytes(B, 4), [1, 5, 3, 4], "its own copy went along");
    child.write(B, 6);
    assert_eq!((parent.read(B), object.len()), (1, 4 * P));
    assert_eq!(child.space.munmap(A, 4 * P), Ok(()));
    parent.write(A, 7);
    assert_eq!(parent.read(A), 7);
}

#[test]
fn some_mappings_stay_behind_and_some_arrive_empty() {
    let mut parent = World::new();
    parent.map(A, 6, RW);
    parent.fill(A, 6, 1);
    parent.advise(A + P, 1, DONTFORK);
    parent.advise(A + 3 * P, 1, WIPEONFORK);
    let mut child = parent.fork();
    assert_eq!(child.try_read(A + P), Err(FaultError::MapError));
    assert_eq!(child.bytes(A + 2 * P, 4), [3, 0, 5, 6]);
    assert_eq!(parent.bytes(A, 6), [1, 2, 3, 4, 5, 6]);
    assert_eq!(child.space.usage().total, 5);
}

#[test]
fn locks_and_reserved_room_are_not_inherited_and_guards_are() {
    let mut parent = World::new();
    assert_eq!(parent.mmap(A, 2 * P, RW, PRIVATE | ANON | FIXED | LOCKED), Ok(A));
    parent.map(B, 4, RW);
    parent.advise(B + P, 1, GUARD_INSTALL);
    let mut child = parent.fork();
    assert_eq!((parent.space.usage().locked, child.space.usage().locked), (2, 0));
    assert!(child.try_read(B + P).is_err() && child.try_read(B).is_ok());
    parent.read(A);
}

#[test]
fn protections_hold_on_both_sides() {
    let mut parent = World::new();
    parent.map(A, 2, RW);
    parent.fill(A, 2, 1);
    assert_eq!(parent.space.mprotect(A, P, R), Ok(()));
    assert_eq!(parent.space.mprotect(A + P, P, NONE), Ok(()));
    let mut child = parent.fork();
    assert_eq!(child.try_write(A, 1), Err(FaultError::AccessError));
    assert_eq!(child.space.mprotect(A, 2 * P, RW), Ok(()));
    child.fill(A, 2, 40);
    assert_eq!(child.bytes(A, 2), [40, 41]);
    assert_eq!(parent.space.mprotect(A, 2 * P, RW), Ok(()));
    assert_eq!(parent.bytes(A, 2), [1, 2]);
    parent.fill(A, 2, 60);
    assert_eq!(child.bytes(A, 2), [40, 41]);
}

#[test]
fn a_block_is_shared_and_a_store_to_it_copies_a_page() {
    let mut parent = World::new();
    parent.map(A, 2 * H, RW);
    parent.advise(A, 2 * H, HUGEPAGE);
    parent.fill(A, H, 1);
    parent.read(A + H * P);
    let mut child = parent.fork();
    let level = |world: &World, addr| world.space.tables.query(VirtAddr::new(addr)).0;
    assert_eq!((level(&parent, A), level(&child, A)), (Level::Pmd, Level::Pmd));
    assert_eq!(child.read(A + 5 * P), 6);
    child.write(A + 5 * P, 60);
    assert_eq!((level(&parent, A), level(&child, A)), (Level::Pmd, Level::Pte));
    assert_eq!(
        (
            parent.read(A + 5 * P),
            child.read(A + 5 * P),
            child.read(A + 6 * P)
        ),
        (6, 60, 7)
    );
    child.write(A + H * P, 1);
    assert_eq!(
        level(&child, A + H * P),
        Level::Pmd,
        "the huge page of zeros makes room for a block"
    );
    assert_eq!(parent.read(A + H * P), 0);
    drop(child);
    let takes = parent.machine.takes();
    parent.write(A + 5 * P, 61);
    assert_eq!(
        (level(&parent, A), parent.machine.takes()),
        (Level::Pmd, takes),
        "it is the parent's alone again"
    );
}

#[test]
fn memory_that_came_by_fork_joins_nothing_unfaulted() {
    let mut parent = World::new();
    parent.map(A, 2, RW);
    parent.fill(A, 2, 1);
    let mut child = parent.fork();
    child.map(A + 2 * P, 2, RW);
    parent.map(A + 2 * P, 2, RW);
    assert_eq!(parent.space.usage().mappings, 1);
    assert_eq!(child.maps(), "A+0..A+2 rw-p, A+2..A+4 rw-p");
    child.fill(A + 2 * P, 2, 3);
    assert_eq!(child.bytes(A, 4), [1, 2, 3, 4]);
}

#[test]
fn each_mapping_gets_an_identity_of_its_own() {
    let mut parent = World::new();
    parent.map(A, 2, RW);
    parent.fill(A, 2, 1);
    assert_eq!(parent.space.mprotect(A, P, R), Ok(()));
    let mut child = parent.fork();
    for world in [&mut parent, &mut child] {
        assert_eq!(world.space.mprotect(A, P, RW), Ok(()));
    }
    assert_eq!(parent.space.usage().mappings, 1);
    assert_eq!(child.space.usage().mappings, 2, "they were two when they came");
}

#[test]
fn pieces_of_a_mapping_that_came_by_fork_join_again() {
    let mut parent = World::new();
    parent.map(A, 3, RW);
    parent.fill(A, 3, 1);
    let mut child = parent.fork();
    assert_eq!(child.mremap(A + P, P, P, TO, B), Ok(B));
    assert_eq!(child.mremap(B, P, P, TO, A + P), Ok(A + P));
    assert_eq!(
        (child.maps(), child.bytes(A, 3)),
        ("A+0..A+3 rw-p".into(), std::vec![1, 2, 3])
    );
}

#[test]
fn a_grandchild_shares_with_both() {
    let mut parent = World::new();
    parent.map(A, 2, RW);
    parent.fill(A, 2, 1);
    let mut child = parent.fork();
    child.write(A, 10);
    let mut grandchild = child.fork();
    grandchild.write(A + P, 30);
    assert_eq!(parent.bytes(A, 2), [1, 2]);
    assert_eq!(child.bytes(A, 2), [10, 2]);
    assert_eq!(grandchild.bytes(A, 2), [10, 30]);
    drop(child);
    grandchild.write(A, 31);
    assert_eq!((grandchild.read(A), parent.read(A)), (31, 1));
}

#[test]
fn the_commit_limit_counts_both() {
    let limits = Limits {
        overcommit: Overcommit {
            policy: OvercommitPolicy::Never,
            ..Overcommit::of_memory(1000)
        },
        ..Limits::default()
    };
    let mut parent = World::with_limits(limits);
    parent.map(A, 300, RW);
    assert_eq!(parent.space.fork(Asid(9)).err(), Some(Errno::ENOMEM));
    parent.advise(A, 200, DONTFORK);
    assert!(parent.space.fork(Asid(9)).is_ok());
}

#[test]
fn pages_of_every_kind_go_with_one_call() {
    let mut parent = World::new();
    parent.map(A, 64, RW);
    parent.fill(A, 64, 1);
    let mut child = parent.fork();
    // Of its own, of both, the zero page, a guard, none, without access.
    child.fill(A, 20, 100);
    child.advise(A + 30 * P, 3, 4);
    assert_eq!(child.read(A + 30 * P), 0);
    child.advise(A + 34 * P, 20, 4);
    assert_eq!(child.bytes(A + 34 * P, 20), [0; 20]);
    child.advise(A + 31 * P, 1, GUARD_INSTALL);
    assert_eq!(child.space.mprotect(A + 3 * P, P, NONE), Ok(()));
    let before = parent.machine.frames_in_use();
    assert_eq!(child.space.munmap(A, 60 * P), Ok(()));
    assert_eq!(
        parent.machine.frames_in_use(),
        before - 20,
        "the rest is the parent's, too"
    );
    assert_eq!(child.bytes(A + 60 * P, 4), [61, 62, 63, 64]);
    child.map(A, 60, RW);
    assert!(
        !child.resident(A, 60).contains('1'),
        "nothing has stayed in the tables"
    );
    assert_eq!(parent.bytes(A, 3), [1, 2, 3]);
    drop(child);
    assert_eq!(parent.space.munmap(A, 60 * P), Ok(()));
    assert_eq!(parent.bytes(A + 60 * P, 4), [61, 62, 63, 64]);
}
