//! `mmap`, `munmap`, `mprotect`, `brk`, and what makes objects.

use super::Leaves::{Nothing, Progress};
use super::*;
use crate::space::{Layout, Limits};

const DROPPABLE: u64 = 8;

/// An object of three pages, and no node to spare.
fn with_memory() -> (World, Object<FakeMachine>) {
    let world = two();
    let object = world.memory(3);
    (world, object)
}

#[test]
fn mmap() {
    let anywhere = [
        PRIVATE | ANON,
        SHARED | ANON,
        PRIVATE | ANON | NORESERVE,
        PRIVATE | ANON | GROWSDOWN,
        PRIVATE | ANON | STACK,
        DROPPABLE | ANON,
    ];
    for flags in anywhere {
        let call = |world: &mut World| world.mmap(0, 5 * P, RW, flags).map(drop);
        at_every_request([0, 1], Nothing, Errno::ENOMEM, two, call);
    }
    for (at, pages) in [(A + 5 * P, 3), (A + 15 * P, 10), (A, 40), (A - P, 50)] {
        for flags in [PRIVATE | ANON | FIXED, SHARED | ANON | FIXED] {
            let call = |world: &mut World| world.mmap(at, pages * P, RW, flags).map(drop);
            at_every_request([0, 1], Nothing, Errno::ENOMEM, two, call);
        }
    }
}

#[test]
fn mmap_that_brings_pages_in_does_without_them() {
    for flags in [POPULATE, LOCKED] {
        for kind in [PRIVATE, SHARED] {
            let call = |world: &mut World| {
                let flags = flags | kind | ANON | FIXED;
                world.mmap(B, 5 * P, RW, flags).map(drop)
            };
            at_every_request([6, 1], Nothing, Errno::ENOMEM, two, call);
        }
    }
}

#[test]
fn mmap_of_objects() {
    for flags in [SHARED, PRIVATE, SHARED | POPULATE, PRIVATE | POPULATE] {
        for at in [B, A + 5 * P] {
            let call = |world: &mut World| {
                let object = world.objects[0].clone();
                let mapped = world.map_object(at, 3 * P, RW, flags | FIXED, &object, 0);
                mapped.map(drop)
            };
            let prepare = || {
                let (mut world, object) = with_memory();
                world.objects.push(object);
                world
            };
            at_every_request([0, 1], Nothing, Errno::ENOMEM, prepare, call);
        }
    }
}

#[test]
fn mmap_of_zeros() {
    for flags in [SHARED, PRIVATE] {
        let prepare = || {
            let mut world = two();
            let zeros = Object::zeros(world.machine.clone(), "/dev/zero").expect("heap");
            world.objects.push(zeros);
            world
        };
        let call = |world: &mut World| {
            let zeros = world.objects[0].clone();
            world.map_object(B, 3 * P, RW, flags | FIXED, &zeros, 0).map(drop)
        };
        at_every_request([0, 1], Nothing, Errno::ENOMEM, prepare, call);
    }
}

#[test]
fn what_a_program_starts_with() {
    let prepare = || {
        let (mut world, object) = with_memory();
        world.objects.push(object);
        world
    };
    let vdso = |world: &mut World| {
        let object = world.objects[0].clone();
        world.space.map_special(0, object, R | X).map(drop)
    };
    at_every_request([0, 1], Nothing, Errno::ENOMEM, prepare, vdso);
    let stack = |world: &mut World| world.space.map_stack(B, 4 * P);
    at_every_request([0, 1], Nothing, Errno::ENOMEM, two, stack);
}

#[test]
fn munmap() {
    for (at, pages) in [(5, 3), (0, 40), (15, 10), (0, 20), (10, 10)] {
        let call = |world: &mut World| world.space.munmap(A + at * P, pages * P);
        at_every_request([0, 0], Nothing, Errno::ENOMEM, two, call);
    }
    let middle = |world: &mut World| world.space.munmap(A + 5 * P, 3 * P);
    at_every_request([0, 1], Nothing, Errno::ENOMEM, two, middle);
    let stripes = |world: &mut World| world.space.munmap(A + 10 * P, 200 * P);
    at_every_request([0, 0], Nothing, Errno::ENOMEM, || striped(300), stripes);
}

