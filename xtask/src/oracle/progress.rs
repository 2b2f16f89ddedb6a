//! How far a run is: one line that is written again and again, where standard error is a terminal.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use owo_colors::OwoColorize;

/// Columns of the bar.
const WIDTH: usize = 30;

/// The line.
pub(super) struct Progress {
    terminal: bool,
    started: Instant,
    /// Whether a line stands there.
    shown: bool,
}

impl Progress {
    /// With nothing shown yet.
    pub(super) fn new() -> Self {
        Progress {
            terminal: std::io::stderr().is_terminal(),
            started: Instant::now(),
            shown: false,
        }
    }

    /// The time since the beginning.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Shows what part is done, 0 to 1, and a text.
    pub(super) fn show(&mut self, part: f64, text: &str) {
        if !self.terminal {
            return;
        }
        let line = format!("{} {} {text}", bar(part), clock(self.elapsed()));
        let columns = terminal_size::terminal_size_of(std::io::stderr()).map_or(80, |(width, _)| width.0);
        let line: String = line.chars().take(usize::from(columns) - 1).collect();
        anstream::eprint!("\r\x1b[K{}", line.dimmed());
        std::io::stderr().flush().ok();
        self.shown = true;
    }

    /// Takes the line away, so that something else can be printed.
    pub(super) fn hide(&mut self) {
        if std::mem::take(&mut self.shown) {
            anstream::eprint!("\r\x1b[K");
            std::io::stderr().flush().ok();
        }
    }
}

fn bar(part: f64) -> String {
    let filled = (part.clamp(0.0, 1.0) * WIDTH as f64) as usize;
    format!("[{}{}]", "=".repeat(filled), " ".repeat(WIDTH - filled))
}

fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_have_one_width() {
        let lengths: Vec<usize> = [-1.0, 0.0, 0.5, 1.0, 7.0].map(|part| bar(part).len()).to_vec();
        assert!(lengths.iter().all(|length| *length == WIDTH + 2));
        assert_eq!(clock(Duration::from_secs(605)), "10:05");
    }
}
