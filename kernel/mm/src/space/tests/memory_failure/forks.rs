//! `fork`, and address spaces as such.

use super::Leaves::Nothing;
use super::*;

const HUGEPAGE: u64 = 14;

#[test]
fn fork() {
    let prepare = || {
        let mut world = sparse(30);
        world.map(B, 4 * 512, RW);
        world.advise(B, 4 * 512, HUGEPAGE);
        world.fill(B, 600, 1);
        world.map(B - P, 1, RW);
        world.write(B - P, 1);
        let object = world.memory(3);
        world
            .map_object(B - 9 * P, 3 * P, RW, SHARED | FIXED, &object, 0)
            .unwrap();
        world
    };
    let fork = |world: &mut World| {
        let frames = world.machine.frames_in_use();
        match world.space.fork(Asid(7)) {
            Ok(child) => {
                drop(child);
                Ok(())
            }
            Err(errno) => {
                assert_eq!(world.machine.frames_in_use(), frames, "frames of no child");
                Err(errno)
            }
        }
    };
    at_every_request([36, 3], Nothing, Errno::ENOMEM, prepare, fork);
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
