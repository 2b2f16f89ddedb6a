//! The processor: exceptions, context switch, TLB and cache instructions, timer, CPU features.

mod vectors;

/// Sets up this core for the kernel, as far as boot hasn't: the exception vectors.
pub(crate) fn init() {
    vectors::install();
}

/// Stops this core for good, interrupts masked.
pub(crate) fn halt() -> ! {
    loop {
        aarch64_cpu::asm::wfi();
    }
}
