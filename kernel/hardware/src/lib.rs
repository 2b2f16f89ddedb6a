//! What the machine is made of, as far as that can be worked out without touching it: the device tree read into a
//! [`Description`], sets of physical ranges, the allocator of page frames, and the words of the kernel's command line.
//!
//! The crate is `no_std` and allocates nothing: it runs before the kernel has memory to give. It builds and tests on any
//! host.
#![no_std]

#[cfg(test)]
extern crate std;

mod asids;
mod cmdline;
mod devicetree;
pub mod frames;
mod range;

pub use asids::{Activation, Asids, Context};
pub use cmdline::{CommandLine, HugePages, LogLevel};
pub use devicetree::{
    Conduit, Console, ConsoleKind, Cpu, CpuStart, Description, HandoverError, InterruptController, Mailbox,
    TreeError, describe, hand_over,
};
pub use range::{Full, PhysRange, RangeSet};
