//! Interrupts of this core: masked, unmasked, waited for. The controller is the board's.

use aarch64_cpu::asm::barrier;
use aarch64_cpu::registers::{DAIF, Readable};

/// Whether interrupts were masked: what [`mask`] found and [`restore`] brings back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "interrupts stay masked until this is restored"]
pub(crate) struct Masked(u64);

/// Masks interrupts.
pub(crate) fn mask() -> Masked {
    let before = DAIF.get();
    // SAFETY: masking an interrupt puts it off; it takes nothing from memory safety.
    unsafe { core::arch::asm!("msr daifset, #2", options(nostack)) };
    Masked(before)
}

/// Brings back what [`mask`] found.
pub(crate) fn restore(before: Masked) {
    // SAFETY: handlers touch only what is locked against them. The compiler takes it for an access to memory, so that what was locked
    // is free by then: the crate `aarch64-cpu` would tell it that a register's value is all there is to this.
    unsafe { core::arch::asm!("msr daif, {}", in(reg) before.0, options(nostack)) };
}

/// Whether an interrupt would be taken now.
#[cfg(feature = "ktest")]
pub(crate) fn are_unmasked() -> bool {
    !DAIF.is_set(DAIF::I)
}

/// Stops this core until there is an interrupt, takes it, and leaves interrupts masked, as they must be before.
/// An interrupt that came before the call is not waited for.
pub(crate) fn wait() {
    barrier::dsb(barrier::SY);
    aarch64_cpu::asm::wfi();
    // SAFETY: handlers touch only what is locked against them.
    unsafe { core::arch::asm!("msr daifclr, #2", "isb", "msr daifset, #2", options(nostack)) };
}
