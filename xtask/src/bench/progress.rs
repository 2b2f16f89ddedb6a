//! How far a run has come: a bar on standard error, where that is a terminal.

use std::io::{IsTerminal, Write};
use std::time::Instant;

/// Cells of the bar.
const CELLS: usize = 24;

/// The bar of one run. It vanishes in the end.
pub(super) struct Progress {
    title: String,
    started: Instant,
    shown: bool,
    rows: usize,
    done: usize,
    /// The line that is not complete yet.
    rest: String,
}

impl Progress {
    /// A run that is about to begin.
    pub(super) fn new(title: String) -> Self {
        let progress = Progress {
            title,
            started: Instant::now(),
            shown: std::io::stderr().is_terminal(),
            rows: 0,
            done: 0,
            rest: String::new(),
        };
        progress.draw("boots");
        progress
    }

    /// Looks at what the program prints.
    pub(super) fn saw(&mut self, text: &str) {
        self.rest.push_str(text);
        while let Some((line, rest)) = self.rest.split_once('\n') {
            let (line, rest) = (line.trim().to_owned(), rest.to_owned());
            self.rest = rest;
            if let Some(line) = line.strip_prefix("bench ") {
                self.line(line);
            }
        }
    }

    fn line(&mut self, line: &str) {
        match line.split_once(' ') {
            Some(("rows", number)) => self.rows = number.parse().unwrap_or(0),
            Some(("system" | "unit", _)) | None => {}
            Some((name, _)) => {
                self.done += 1;
                self.draw(name);
            }
        }
    }

    fn draw(&self, what: &str) {
        if !self.shown {
            return;
        }
        let full = (self.done * CELLS).checked_div(self.rows).unwrap_or(0).min(CELLS);
        let bar = format!("{}{}", "█".repeat(full), "░".repeat(CELLS - full));
        let seconds = self.started.elapsed().as_secs();
        let line = format!(
            "{} {bar} {}/{} {seconds} s  {what}",
            self.title, self.done, self.rows
        );
        let columns = terminal_size::terminal_size().map_or(80, |(columns, _)| usize::from(columns.0));
        let line: String = line.chars().take(columns.saturating_sub(1)).collect();
        // Whoever doesn't see it misses nothing.
        let _ = write!(std::io::stderr(), "\r\x1b[2K{line}").and_then(|()| std::io::stderr().flush());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            // As above.
            let _ = write!(std::io::stderr(), "\r\x1b[2K");
        }
    }
}
