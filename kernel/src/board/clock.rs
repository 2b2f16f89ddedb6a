//! The real-time clock.

use arm_pl031::Rtc;

use super::description;
use crate::memory;

/// Seconds since the beginning of 1970, UTC, by the machine's clock; 0 on a machine without one.
pub(crate) fn seconds_since_1970() -> u64 {
    let Some(window) = description().clock.and_then(memory::map_device) else {
        return 0;
    };
    // SAFETY: the window maps the registers of a PL031, and only its data register is read.
    unsafe { Rtc::new(window.as_ptr().cast()) }
        .get_unix_timestamp()
        .into()
}

crate::ktest! {
    /// The clock of an emulated machine is not behind this test's first day.
    fn the_clock_is_set() {
        const IN_2020: u64 = 50 * 365 * 24 * 3600;
        assert!(description().clock.is_none() || seconds_since_1970() > IN_2020);
    }
}
