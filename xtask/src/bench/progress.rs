//! How far a machine that measures has come, by what it prints.

use std::time::Duration;

use indicatif::ProgressBar;

use crate::progress;

/// How often the time is written anew.
const TICK: Duration = Duration::from_millis(500);

/// The bar of one run. It vanishes in the end.
pub(super) struct Progress {
    bar: ProgressBar,
    /// The line that is not complete yet.
    rest: String,
}

impl Progress {
    /// A run that is about to begin.
    pub(super) fn new(title: String) -> Self {
        let bar = progress::bar("{prefix} {bar:24} {pos}/{len} {elapsed} {wide_msg}")
            .with_prefix(title)
            .with_message("boots");
        bar.enable_steady_tick(TICK);
        Progress {
            bar,
            rest: String::new(),
        }
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
            Some(("rows", number)) => self.bar.set_length(number.parse().unwrap_or(0)),
            Some(("system" | "unit", _)) | None => {}
            Some((name, _)) => {
                self.bar.set_message(name.to_owned());
                self.bar.inc(1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_however_they_come() {
        let mut progress = Progress::new("Inarch".to_owned());
        for piece in [
            "noise\nbench sys",
            "tem x\nbench unit 1\nbench rows 3\r\nbench fault ti",
            "cks 5\n",
        ] {
            progress.saw(piece);
        }
        assert_eq!((progress.bar.length(), progress.bar.position()), (Some(3), 1));
        assert_eq!(progress.bar.message(), "fault");
    }
}
