//! How a program comes into memory: from the bytes of a file to the registers of its first instruction.

mod auxv;
mod image;
mod load;
mod outline;
mod stack;
#[cfg(feature = "ktest")]
mod tests;
mod vdso;

pub(crate) use auxv::CLOCK_TICKS;
pub(crate) use load::{Failure, Loaded, Start, load};
pub(crate) use outline::Outline;

/// The limit on the stack's size that a program starts with (`RLIMIT_STACK`).
pub(crate) const STACK_SIZE: u64 = 8 << 20;