#[test]
fn mprotect() {
    for (at, pages, prot) in [(5, 3, R), (5, 3, NONE), (15, 10, X), (0, 40, NONE), (0, 20, R)] {
        let call = |world: &mut World| world.space.mprotect(A + at * P, pages * P, prot);
        at_every_request([0, 0], Nothing, Errno::ENOMEM, two, call);
    }
    let middle = |world: &mut World| world.space.mprotect(A + 5 * P, 3 * P, R);
    at_every_request([0, 1], Nothing, Errno::ENOMEM, two, middle);
    let stripes = |world: &mut World| world.space.mprotect(A + 3 * P, 294 * P, NONE);
    at_every_request([0, 0], Nothing, Errno::ENOMEM, || striped(300), stripes);
}

#[test]
fn brk() {
    let prepare = || {
        let layout = Layout {
            brk_start: B,
            ..Layout::default()
        };
        let mut world = World::with_limits(Limits::default());
        *world.space.layout_mut() = layout;
        world.map(A, 20, RW);
        world.space.tree.lose_spare_nodes();
        world
    };
    let set = |end: u64| {
        move |world: &mut World| {
            let reached = world.space.brk(end);
            if reached == end { Ok(()) } else { Err(reached) }
        }
    };
    at_every_request([0, 1], Nothing, B, prepare, set(B + 7 * P + 5));
    let grown = || {
        let mut world = prepare();
        assert_eq!(world.space.brk(B + 7 * P), B + 7 * P);
        world.fill(B, 7, 1);
        world.without_spare_nodes()
    };
    at_every_request([0, 0], Nothing, B + 7 * P, grown, set(B + 9 * P));
    at_every_request([0, 0], Nothing, B + 7 * P, grown, set(B + 2 * P));
}

#[test]
fn remap_file_pages() {
    let prepare = || {
        let mut world = World::new();
        let object = world.memory(10);
        world
            .map_object(A, 10 * P, RW, SHARED | FIXED, &object, 0)
            .unwrap();
        world.fill(A, 10, 1);
        world.without_spare_nodes()
    };
    let call = |world: &mut World| world.space.remap_file_pages(A + 2 * P, 3 * P, 0, 7, 0);
    at_every_request([0, 1], Progress, Errno::ENOMEM, prepare, call);
}

#[test]
fn objects() {
    let name = "/memfd:a name that is not short (deleted)";
    let make = |world: &mut World| Object::memory(world.machine.clone(), name).map(drop);
    at_every_request([0, 2], Nothing, Errno::ENOMEM, World::new, make);
    let image = |world: &mut World| Object::image(world.machine.clone(), &[1, 2], name).map(drop);
    at_every_request([0, 2], Nothing, Errno::ENOMEM, World::new, image);
}

#[test]
fn pages_of_objects() {
    let prepare = || {
        let mut world = World::new();
        let object = world.memory(4000);
        object.write(7 * P, &[7]).unwrap();
        world
            .map_object(A, 4000 * P, RW, SHARED | FIXED, &object, 0)
            .unwrap();
        world.read(A + 7 * P);
        world.objects.push(object);
        world
    };
    let fill = |world: &mut World| {
        let frames = world.machine.frames_in_use();
        let filled = world.objects[0].allocate(5 * P..2000 * P + 1, false);
        if filled.is_err() {
            // The nodes of the map of its pages may stay until the object ends.
            assert!(world.machine.frames_in_use() <= frames + 5, "pages were left");
        }
        filled
    };
    let few = |world: &mut World| world.objects[0].allocate(1995 * P..2000 * P, true);
    at_every_request([5, 1], Nothing, Errno::ENOMEM, prepare, few);
    let mut world = prepare();
    for takes in [0, 1, 3, 500, 1500] {
        world.machine.fail_after(takes);
        assert_eq!(fill(&mut world), Err(Errno::ENOMEM));
    }
    world.machine.never_fail();
    assert_eq!(fill(&mut world), Ok(()));
}
