//! Clocks: nanoseconds from the generic timer's counter, by the same two numbers as the vdso uses.

use crate::arch::timer;
use crate::board;
use crate::sync::Once;

/// Nanoseconds in a second.
pub(crate) const SECOND: u64 = 1_000_000_000;

/// From counter ticks to time. The vdso reads these words from the page `[vvar]`: keep its order.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Clock {
    /// Nanoseconds a tick, times 2^32.
    multiplier: u64,
    /// Nanoseconds from 1970 to the counter's zero.
    wall: u64,
}

static CLOCK: Once<Clock> = Once::new();

/// The clock that everything is told by.
pub(crate) fn clock() -> &'static Clock {
    CLOCK.call_once(|| Clock::new(timer::frequency(), board::seconds_since_1970()))
}

impl Clock {
    /// A clock for a counter of `frequency` ticks a second (0 where firmware said nothing, which is taken for 1 GHz), when it is `now`
    /// seconds since 1970.
    fn new(frequency: u64, now: u64) -> Self {
        let frequency = if frequency == 0 { SECOND } else { frequency };
        let multiplier = ((u128::from(SECOND) << 32) / u128::from(frequency)) as u64;
        let mut clock = Self { multiplier, wall: 0 };
        clock.wall = now.saturating_mul(SECOND).saturating_sub(clock.since_boot());
        clock
    }

    /// Nanoseconds since power-on (`CLOCK_MONOTONIC`, `CLOCK_BOOTTIME`).
    pub(crate) fn since_boot(&self) -> u64 {
        self.duration(timer::now())
    }

    /// Nanoseconds since 1970 (`CLOCK_REALTIME`).
    pub(crate) fn wall(&self) -> u64 {
        self.wall + self.since_boot()
    }

    /// The counter's value at `nanoseconds` after power-on, rounded up; the far future where it has none.
    pub(crate) fn ticks_at(&self, nanoseconds: u64) -> u64 {
        let ticks = (u128::from(nanoseconds) << 32).div_ceil(u128::from(self.multiplier));
        u64::try_from(ticks).unwrap_or(u64::MAX)
    }

    /// From the wall clock's time to time since power-on.
    pub(crate) fn since_boot_at(&self, nanoseconds: u64) -> u64 {
        nanoseconds.saturating_sub(self.wall)
    }

    /// The words of the page `[vvar]`.
    pub(crate) fn words(&self) -> [u64; 2] {
        [self.multiplier, self.wall]
    }

    /// From ticks of the counter to nanoseconds.
    pub(crate) fn duration(&self, ticks: u64) -> u64 {
        ((u128::from(ticks) * u128::from(self.multiplier)) >> 32) as u64
    }
}
