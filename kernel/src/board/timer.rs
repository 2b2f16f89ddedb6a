//! Time since boot, and one interrupt in the future.

use core::time::Duration;

use crate::arch;

const NANOS: u64 = 1_000_000_000;

/// The time since the counter began, which on every known machine is power-on.
pub(crate) fn since_boot() -> Duration {
    let (ticks, frequency) = (arch::timer::now(), frequency());
    // The rest is less than the frequency, so that the product stays below 2^63 for any frequency up to 9 GHz.
    let nanos = ticks % frequency * NANOS / frequency;
    Duration::new(ticks / frequency, nanos as u32)
}

/// Asks for an interrupt `wait` from now, in place of any that was asked for before. It comes where the kernel takes
/// interrupts: in a program, or where it waits.
pub(crate) fn interrupt_after(wait: Duration) {
    let frequency = frequency();
    let whole = wait.as_secs().saturating_mul(frequency);
    let part = u64::from(wait.subsec_nanos()) * frequency / NANOS;
    arch::timer::set_deadline(arch::timer::now().saturating_add(whole).saturating_add(part));
}

/// Takes back the interrupt that was asked for.
pub(crate) fn cancel() {
    arch::timer::clear_deadline();
}

/// The interrupt came: it is not wanted again until it is asked for again.
pub(super) fn expired() {
    cancel();
}

/// Ticks a second. Where firmware left the register at zero, time is counted in ticks of a nanosecond.
fn frequency() -> u64 {
    match arch::timer::frequency() {
        0 => NANOS,
        frequency => frequency,
    }
}

crate::ktest! {
    /// The interrupt asked for arrives, not before its time, and only once.
    fn the_timer_interrupts_once() {
        use super::interrupts::taken;
        let (before, begun) = (taken(), since_boot());
        interrupt_after(Duration::from_millis(2));
        while taken() == before {
            arch::interrupts::wait();
        }
        assert!(since_boot() - begun >= Duration::from_millis(2));
        interrupt_after(Duration::from_secs(3600));
        cancel();
        let begun = since_boot();
        while since_boot() - begun < Duration::from_millis(2) {}
        assert_eq!(taken(), before + 1);
    }

    /// Time goes forward.
    fn time_goes_on() {
        let begun = since_boot();
        while since_boot() == begun {}
        assert!(since_boot() > begun && since_boot() < Duration::from_secs(3600));
    }
}
