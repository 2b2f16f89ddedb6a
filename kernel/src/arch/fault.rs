//! What a program did that the processor does not carry out, decoded for whoever makes a signal or a page of it.

use super::esr::{Esr, Status, class};
use mm::Access;

/// A synchronous exception from EL0 other than a system call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    /// The syndrome. Its `Display` says it in words.
    pub(crate) esr: Esr,
    /// FAR_EL1. Means nothing unless [`Fault::cause`] has an address.
    pub(crate) far: u64,
}

/// What it was, as far as what must be done about it differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// No translation at the address, or one that forbids the access: a page fault. The address is without a tag.
    Memory {
        /// The address.
        address: u64,
        /// What was tried.
        access: Access,
    },
    /// An address, the PC or the stack pointer is misaligned: `SIGBUS`, `BUS_ADRALN`.
    Alignment {
        /// The address.
        address: u64,
    },
    /// The memory system refused or failed: `SIGBUS`, `BUS_OBJERR`.
    Bus {
        /// The address.
        address: u64,
    },
    /// No instruction, or one that this processor or EL0 does not have: `SIGILL`, `ILL_ILLOPC`.
    Undefined,
    /// The BRK instruction: `SIGTRAP`, `TRAP_BRKPT`.
    Breakpoint,
    /// A hardware breakpoint, watchpoint or step, which nobody sets: `SIGTRAP`, `TRAP_HWBKPT`.
    Debug,
    /// A trapped IEEE exception: `SIGFPE`.
    FloatingPoint,
}

impl Fault {
    /// Decodes the syndrome. Every value of it gives a cause: what is unknown is an undefined instruction.
    pub(crate) fn cause(&self) -> Cause {
        let address = untagged(self.far);
        match self.esr.class() {
            class::DATA_ABORT_EL0 | class::INSTRUCTION_ABORT_EL0 => match self.esr.status() {
                Status::Translation(_) | Status::Permission(_) | Status::AccessFlag(_) => Cause::Memory {
                    address,
                    access: self.esr.access(),
                },
                Status::Alignment => Cause::Alignment { address },
                _ => Cause::Bus { address },
            },
            class::PC_ALIGNMENT => Cause::Alignment { address: self.far },
            class::SP_ALIGNMENT => Cause::Alignment { address },
            class::BRK => Cause::Breakpoint,
            class::BREAKPOINT_EL0 | class::STEP_EL0 | class::WATCHPOINT_EL0 => Cause::Debug,
            class::FLOATING_POINT => Cause::FloatingPoint,
            _ => Cause::Undefined,
        }
    }
}

/// The address without the tag in bits 63:56, which the processor ignores for EL0 (TCR_EL1.TBI0): bit 55 tells which half
/// it is in.
pub(crate) const fn untagged(address: u64) -> u64 {
    ((address << 8) as i64 >> 8) as u64
}

#[cfg(feature = "ktest")]
mod tests;
