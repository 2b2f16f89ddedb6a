//! The family of `mlock`, and `mseal`.

use super::Leaves::{Nothing, Progress};
use super::*;

const CURRENT_AND_FUTURE: u64 = 3;

/// Mappings of which most pages are not there.
fn untouched() -> World {
    let mut world = World::new();
    world.map(A, 1000, RW);
    world.write(A + 3 * P, 4);
    world.map(A + 1000 * P, 20, R);
    world.without_spare_nodes()
}

#[test]
fn mlock() {
    // The heap is asked first, and then nothing has changed; without frames the pages are locked, and not all there.
    let call = |world: &mut World| world.space.mlock(A + 505 * P, 10 * P, 0);
    let heap_first = |world: &mut World| {
        call(world).map_err(|errno| match errno {
            Errno::ENOMEM => Errno::EAGAIN,
            other => other,
        })
    };
    at_every_request([11, 1], Progress, Errno::EAGAIN, untouched, heap_first);
    let on_fault = |world: &mut World| world.space.mlock(A + 505 * P, 10 * P, 1);
    at_every_request([0, 1], Nothing, Errno::ENOMEM, untouched, on_fault);
}

#[test]
fn munlock() {
    let prepare = || {
        let mut world = two();
        assert_eq!(world.space.mlock(A, 20 * P, 0), Ok(()));
        world.without_spare_nodes()
    };
    let call = |world: &mut World| world.space.munlock(A + 5 * P, 5 * P);
    at_every_request([0, 1], Nothing, Errno::ENOMEM, prepare, call);
}

#[test]
fn mlockall() {
    let lock = |world: &mut World| world.space.mlockall(CURRENT_AND_FUTURE);
    let few = || {
        let mut world = World::new();
        world.map(A, 10, RW);
        world.write(A + 3 * P, 4);
        world.map(A + 1000 * P, 20, R);
        world.without_spare_nodes()
    };
    at_every_request([9, 0], Nothing, Errno::ENOMEM, few, lock);
    let locked = || {
        let mut world = few();
        assert_eq!(lock(&mut world), Ok(()));
        world.without_spare_nodes()
    };
    let unlock = |world: &mut World| {
        world.space.munlockall();
        Ok::<_, Errno>(())
    };
    at_every_request([0, 0], Nothing, Errno::ENOMEM, locked, unlock);
    // What is mapped later is brought in as far as that goes.
    let map = |world: &mut World| world.mmap(B, 5 * P, RW, PRIVATE | ANON | FIXED).map(drop);
    at_every_request([5, 1], Nothing, Errno::ENOMEM, locked, map);
}

#[test]
fn mseal() {
    for (first, pages) in [(5, 3), (15, 10)] {
        let call = |world: &mut World| world.space.mseal(A + first * P, pages * P, 0);
        at_every_request([0, 1], Nothing, Errno::ENOMEM, two, call);
    }
}
