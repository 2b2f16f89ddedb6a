//! The registers of a program, or of interrupted kernel code, as the exception entry saves them.

use core::fmt;
use core::mem::offset_of;

/// The general registers of a program while the kernel runs for it. Lies at the top of the thread's kernel stack; what it holds
/// on the way out is what the program goes on with.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UserFrame {
    /// `x0` to `x30`.
    pub(crate) x: [u64; 31],
    /// The stack pointer.
    pub(crate) sp: u64,
    /// Where the program goes on. After a system call that is the instruction behind SVC, after a fault the one that faulted.
    pub(crate) pc: u64,
    /// Only what EL0 may have: see [`UserFrame::set_pstate`].
    pstate: u64,
}

/// The flags N, Z, C and V, and DIT, SSBS, BTYPE and TCO: what a program may set of its PSTATE, by a signal frame for instance. AArch64
/// EL0 with no exception masked is what zeros elsewhere mean (Arm ARM, SPSR_EL1).
const USER_PSTATE: u64 = 0xf000_0000 | 1 << 25 | 1 << 24 | 1 << 12 | 3 << 10;

/// PSTATE.F. Nothing that the kernel drives raises an FIQ, so that one that comes is firmware's, left behind: it stays masked at every
/// level. Programs don't see that.
const FIQ_MASKED: u64 = 1 << 6;

impl UserFrame {
    /// The registers of a program that starts: all zero but these.
    pub(crate) const fn new(pc: u64, sp: u64) -> Self {
        Self {
            x: [0; 31],
            sp,
            pc,
            pstate: FIQ_MASKED,
        }
    }

    /// The processor state, as a program is to see it.
    pub(crate) const fn pstate(&self) -> u64 {
        self.pstate & !FIQ_MASKED
    }

    /// Sets the processor state as far as a program may: an exception level or a mask that it asks for is ignored.
    pub(crate) const fn set_pstate(&mut self, pstate: u64) {
        self.pstate = pstate & USER_PSTATE | FIQ_MASKED;
    }
}

/// The registers of the kernel where an exception interrupted it.
#[repr(C)]
#[derive(Debug)]
pub(super) struct KernelFrame {
    /// The same registers as a program's.
    pub(super) registers: UserFrame,
    /// A frame record (AAPCS64, 6.4.6): the interrupted function's frame pointer and the interrupted instruction, so that a call
    /// stack goes on across the exception.
    record: [u64; 2],
}

// What vectors.s counts on.
const _: () = {
    assert!(size_of::<UserFrame>() == 272 && size_of::<KernelFrame>() == 288);
    assert!(offset_of!(UserFrame, sp) == 248 && offset_of!(UserFrame, pc) == 256);
    assert!(offset_of!(UserFrame, pstate) == 264 && offset_of!(KernelFrame, record) == 272);
};

/// A dump, four registers a line.
impl fmt::Display for UserFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { x, sp, pc, pstate } = self;
        write!(f, "  pc  {pc:016x}  sp  {sp:016x}  pstate {pstate:08x}")?;
        for (row, values) in x.chunks(4).enumerate() {
            writeln!(f)?;
            for (column, value) in values.iter().enumerate() {
                let name = row * 4 + column;
                write!(f, "  x{name:<2} {value:016x}")?;
            }
        }
        Ok(())
    }
}

crate::ktest! {
    /// A program runs with FIQs masked, whatever it asks for, and doesn't see it; so does the kernel.
    fn fiqs_are_masked_everywhere() {
        use aarch64_cpu::registers::{DAIF, Readable};
        let mut frame = UserFrame::new(0, 0);
        for pstate in [0, 0x6000_0000] {
            assert_eq!(frame.pstate & 0x3df, FIQ_MASKED);
            assert_eq!(frame.pstate() & 0x3df, 0);
            frame.set_pstate(pstate);
            assert_eq!(frame.pstate(), pstate);
        }
        assert!(DAIF.is_set(DAIF::F));
    }
}
