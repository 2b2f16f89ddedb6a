//! Page faults.

use super::Leaves::Nothing;
use super::*;

const HUGEPAGE: u64 = 14;

fn faults_at(least: u64, addr: u64, access: Access, prepare: impl Fn() -> World) {
    let fault = |world: &mut World| world.space.fault(addr, access);
    at_every_request([least, 0], Nothing, FaultError::OutOfMemory, prepare, fault);
}

fn fresh() -> World {
    let mut world = World::new();
    world.map(A, 1, RW);
    world
}

#[test]
fn on_fresh_memory() {
    faults_at(2, A, Access::Write, fresh);
    faults_at(1, A, Access::Read, fresh);
    let zero = || {
        let mut world = fresh();
        world.read(A);
        world
    };
    faults_at(1, A, Access::Write, zero);
}

#[test]
fn on_objects() {
    for (flags, access, least) in [
        (SHARED, Access::Read, 3),
        (PRIVATE, Access::Read, 3),
        (PRIVATE, Access::Write, 4),
    ] {
        // A page that came into the object stays there, mapped or not.
        let prepare = || {
            let mut world = World::new();
            let object = world.memory(2000);
            world
                .map_object(A, 2000 * P, RW, flags | FIXED, &object, 0)
                .unwrap();
            world
        };
        faults_at(least, A + 1999 * P, access, prepare);
    }
    static IMAGE: [u8; 5000] = [7; 5000];
    for (access, least) in [(Access::Read, 2), (Access::Write, 2)] {
        let prepare = || {
            let mut world = World::new();
            let file = Object::image(world.machine.clone(), &IMAGE, "/file").expect("heap");
            world.map_object(A, 2 * P, RW, PRIVATE | FIXED, &file, 0).unwrap();
            world
        };
        faults_at(least, A + P, access, prepare);
    }
}

#[test]
fn copies_on_write() {
    let of_an_object = || {
        let mut world = World::new();
        let object = world.memory(1);
        object.write(0, &[5]).unwrap();
        world.map_object(A, P, RW, PRIVATE | FIXED, &object, 0).unwrap();
        world.read(A);
        world
    };
    faults_at(1, A, Access::Write, of_an_object);
    let mut parent = fresh();
    parent.write(A, 9);
    let mut children = 1;
    let after_fork = || {
        children += 1;
        let space = parent.space.fork(Asid(children)).expect("memory");
        World {
            machine: parent.machine.clone(),
            space: Audited::new(space),
            has_company: true,
            objects: Vec::new(),
        }
    };
    let after_fork = core::cell::RefCell::new(after_fork);
    faults_at(1, A, Access::Write, || after_fork.borrow_mut()());
}

/// Two blocks' worth of memory that may be huge.
fn may_be_huge() -> World {
    let mut world = World::new();
    world.map(A, 1024, RW);
    world.advise(A, 1024, HUGEPAGE);
    world
}

#[test]
fn on_blocks() {
    faults_at(2, A + 5 * P, Access::Write, may_be_huge);
    faults_at(2, A + 5 * P, Access::Read, may_be_huge);
    let zeros = || {
        let mut world = may_be_huge();
        world.read(A + 5 * P);
        world
    };
    faults_at(1, A + 7 * P, Access::Write, zeros);
}

#[test]
fn on_a_stack_that_grows() {
    let prepare = || {
        let mut world = World::new();
        world.space.map_stack(A, P).unwrap();
        world
    };
    for takes in 0..4 {
        let mut world = prepare();
        world.machine.fail_after(takes);
        heap::fail(Failures::From(0));
        let result = world.space.fault(A - 8 * P, Access::Write);
        heap::fail(Failures::None);
        world.machine.never_fail();
        // The mapping may have grown, as it would at the next try.
        assert!(result.is_ok() || result == Err(FaultError::OutOfMemory));
        world.write(A - 8 * P, 1);
    }
}
