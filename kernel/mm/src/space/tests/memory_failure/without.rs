//! What needs no memory at all, and so must work when there is none.

use super::*;
use crate::space::Footprint;

/// Runs `body` where there is neither a frame nor room on the heap.
fn without_memory<R>(world: &mut World, body: impl FnOnce(&mut World) -> R) -> R {
    let machine = world.machine.clone();
    machine.fail_after(0);
    heap::fail(Failures::From(0));
    let answer = body(world);
    heap::fail(Failures::None);
    machine.never_fail();
    answer
}

#[test]
fn calls_on_whole_mappings() {
    let mut world = World::new();
    world.map(A, 10, RW);
    world.fill(A, 10, 1);
    // What was mapped somewhere else has left spare tables behind, which a move sets aside.
    for far in [1 << 40, 1 << 41, 1 << 42] {
        world.map(far, 1, RW);
        world.write(far, 1);
    }
    world.space.munmap(1 << 40, 1 << 43).unwrap();
    without_memory(&mut world, |world| {
        assert_eq!(world.space.mprotect(A + 2 * P, 2 * P, R), Ok(()));
        assert_eq!(world.space.munmap(A + 5 * P, P), Ok(()));
        assert_eq!(world.space.madvise(A, P, 4), Ok(()));
        assert_eq!(world.mremap(A, 9 * P, 8 * P, 0, 0), Ok(A));
        assert_eq!(world.mremap(A + P, P, P, TO, A + 20 * P), Ok(A + 20 * P));
        assert_eq!(world.mmap(0, P, RW, PRIVATE | ANON), Ok(TOP - P));
    });
    assert_eq!(world.read(A + 20 * P), 2);
}

#[test]
fn looking() {
    let mut world = striped(300);
    let (mut resident, mut words) = ([0; 300], [0; 300]);
    let mut footprint = Footprint::default();
    without_memory(&mut world, |world| {
        assert!(world.space.mincore(A, &mut resident[..1]).is_ok());
        assert_eq!(world.space.mappings().count(), 300);
        world.space.measure(A, A + 300 * P, &mut footprint);
        assert_eq!(world.space.pagemap(A, &mut words), 300);
        assert_eq!(world.space.msync(A, 300 * P, 4), Ok(()));
        assert_eq!(world.space.usage().mappings, 300);
    });
    assert_eq!(resident[0], 1);
}

#[test]
fn the_end_of_an_address_space() {
    for mut world in [striped(300), sparse(30)] {
        world.advise(A, 100, 14);
        let child = world.space.fork(Asid(9)).expect("memory");
        without_memory(&mut world, |_| drop(child));
        let machine = world.machine.clone();
        let replacement = AddressSpace::new(machine, Asid(2), Limits::default(), Layout::default());
        let space = core::mem::replace(&mut world.space, Audited::new(replacement.expect("a frame")));
        without_memory(&mut world, |_| drop(space));
    }
}
