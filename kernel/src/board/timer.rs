//! Time since boot, for the log. When the timer interrupts is the scheduler's to say.

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

/// Lets `time` pass.
pub(crate) fn spin(time: Duration) {
    let end = since_boot() + time;
    while since_boot() < end {
        arch::let_others_run();
    }
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
        let (before, deadline) = (taken(), arch::timer::now() + frequency() / 500);
        arch::timer::set_deadline(deadline);
        while taken() == before {
            arch::interrupts::wait();
        }
        assert!(arch::timer::now() >= deadline);
        arch::timer::set_deadline(deadline + 3600 * frequency());
        arch::timer::clear_deadline();
        while arch::timer::now() < deadline + frequency() / 500 {}
        assert_eq!(taken(), before + 1);
    }

    /// Time goes forward.
    fn time_goes_on() {
        let begun = since_boot();
        while since_boot() == begun {}
        // Ten years: a board on a cable may have been on for long.
        assert!(since_boot() > begun && since_boot() < Duration::from_secs(10 * 365 * 24 * 3600));
    }
}
