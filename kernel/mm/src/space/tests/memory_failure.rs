//! Running out of memory: at every single request for a frame, of every operation. The answer is an error, and the address
//! space is as it was.

use super::*;
use crate::table::{Leaf, Level};
use crate::vma::Vma;

/// All that can be seen of an address space: mappings, entries of the tables, and the first byte of each page.
#[derive(PartialEq, Debug)]
struct Snapshot {
    mappings: Vec<Vma>,
    leaves: Vec<(VirtAddr, Level, Leaf)>,
    bytes: Vec<u8>,
}

impl World {
    fn snapshot(&self) -> Snapshot {
        let everything = crate::space::report::everything();
        let leaves: Vec<_> = self.space.tables.leaves(everything).collect();
        let bytes = leaves
            .iter()
            .map(|(_, _, leaf)| self.machine.read_byte(leaf.address))
            .collect();
        Snapshot {
            mappings: self.space.tree.iter(everything).collect(),
            leaves,
            bytes,
        }
    }
}

/// Runs `operation` on worlds made by `prepare`, with memory running out after none, one, two... requests, until it has
/// enough; it must have wanted at least `least`.
fn at_every_request<E: PartialEq + std::fmt::Debug>(
    least: u64,
    prepare: impl Fn() -> World,
    operation: impl Fn(&mut World) -> Result<(), E>,
    error: E,
) {
    for takes in 0.. {
        let mut world = prepare();
        let before = world.snapshot();
        world.machine.fail_after(takes);
        let result = operation(&mut world);
        world.machine.never_fail();
        if result.is_ok() {
            assert!(takes >= least, "{takes} frames were enough");
            return;
        }
        assert_eq!(result.as_ref().err(), Some(&error));
        assert_eq!(world.snapshot(), before, "after {takes} frames");
    }
}

/// Pages in each of `tables` leaf tables, so that moving them takes more tables than an address space has spare.
fn sparse(tables: u64) -> World {
    let mut world = World::new();
    world.map(A, tables * 512, RW);
    for table in 0..tables {
        world.write(A + (table * 512 + 7) * P, table as u8 + 1);
    }
    world
}

#[test]
fn faults() {
    let fresh = || {
        let mut world = World::new();
        world.map(A, 1, RW);
        world
    };
    at_every_request(
        2,
        fresh,
        |world| world.space.fault(A, Access::Write),
        FaultError::OutOfMemory,
    );
    at_every_request(
        1,
        fresh,
        |world| world.space.fault(A, Access::Read),
        FaultError::OutOfMemory,
    );
    let zero = || {
        let mut world = fresh();
        world.read(A);
        world
    };
    at_every_request(
        1,
        zero,
        |world| world.space.fault(A, Access::Write),
        FaultError::OutOfMemory,
    );
}

#[test]
fn faults_on_objects() {
    for (flags, access, least) in [
        (SHARED, Access::Read, 3),
        (PRIVATE, Access::Read, 3),
        (PRIVATE, Access::Write, 4),
    ] {
        let prepare = || {
            let mut world = World::new();
            let object = world.memory(2000);
            world
                .map_object(A, 2000 * P, RW, flags | FIXED, &object, 0)
                .unwrap();
            world
        };
        let last = A + 1999 * P;
        at_every_request(
            least,
            prepare,
            |world| world.space.fault(last, access),
            FaultError::OutOfMemory,
        );
    }
}

#[test]
fn copies_on_write() {
    let prepare = || {
        let mut world = World::new();
        let object = world.memory(1);
        object.write(0, &[5]).unwrap();
        world.map_object(A, P, RW, PRIVATE | FIXED, &object, 0).unwrap();
        world.read(A);
        world
    };
    at_every_request(
        1,
        prepare,
        |world| world.space.fault(A, Access::Write),
        FaultError::OutOfMemory,
    );
}

#[test]
fn a_stack_that_grows() {
    let prepare = || {
        let mut world = World::new();
        world.space.map_stack(A, P).unwrap();
        world
    };
    for takes in 0..4 {
        let mut world = prepare();
        world.machine.fail_after(takes);
        let result = world.space.fault(A - 8 * P, Access::Write);
        world.machine.never_fail();
        // The mapping may have grown, as it would at the next try.
        assert!(result.is_ok() || result == Err(FaultError::OutOfMemory));
        world.write(A - 8 * P, 1);
    }
}

