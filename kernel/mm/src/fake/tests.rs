//! The fake itself: does it notice what it is there to notice?

use super::*;
use crate::machine::BLOCK_SIZE;
use std::panic::{AssertUnwindSafe, catch_unwind};

fn panics(body: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(body)).is_err()
}

#[test]
fn frames_and_blocks_come_and_go() {
    let machine = FakeMachine::new(1024);
    let frame = machine.take_frame().unwrap();
    let block = machine.take_block().unwrap();
    assert!(
        machine.take_block().is_none(),
        "the frame lies in the other block"
    );
    assert_eq!(machine.frames_in_use(), 513);
    block.into_frames().for_each(|frame| machine.give_frame(frame));
    machine.give_frame(frame);
    assert_eq!(machine.frames_in_use(), 0);
    assert!(
        machine
            .take_block()
            .is_some_and(|block| block.address().is_aligned(BLOCK_SIZE))
    );
}

#[test]
fn failures_come_when_asked_for() {
    let machine = FakeMachine::new(512);
    machine.fail_after(1);
    let frame = machine.take_frame();
    assert!(frame.is_some() && machine.take_frame().is_none() && machine.take_frame().is_none());
    machine.never_fail();
    assert!(machine.take_frame().is_some());
    assert_eq!(machine.takes(), 4);
}

#[test]
fn a_frame_is_given_back_once_and_not_written_to_afterwards() {
    let machine = FakeMachine::new(512);
    let frame = machine.take_frame().unwrap();
    let address = frame.address();
    machine.give_frame(frame);
    // SAFETY: deliberately false; the fake does nothing with the frame but panic.
    assert!(panics(|| machine.give_frame(unsafe { Frame::from_raw(address) })));
    // SAFETY: a byte of the machine's memory.
    unsafe { machine.pointer(address + 7).write(1) };
    assert!(panics(|| assert!(machine.take_frame().is_some())));
}
