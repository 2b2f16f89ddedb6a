//! What came out of a run.

use std::collections::BTreeMap;
use std::process::ExitCode;

use owo_colors::OwoColorize;

/// Rows of the table of conditions in `docs/mremap.md` that a run long enough must meet.
const ROWS: [u8; 21] = [
    1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 15, 16, 17, 19, 20, 21, 22, 23, 24,
];
/// The last of them: commit limits.
const COMMIT: u8 = 26;
/// What must become of moves of several mappings in a run long enough.
const SEVERAL: [&str; 9] = [
    "moved-whole",
    "moved-with-gaps",
    "gap-keeps-target",
    "gap-first",
    "refused-kind-first",
    "refused-kind-later",
    "sealed-source-later",
    "sealed-target-later",
    "limit-on-the-way",
];

/// What came out.
#[derive(Default)]
pub(super) struct Report {
    /// Seeds that were compared.
    pub(super) seeds: u64,
    /// Scripts of a file that were.
    pub(super) scripts: usize,
    /// By call and answer, by row, and by outcome: how often.
    pub(super) counts: BTreeMap<String, u64>,
    /// By signature: how often it was new.
    pub(super) new: BTreeMap<String, u64>,
    /// By name: how often a known difference was met.
    pub(super) known: BTreeMap<String, u64>,
    /// What else was wrong.
    pub(super) troubles: Vec<String>,
}

impl Report {
    /// What a complete run must have met and this one hasn't.
    pub(super) fn gaps(&self) -> Vec<String> {
        let rows = ROWS.iter().chain([&COMMIT]).map(|row| format!("row {row}"));
        let several = SEVERAL.iter().map(|name| format!("several {name}"));
        rows.chain(several).filter(|name| self.count(name) == 0).collect()
    }

    fn count(&self, name: &str) -> u64 {
        self.counts.get(name).copied().unwrap_or(0)
    }

    /// Prints all of it; `complete` is whether the run is one that must have met everything.
    pub(super) fn print(&self, complete: bool) -> ExitCode {
        self.print_answers();
        println!();
        self.print_pairs("refused by the rows of docs/mremap.md", "row ");
        self.print_pairs("moves of several mappings", "several ");
        for (name, count) in &self.known {
            println!("known difference `{name}`: {count} times");
        }
        for (signature, count) in &self.new {
            anstream::println!("{} {signature}: {count} times", "difference".red());
        }
        for trouble in &self.troubles {
            anstream::println!("{} {trouble}", "trouble".red());
        }
        let gaps = if complete { self.gaps() } else { Vec::new() };
        if !gaps.is_empty() {
            anstream::println!("{} {}", "never met:".red(), gaps.join(", "));
        }
        println!("{}", self.closing_line());
        match self.new.is_empty() && self.troubles.is_empty() && gaps.is_empty() {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        }
    }

    fn closing_line(&self) -> String {
        let compared = match self.scripts {
            0 => format!("{} seeds", self.seeds),
            scripts => format!("{scripts} scripts"),
        };
        let mut line = format!(
            "{compared}, {} calls, {} new differences",
            self.calls(),
            self.new.len()
        );
        if !self.troubles.is_empty() {
            line += &format!(", {} troubles", self.troubles.len());
        }
        line
    }

    /// How many calls were compared.
    fn calls(&self) -> u64 {
        let is_call = |name: &str| !name.starts_with("row ") && !name.starts_with("several ");
        let calls = self.counts.iter().filter(|(name, _)| is_call(name));
        calls.map(|(_, count)| count).sum()
    }

    /// One line for each call: its answers, and how often each was.
    fn print_answers(&self) {
        let mut calls: BTreeMap<&str, Vec<(&str, u64)>> = BTreeMap::new();
        for (name, &count) in &self.counts {
            if let Some((call, answer)) = name.split_once(' ')
                && !matches!(call, "row" | "several")
            {
                calls.entry(call).or_default().push((answer, count));
            }
        }
        for (call, mut answers) in calls {
            answers.sort_by_key(|&(answer, count)| (answer != "ok", std::cmp::Reverse(count)));
            let answers: Vec<String> = answers
                .iter()
                .map(|(answer, count)| format!("{answer} {count}"))
                .collect();
            println!("{call:<18} {}", answers.join("  "));
        }
    }

    fn print_pairs(&self, title: &str, prefix: &str) {
        let mut pairs: Vec<(&str, u64)> = self
            .counts
            .iter()
            .filter_map(|(name, count)| Some((name.strip_prefix(prefix)?, *count)))
            .filter(|(name, _)| *name != "0")
            .collect();
        pairs.sort_by_key(|(name, _)| (name.parse::<u32>().ok(), *name));
        let texts: Vec<String> = pairs
            .iter()
            .map(|(name, count)| format!("{name}: {count}"))
            .collect();
        if !texts.is_empty() {
            println!("{title}: {}", texts.join("  "));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_met_is_told() {
        let mut report = Report::default();
        assert_eq!(report.gaps().len(), ROWS.len() + 1 + SEVERAL.len());
        for name in report.gaps() {
            report.counts.insert(name, 1);
        }
        report.counts.insert("mremap ok".to_owned(), 5);
        assert!(report.gaps().is_empty());
        report.seeds = 2;
        assert_eq!(report.closing_line(), "2 seeds, 5 calls, 0 new differences");
    }

    #[test]
    fn scripts_of_a_file_and_troubles_are_counted() {
        let report = Report {
            scripts: 1,
            troubles: vec!["not answered".to_owned()],
            ..Report::default()
        };
        assert_eq!(
            report.closing_line(),
            "1 scripts, 0 calls, 0 new differences, 1 troubles"
        );
    }
}
