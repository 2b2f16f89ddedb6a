//! The tables on the fake machine, beside a model that is a map of pages.

mod block_sequences;
mod fork;
mod gibibytes;
mod limits;
mod model;
mod random;
mod sequences;
mod settled;

use super::*;
use crate::fake::FakeMachine;
use crate::machine::{Block, Frame, Frames};
use crate::{PAGE_SIZE, PageRange, VirtAddr};

pub(super) const RW: Attributes = Attributes::user(Rights::READ.union(Rights::WRITE));

/// From here on the fake has no RAM: tests that look at no contents map it in blocks of 1 GiB.
pub(super) const NO_RAM: PhysAddr = PhysAddr::new(1 << 40);

/// The range of `pages` from page number `first`.
pub(super) fn pages(first: u64, pages: u64) -> PageRange {
    PageRange::from_len(VirtAddr::new(first * PAGE_SIZE), pages * PAGE_SIZE).expect("a range below TASK_SIZE")
}

/// Gives what an unmap took out back to the machine.
pub(super) fn give_back(machine: &FakeMachine, level: Level, leaf: Leaf) {
    match level {
        _ if leaf.address >= NO_RAM => {}
        // SAFETY: the tests map every frame once, and the tables have just let go of it.
        Level::Pte => machine.give_frame(unsafe { Frame::from_raw(leaf.address) }),
        // SAFETY: as above.
        Level::Pmd => machine.give_block(unsafe { Block::from_raw(leaf.address) }),
        _ => panic!("the fake has no memory for a block of {level:?}"),
    }
}
