//! What the program `bench` prints, read back.

use anyhow::{Context, Result, bail};

/// How a line of the program begins.
const PREFIX: &str = "bench ";

/// How many lines of a machine that has failed are shown.
const LAST_LINES: usize = 30;

/// What one boot has measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// The kernel's name and release.
    pub(super) system: String,
    /// The rows, in the program's order.
    pub(super) rows: Vec<(String, Outcome)>,
}

/// What came of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Figures.
    Measured(Measured),
    /// None, and why.
    NotMeasured(String),
}

/// The figures of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Measured {
    /// Of each repeat: instructions, or bytes for an image.
    pub(super) repeats: Vec<u64>,
    /// The kernel's own counts of the cheapest repeat, those that are not 0.
    pub(super) counters: Vec<(String, u64)>,
}

impl Measured {
    /// A figure of its own.
    pub(super) fn single(figure: u64) -> Self {
        Measured {
            repeats: vec![figure],
            counters: Vec::new(),
        }
    }

    /// The row's figure: interrupts and what only a first call does are not part of it.
    pub(super) fn least(&self) -> u64 {
        self.repeats.iter().copied().min().unwrap_or(0)
    }

    /// The dearest repeat.
    pub(super) fn most(&self) -> u64 {
        self.repeats.iter().copied().max().unwrap_or(0)
    }

    /// One of the kernel's counts.
    pub(super) fn counter(&self, name: &str) -> u64 {
        let found = self.counters.iter().find(|(known, _)| known == name);
        found.map_or(0, |(_, count)| *count)
    }
}

impl Outcome {
    /// The figures, if there are any.
    pub(super) fn measured(&self) -> Option<&Measured> {
        match self {
            Outcome::Measured(measured) => Some(measured),
            Outcome::NotMeasured(_) => None,
        }
    }
}

impl Run {
    /// Reads everything that a machine has printed; what isn't the program's is passed over.
    pub(super) fn parse(text: &str) -> Result<Run> {
        let (mut system, mut unit, mut ended) = (String::new(), None, false);
        let mut rows = Vec::new();
        for line in text.lines().filter_map(|line| line.strip_prefix(PREFIX)) {
            match line.split_once(' ').unwrap_or((line, "")) {
                ("system", name) => system = own_name(name),
                ("unit", number) => unit = Some(number.parse()?),
                ("rows", _) => {}
                ("end", _) => ended = true,
                (name, rest) => rows.push((name.to_owned(), outcome(rest, unit.unwrap_or(0))?)),
            }
        }
        match unit {
            None => bail!("the program did not begin to measure:\n{}", last_words(text)),
            Some(0) => bail!("the counter counts time, not instructions"),
            Some(_) if !ended => bail!("the program did not get through:\n{}", last_words(text)),
            Some(_) => Ok(Run { system, rows }),
        }
    }
}

/// The last lines that a machine has printed.
pub(super) fn last_words(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
}

/// Inarch's release is that of the Linux whose calls it has, and its own.
fn own_name(system: &str) -> String {
    match system.split_once("-inarch-") {
        Some((_, own)) => format!("Inarch {own}"),
        None => system.to_owned(),
    }
}

/// `ticks A B C counter=value ...`, or why there is nothing.
fn outcome(text: &str, unit: u64) -> Result<Outcome> {
    if let Some(reason) = text.strip_prefix("not measured: ") {
        return Ok(Outcome::NotMeasured(reason.to_owned()));
    }
    let words = text
        .strip_prefix("ticks ")
        .with_context(|| format!("no figures in `{text}`"))?;
    let mut measured = Measured {
        repeats: Vec::new(),
        counters: Vec::new(),
    };
    for word in words.split(' ') {
        match word.split_once('=') {
            Some((name, count)) => measured.counters.push((name.to_owned(), count.parse()?)),
            None => measured.repeats.push(word.parse::<u64>()? * unit),
        }
    }
    Ok(Outcome::Measured(measured))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "noise\nbench system Linux 7.3.4-inarch-0.1.0\nbench unit 16\nbench rows 2\n\
        bench fault ticks 40 39 39 read=4 written=1\nbench fork not measured: needs fork\nbench end\n";

    #[test]
    fn lines_are_read_in_instructions() {
        let run = Run::parse(TEXT).unwrap();
        assert_eq!(run.system, "Inarch 0.1.0");
        let measured = run.rows[0].1.measured().unwrap();
        assert_eq!((measured.least(), measured.most()), (39 * 16, 40 * 16));
        assert_eq!((measured.counter("written"), measured.counter("dsb")), (1, 0));
        assert_eq!(run.rows[1].1, Outcome::NotMeasured("needs fork".into()));
    }

    #[test]
    fn half_a_run_is_none() {
        assert!(Run::parse("").is_err());
        assert!(Run::parse(&TEXT.replace("bench end\n", "")).is_err());
        assert!(Run::parse(&TEXT.replace("unit 16", "unit 0")).is_err());
        assert!(Run::parse(&TEXT.replace("ticks 40", "tocks 40")).is_err());
    }
}
