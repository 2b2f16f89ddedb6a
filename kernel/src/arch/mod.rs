//! The processor: exceptions, context switch, TLB and cache instructions, timer, CPU features.
//!
//! A system register is reached here and in `boot`, in one place each.

pub(crate) mod address;
pub(crate) mod backtrace;
pub(crate) mod cache;
pub(crate) mod context;
pub(crate) mod cpu;
pub(crate) mod esr;
mod exception;
mod fault;
mod frame;
pub(crate) mod hwcap;
pub(crate) mod interrupts;
mod memcpy;
mod memmove;
pub(crate) mod pages;
#[cfg(feature = "ktest")]
mod testing;
pub(crate) mod thread;
pub(crate) mod timer;
pub(crate) mod tlb;
pub(crate) mod user;
pub(crate) mod user_tables;
mod vectors;

pub(crate) use context::{Context, FpState, enter_user, switch};
pub(crate) use fault::{Cause, Fault};
pub(crate) use frame::UserFrame;

/// Sets up this core for the kernel, as far as boot hasn't.
///
/// # Safety
/// Called once, first of all.
pub(crate) unsafe fn init() {
    vectors::install();
    // SAFETY: the caller's promise.
    unsafe { cpu::init() };
    user_tables::init();
}

/// Stops this core for good, interrupts masked.
pub(crate) fn halt() -> ! {
    loop {
        aarch64_cpu::asm::wfi();
    }
}

/// Wakes the cores that wait for an event. What this core wrote before comes before it.
pub(crate) fn send_event() {
    aarch64_cpu::asm::barrier::dsb(aarch64_cpu::asm::barrier::SY);
    aarch64_cpu::asm::sev();
}

/// Says that this core waits for another. An emulator that runs one at a time goes on with that.
pub(crate) fn let_others_run() {
    // SAFETY: a hint.
    unsafe { core::arch::asm!("yield", options(nomem, nostack, preserves_flags)) };
}
