//! The exception vectors.

use aarch64_cpu::asm::barrier;
use aarch64_cpu::registers::{VBAR_EL1, Writeable};

core::arch::global_asm!(include_str!("vectors.s"));

unsafe extern "C" {
    /// The table itself, 2 KiB-aligned.
    static exception_vectors: u8;
}

/// Makes this core take its exceptions by the kernel's vectors.
pub(super) fn install() {
    VBAR_EL1.set((&raw const exception_vectors).addr() as u64);
    barrier::isb(barrier::SY);
}
