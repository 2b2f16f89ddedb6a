//! ESR_EL1 in words: what an exception was (Arm ARM, ESR_EL1 and the ISS encodings).

use core::fmt;
use mm::Access;

/// A value of ESR_EL1.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Esr(pub(crate) u64);

/// The exception classes (ESR_EL1.EC) that the kernel tells apart.
pub(crate) mod class {
    /// WFI or WFE that would have waited.
    pub(crate) const WFX: u64 = 0x01;
    /// An instruction fetch failed at EL0, and at EL1.
    pub(crate) const INSTRUCTION_ABORT_EL0: u64 = 0x20;
    /// See above.
    pub(crate) const INSTRUCTION_ABORT_EL1: u64 = 0x21;
    /// The program counter is not a multiple of 4.
    pub(crate) const PC_ALIGNMENT: u64 = 0x22;
    /// A load or store failed at EL0.
    pub(crate) const DATA_ABORT_EL0: u64 = 0x24;
    /// A load or store failed at EL1.
    pub(crate) const DATA_ABORT_EL1: u64 = 0x25;
    /// The stack pointer is not a multiple of 16 and was used to address memory.
    pub(crate) const SP_ALIGNMENT: u64 = 0x26;
    /// An IEEE exception that FPCR asks to trap.
    pub(crate) const FLOATING_POINT: u64 = 0x2c;
    /// Hardware breakpoint, single step, watchpoint, from EL0.
    pub(crate) const BREAKPOINT_EL0: u64 = 0x30;
    /// See above.
    pub(crate) const STEP_EL0: u64 = 0x32;
    /// See above.
    pub(crate) const WATCHPOINT_EL0: u64 = 0x34;
    /// The BRK instruction.
    pub(crate) const BRK: u64 = 0x3c;
}

/// What the fault status code of an abort (DFSC, IFSC) says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// The output address is wider than the tables allow.
    AddressSize(u8),
    /// There is no valid descriptor at this level.
    Translation(u8),
    /// The descriptor's access flag is clear.
    AccessFlag(u8),
    /// The descriptor forbids the access.
    Permission(u8),
    /// The address is not aligned as the access asks for.
    Alignment,
    /// The memory system answered with an error: nothing is there, or it is broken.
    External,
    /// A walk of the tables met such an error.
    ExternalOnWalk,
    /// A tag check failed.
    TagCheck,
    /// Two entries of the TLB match: break-before-make was not kept.
    TlbConflict,
    /// An exclusive or atomic access to memory that does not do them.
    UnsupportedAtomic,
    /// Anything else.
    Other(u8),
}

impl Esr {
    /// The exception class.
    pub(crate) const fn class(self) -> u64 {
        self.0 >> 26 & 0x3f
    }

    /// The instruction-specific syndrome.
    pub(crate) const fn syndrome(self) -> u64 {
        self.0 & 0x1ff_ffff
    }

    /// Whether it is an abort, of a fetch or of a load or store: then [`Esr::status`], [`Esr::access`] and FAR_EL1 mean something.
    pub(crate) const fn is_abort(self) -> bool {
        matches!(
            self.class(),
            class::INSTRUCTION_ABORT_EL0
                | class::INSTRUCTION_ABORT_EL1
                | class::DATA_ABORT_EL0
                | class::DATA_ABORT_EL1
        )
    }

    /// Why an abort happened.
    pub(crate) const fn status(self) -> Status {
        let code = (self.0 & 0x3f) as u8;
        let level = code & 3;
        match code >> 2 {
            0b0000 => Status::AddressSize(level),
            0b0001 => Status::Translation(level),
            0b0010 => Status::AccessFlag(level),
            0b0011 => Status::Permission(level),
            _ => match code {
                0x10 | 0x18 => Status::External,
                0x13..=0x17 | 0x1b..=0x1f => Status::ExternalOnWalk,
                0x11 => Status::TagCheck,
                0x21 => Status::Alignment,
                0x30 => Status::TlbConflict,
                0x35 => Status::UnsupportedAtomic,
                _ => Status::Other(code),
            },
        }
    }

    /// What the instruction that aborted wanted to do. Cache maintenance by address reports a write, but reads are all it needs.
    pub(crate) const fn access(self) -> Access {
        const WRITE: u64 = 1 << 6;
        const CACHE_MAINTENANCE: u64 = 1 << 8;
        match self.class() {
            class::INSTRUCTION_ABORT_EL0 | class::INSTRUCTION_ABORT_EL1 => Access::Execute,
            _ if self.0 & (WRITE | CACHE_MAINTENANCE) == WRITE => Access::Write,
            _ => Access::Read,
        }
    }

    const fn class_name(self) -> &'static str {
        match self.class() {
            0x00 => "unknown or undefined instruction",
            class::WFX => "trapped WFI or WFE",
            0x07 => "trapped FP or SIMD instruction",
            0x0d => "branch to a place that is no branch target",
            0x0e => "illegal execution state",
            0x15 => "SVC",
            0x16 => "HVC",
            0x17 => "SMC",
            0x18 => "trapped system register or instruction",
            0x19 => "trapped SVE instruction",
            0x1c => "pointer authentication failure",
            0x1d => "trapped SME instruction",
            class::INSTRUCTION_ABORT_EL0 => "instruction abort from EL0",
            class::INSTRUCTION_ABORT_EL1 => "instruction abort at EL1",
            class::PC_ALIGNMENT => "misaligned PC",
            class::DATA_ABORT_EL0 => "data abort from EL0",
            class::DATA_ABORT_EL1 => "data abort at EL1",
            class::SP_ALIGNMENT => "misaligned SP",
            0x27 => "memory copy or set instruction",
            class::FLOATING_POINT => "floating-point exception",
            0x2f => "SError",
            class::BREAKPOINT_EL0 | 0x31 => "hardware breakpoint",
            class::STEP_EL0 | 0x33 => "single step",
            class::WATCHPOINT_EL0 | 0x35 => "watchpoint",
            class::BRK => "BRK",
            _ => "unknown exception class",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Status::AddressSize(level) => write!(f, "address size fault at level {level}"),
            Status::Translation(level) => write!(f, "translation fault at level {level}"),
            Status::AccessFlag(level) => write!(f, "access flag fault at level {level}"),
            Status::Permission(level) => write!(f, "permission fault at level {level}"),
            Status::Alignment => f.write_str("alignment fault"),
            Status::External => f.write_str("external abort"),
            Status::ExternalOnWalk => f.write_str("external abort on a table walk"),
            Status::TagCheck => f.write_str("tag check fault"),
            Status::TlbConflict => f.write_str("TLB conflict"),
            Status::UnsupportedAtomic => f.write_str("exclusive or atomic access that is not supported"),
            Status::Other(code) => write!(f, "fault status {code:#04x}"),
        }
    }
}

/// The class in words; for an abort what was tried and why it failed; for the rest the syndrome.
impl fmt::Display for Esr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.class_name())?;
        if self.is_abort() {
            let tried = match self.access() {
                Access::Read => "read",
                Access::Write => "write",
                Access::Execute => "fetch",
            };
            write!(f, ", {tried}, {}", self.status())
        } else if self.class() == class::BRK {
            write!(f, " #{}", self.syndrome() & 0xffff)
        } else {
            Ok(())
        }
    }
}

impl fmt::Debug for Esr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x} ({self})", self.0)
    }
}
