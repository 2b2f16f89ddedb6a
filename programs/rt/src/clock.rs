//! What a tick of the counter is worth.

#![cfg(target_os = "none")]

use core::arch::asm;

use crate::{counter, frequency};

/// What figures read from the counter are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// The counter counts instructions: so many to a tick.
    Instructions {
        /// 1 on QEMU's `max` (1 GHz), 16 on its `cortex-a72` and others (62.5 MHz).
        per_tick: u64,
    },
    /// The counter counts time: a tick is not an instruction.
    Time {
        /// Ticks in a second.
        frequency: u64,
    },
}

/// Rounds of the loop that is measured, of two instructions each.
const ROUNDS: u64 = 50_000;

impl Clock {
    /// Finds out by measuring a loop whose instructions are known.
    ///
    /// Under QEMU's `-icount shift=0` an instruction takes one nanosecond of the machine's time, so the loop takes exactly
    /// as many ticks as its instructions fill. On a clock of time that coincidence does not happen, let alone twice.
    pub fn calibrate() -> Clock {
        let frequency = frequency();
        let time = Clock::Time { frequency };
        let per_tick = match frequency {
            0 => return time,
            frequency => 1_000_000_000 / frequency,
        };
        // An interrupt can fall into a run, so two of five must be exact, give or take the reading of the counter.
        let exact = |ticks: u64| (2 * ROUNDS..2 * ROUNDS + 64).contains(&(ticks * per_tick));
        let runs = [(); 5].map(|()| loop_ticks());
        if per_tick > 0 && runs.into_iter().filter(|&ticks| exact(ticks)).count() >= 2 {
            Clock::Instructions { per_tick }
        } else {
            time
        }
    }

    /// A number of ticks as instructions, or as it is on a clock of time.
    pub fn figure(self, ticks: u64) -> u64 {
        match self {
            Clock::Instructions { per_tick } => ticks * per_tick,
            Clock::Time { .. } => ticks,
        }
    }
}

fn loop_ticks() -> u64 {
    let start = counter();
    // SAFETY: counts a register down to zero.
    unsafe {
        asm!("2: subs {0}, {0}, #1", "b.ne 2b", inout(reg) ROUNDS => _, options(nomem, nostack));
    }
    counter() - start
}
