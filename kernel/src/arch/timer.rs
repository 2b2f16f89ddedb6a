//! The generic timer: the virtual counter, and the virtual timer's interrupt of this core.

use aarch64_cpu::asm::barrier;
use aarch64_cpu::registers::{CNTFRQ_EL0, CNTV_CTL_EL0, CNTV_CVAL_EL0, CNTVCT_EL0, Readable, Writeable};

/// Ticks of the counter since some moment before the kernel started. Not read ahead of what comes before.
pub(crate) fn now() -> u64 {
    barrier::isb(barrier::SY);
    CNTVCT_EL0.get()
}

/// Ticks a second: what firmware or the machine says, 19.2 MHz to 1 GHz. Zero where firmware said nothing.
pub(crate) fn frequency() -> u64 {
    CNTFRQ_EL0.get()
}

/// Raises the virtual timer's interrupt as soon as the counter is at `deadline` or past it, until the next call here.
pub(crate) fn set_deadline(deadline: u64) {
    CNTV_CVAL_EL0.set(deadline);
    CNTV_CTL_EL0.write(CNTV_CTL_EL0::ENABLE::SET + CNTV_CTL_EL0::IMASK::CLEAR);
    barrier::isb(barrier::SY);
}

/// Takes the timer's interrupt back.
pub(crate) fn clear_deadline() {
    CNTV_CTL_EL0.write(CNTV_CTL_EL0::ENABLE::CLEAR);
    barrier::isb(barrier::SY);
}
