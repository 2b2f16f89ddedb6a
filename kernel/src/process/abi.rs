//! Linux's structures that the kernel exchanges with programs and that `linux-raw-sys` has with pointers or padding in them; here
//! every byte has a name, so that none of the kernel's leaks out. Layouts are those of arm64.

use super::signal::Signal;

/// The version of Linux whose calls these are: programs refuse to run on one that is too old.
pub(crate) const RELEASE: &str = concat!("7.3.4-inarch-", env!("CARGO_PKG_VERSION"));
/// What `uname` tells of the kernel's build.
pub(crate) const VERSION: &str = "#1";
/// The machine's name.
pub(crate) const HOST_NAME: &str = "inarch";

/// `struct kernel_sigaction`: what `rt_sigaction` takes.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct SignalAction {
    /// Address of the handler, or `SIG_DFL` (0), or `SIG_IGN` (1).
    pub(crate) handler: u64,
    /// `SA_*`.
    pub(crate) flags: u64,
    /// Where the handler returns to with `SA_RESTORER`.
    pub(crate) restorer: u64,
    /// What is blocked while the handler runs.
    pub(crate) mask: u64,
}

/// `stack_t`: an alternate signal stack.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct SignalStack {
    /// Address of the lowest byte.
    pub(crate) base: u64,
    /// `SS_*`.
    pub(crate) flags: u32,
    /// Zero.
    pub(crate) padding: u32,
    /// In bytes.
    pub(crate) size: u64,
}

/// `siginfo_t`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct SignalInfo {
    number: i32,
    error: i32,
    code: i32,
    padding: i32,
    detail: u64,
    rest: [u64; 13],
}

impl SignalInfo {
    /// What is told of `signal`.
    pub(crate) fn of(signal: &Signal) -> Self {
        let number = signal.number.into();
        Self {
            number,
            error: 0,
            code: signal.code,
            padding: 0,
            detail: signal.detail,
            rest: [0; 13],
        }
    }
}

/// The part of `struct rt_sigframe` that is written: `siginfo`, `ucontext`, `sigcontext`, and three records of its `__reserved` area.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct SignalFrame {
    pub(crate) info: SignalInfo,
    /// `uc_flags`: where `ucontext` begins.
    pub(crate) flags: u64,
    pub(crate) link: u64,
    pub(crate) stack: SignalStack,
    pub(crate) blocked: u64,
    pub(crate) unused: [u64; 16],
    pub(crate) context: SignalContext,
    pub(crate) floating_point: FloatingPointRecord,
    pub(crate) syndrome: SyndromeRecord,
    pub(crate) end: [u64; 2],
}

/// `struct sigcontext`, up to `__reserved`.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct SignalContext {
    pub(crate) fault_address: u64,
    pub(crate) registers: [u64; 31],
    pub(crate) sp: u64,
    pub(crate) pc: u64,
    pub(crate) pstate: u64,
    pub(crate) padding: u64,
}

/// `struct fpsimd_context`.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct FloatingPointRecord {
    pub(crate) magic: u32,
    pub(crate) size: u32,
    pub(crate) fpsr: u32,
    pub(crate) fpcr: u32,
    pub(crate) vectors: [u128; 32],
}

/// `struct esr_context`.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct SyndromeRecord {
    pub(crate) magic: u32,
    pub(crate) size: u32,
    pub(crate) syndrome: u64,
}

/// `struct sysinfo`.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct SystemInfo {
    /// Seconds since power-on.
    pub(crate) uptime: u64,
    /// Load over 1, 5 and 15 minutes, times 2^16.
    pub(crate) loads: [u64; 3],
    /// Bytes of memory, in units of `unit`.
    pub(crate) total: u64,
    /// Of those, free.
    pub(crate) free: u64,
    /// Shared and buffer memory, swap and free swap.
    pub(crate) others: [u64; 4],
    /// The number of processes, and padding.
    pub(crate) processes: [u16; 4],
    /// High memory, and free high memory.
    pub(crate) high: [u64; 2],
    /// The unit of the sizes, in bytes, and padding.
    pub(crate) unit: [u32; 2],
}

const _: () = {
    assert!(size_of::<SignalInfo>() == 128);
    assert!(core::mem::offset_of!(SignalFrame, flags) == 128);
    assert!(core::mem::offset_of!(SignalFrame, context) == 304);
    assert!(core::mem::offset_of!(SignalFrame, floating_point) == 592);
    assert!(size_of::<FloatingPointRecord>() == 528);
    assert!(size_of::<SignalFrame>() == 592 + 528 + 16 + 16);
    assert!(size_of::<SystemInfo>() == 112);
};
