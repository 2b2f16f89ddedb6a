//! How far a run is.

use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use crate::progress;

/// The steps of a bar.
const STEPS: f64 = 1000.0;
/// How often the time is written anew.
const TICK: Duration = Duration::from_millis(500);

/// A bar that makes room for what is told between.
pub(super) struct Progress {
    started: Instant,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// With nothing shown yet.
    pub(super) fn new() -> Self {
        Progress {
            started: Instant::now(),
            bar: None,
        }
    }

    /// The time since the beginning.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Shows what part is done, 0 to 1, and a text.
    pub(super) fn show(&mut self, part: f64, text: &str) {
        let elapsed = self.elapsed();
        let bar = self.bar.get_or_insert_with(|| {
            let bar = progress::bar("{bar:24} {elapsed_precise} {wide_msg}").with_elapsed(elapsed);
            bar.set_length(STEPS as u64);
            bar.enable_steady_tick(TICK);
            bar
        });
        bar.set_position((part.clamp(0.0, 1.0) * STEPS) as u64);
        bar.set_message(text.to_owned());
    }

    /// Takes the bar away, so that something else can be printed.
    pub(super) fn hide(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}
