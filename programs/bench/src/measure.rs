//! A measurement: one call between two readings of the counter, several times over.

use core::arch::global_asm;

use rt::{counter, print, println};

use crate::counters::Counters;
use crate::stopped::Stopped;

/// How often each row is measured. The least is the row's figure: interrupts fall into a call, and what a first call sets up
/// for later ones is there in the second.
const REPEATS: usize = 3;

// Where a profiler stops: before the first reading of the counter, and after the second.
global_asm!(
    ".globl bench_begin",
    ".type bench_begin, %function",
    "bench_begin: ret",
    ".size bench_begin, . - bench_begin",
    ".globl bench_end",
    ".type bench_end, %function",
    "bench_end: ret",
    ".size bench_end, . - bench_end",
);

unsafe extern "C" {
    safe fn bench_begin();
    safe fn bench_end();
}

/// What one repeat has cost.
pub(crate) struct Sample {
    ticks: u64,
    before: Counters,
    after: Counters,
}

/// Measures `work`; gives what it has answered, too. It must cause no page fault that isn't to be counted.
#[inline(always)]
pub(crate) fn measure<T>(work: impl FnOnce() -> T) -> (Sample, T) {
    let before = Counters::read();
    bench_begin();
    let start = counter();
    let answer = work();
    let ticks = counter() - start;
    bench_end();
    let after = Counters::read();
    let sample = Sample { ticks, before, after };
    (sample, answer)
}

/// All repeats of a row.
pub(crate) struct Samples {
    ticks: [u64; REPEATS],
    cheapest: Sample,
}

impl Samples {
    /// Lets `once` set up, measure and clean up, several times.
    pub(crate) fn take(mut once: impl FnMut() -> Result<Sample, Stopped>) -> Result<Samples, Stopped> {
        let first = once()?;
        let mut samples = Samples {
            ticks: [first.ticks; REPEATS],
            cheapest: first,
        };
        for repeat in 1..REPEATS {
            let sample = once()?;
            samples.ticks[repeat] = sample.ticks;
            // Of equals the last: the first has had to set up things.
            if sample.ticks <= samples.cheapest.ticks {
                samples.cheapest = sample;
            }
        }
        Ok(samples)
    }

    /// Prints the row's line.
    pub(crate) fn print(&self, name: &str) {
        print!("bench {name} ticks");
        for ticks in self.ticks {
            print!(" {ticks}");
        }
        for (counter, count) in self.cheapest.after.since(&self.cheapest.before) {
            if count > 0 {
                print!(" {counter}={count}");
            }
        }
        println!();
    }
}
