//! The counter that every figure is read from.

use core::arch::asm;

/// Reads the virtual counter, `CNTVCT_EL0`, after everything before it has been executed.
///
/// Under QEMU's `-icount shift=0` on `-cpu max` a tick is an instruction. On an x86-64 host it is the time-stamp counter.
#[inline(always)]
pub fn counter() -> u64 {
    let ticks: u64;
    #[cfg(target_arch = "aarch64")]
    // SAFETY: reads a register. The barrier keeps the read in its place (Arm ARM D12.2.2); not `nomem`, so that the
    // compiler moves no memory access across it.
    unsafe {
        asm!("isb", "mrs {}, cntvct_el0", out(reg) ticks, options(nostack, preserves_flags));
    }
    #[cfg(target_arch = "x86_64")]
    {
        let (low, high): (u64, u64);
        // SAFETY: reads a register that the kernel leaves open to programs.
        unsafe { asm!("lfence", "rdtsc", out("rax") low, out("rdx") high, options(nostack)) };
        ticks = high << 32 | low;
    }
    ticks
}

/// Ticks of the counter in a second, as the firmware says (`CNTFRQ_EL0`); 0 where nobody says.
pub fn frequency() -> u64 {
    #[cfg(target_arch = "aarch64")]
    {
        let frequency: u64;
        // SAFETY: reads a register without side effects.
        unsafe { asm!("mrs {}, cntfrq_el0", out(reg) frequency, options(nomem, nostack, preserves_flags)) };
        frequency
    }
    #[cfg(target_arch = "x86_64")]
    0
}