#[test]
fn moves_of_one_mapping() {
    for target in [B, B + P, B + 511 * P, (1 << 40) + 3 * P] {
        for flags in [TO, TO | DONTUNMAP] {
            let prepare = || sparse(40);
            let operation = |world: &mut World| {
                let len = 40 * 512 * P;
                world.mremap(A, len, len, flags, target).map(drop)
            };
            at_every_request(0, prepare, operation, Errno::ENOMEM);
        }
    }
}

#[test]
fn growth_by_moving() {
    let operation = |world: &mut World| {
        let len = 40 * 512 * P;
        world
            .mremap(A + P, len - P, len + P, TO, (1 << 41) + 2 * P)
            .map(drop)
    };
    at_every_request(1, || sparse(40), operation, Errno::ENOMEM);
}

#[test]
fn moves_of_several_mappings_onto_others() {
    let prepare = || {
        let mut world = sparse(40);
        for slice in 0..20 {
            world.space.mprotect(A + slice * 1024 * P, 512 * P, R).unwrap();
        }
        world.space.munmap(A + 100 * P, 3 * P).unwrap();
        world.map(B + 0x4000_0000 + 50 * P, 700, RW);
        world.write(B + 0x4000_0000 + 103 * P, 77);
        world
    };
    for shift in [0, 1, 100] {
        let operation = |world: &mut World| {
            let len = 40 * 512 * P;
            world
                .mremap(A, len, len, TO, B + 0x4000_0000 + shift * P)
                .map(drop)
        };
        at_every_request(0, prepare, operation, Errno::ENOMEM);
    }
}

#[test]
fn guards() {
    for (from, pages) in [(0, 512), (3, 5000), (511, 2)] {
        let operation = |world: &mut World| world.space.madvise(A + from * P, pages * P, 102);
        at_every_request(0, || sparse(10), operation, Errno::ENOMEM);
        let untouched = || {
            let mut world = World::new();
            world.map(A, 6000, RW);
            world
        };
        at_every_request(3, untouched, operation, Errno::ENOMEM);
    }
}

#[test]
fn calls_that_need_no_frames_work_without() {
    let mut world = World::new();
    world.map(A, 10, RW);
    world.fill(A, 10, 1);
    // What was mapped somewhere else has left spare tables behind, which a move sets aside.
    for far in [1 << 40, 1 << 41, 1 << 42] {
        world.map(far, 1, RW);
        world.write(far, 1);
    }
    world.space.munmap(1 << 40, 1 << 43).unwrap();
    world.machine.fail_after(0);
    assert_eq!(world.space.mprotect(A + 2 * P, 2 * P, R), Ok(()));
    assert_eq!(world.space.munmap(A + 5 * P, P), Ok(()));
    assert_eq!(world.space.madvise(A, P, 4), Ok(()));
    assert_eq!(world.mremap(A, 9 * P, 8 * P, 0, 0), Ok(A));
    assert_eq!(world.mremap(A + P, P, P, TO, A + 20 * P), Ok(A + 20 * P));
    assert_eq!(world.mmap(0, P, RW, PRIVATE | ANON), Ok(TOP - P));
    assert_eq!(world.read(A + 20 * P), 2);
    world.machine.never_fail();
}

#[test]
fn an_address_space_needs_two_frames() {
    let machine = FakeMachine::new(512);
    for takes in 0..2 {
        machine.fail_after(takes);
        let space = AddressSpace::new(machine.clone(), Asid(1), Limits::default(), Layout::default());
        assert_eq!(space.err(), Some(Errno::ENOMEM));
        assert_eq!(machine.frames_in_use(), 0);
    }
}

#[test]
fn forks() {
    let prepare = || {
        let mut world = sparse(30);
        world.map(B, 4 * 512, RW);
        world.advise(B, 4 * 512, 14);
        world.fill(B, 600, 1);
        world.map(B - P, 1, RW);
        world.write(B - P, 1);
        world
    };
    let fork = |world: &mut World| world.space.fork(Asid(7)).map(drop);
    at_every_request(36, prepare, fork, Errno::ENOMEM);
}
