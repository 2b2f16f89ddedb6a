//! `cargo xtask oracle`: the same random calls on Inarch and on Debian's Linux, and whether all came out the same.

mod account;
mod difference;
mod sides;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result};
use clap::Args;

use crate::compile::{self, Flavor};
use crate::options::{BuildOptions, parse_seconds};
use crate::setup::core::Core;
use crate::{linux, say, setup, workspace};
use difference::Difference;
use sides::Sides;

/// How many seeds a boot gets.
const BATCH: u64 = 100;
/// Scripts that are known to differ, with the reason.
const KNOWN: &str = "programs/oracle/known.txt";

/// Make random calls on Inarch and on Linux, and compare
///
/// A seed stands for a script of 100 calls. After each call result, mappings, resident pages and contents must be those of
/// Debian's newest Linux for arm64. A difference is shrunk to a short script.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask oracle                    a hundred fresh seeds
  cargo xtask oracle --seeds 1..1000
  cargo xtask oracle --seconds 600      fresh seeds, for ten minutes
  cargo xtask oracle --seed 14          one seed again

Exit status: 0 if all that differed is known, 1 if not.")]
pub(crate) struct Oracle {
    /// One seed
    #[arg(long, value_name = "N", conflicts_with_all = ["seeds", "seconds"])]
    seed: Option<u64>,
    /// Seeds, the last one not included
    #[arg(long, value_name = "A..B", value_parser = parse_seeds, conflicts_with = "seconds")]
    seeds: Option<(u64, u64)>,
    /// Fresh seeds for so long
    #[arg(long, value_parser = parse_seconds)]
    seconds: Option<Duration>,
    /// Image of the Linux to compare with, instead of Debian's newest
    #[arg(long, value_name = "IMAGE", env = "INARCH_LINUX")]
    linux: Option<PathBuf>,
    /// Tell differences as they are found, without looking for shorter scripts
    #[arg(long)]
    no_shrink: bool,
    #[command(flatten)]
    build: BuildOptions,
}

fn parse_seeds(text: &str) -> Result<(u64, u64)> {
    let (from, to) = text.split_once("..").context("give them as 1..100")?;
    Ok((from.parse()?, to.parse()?))
}

impl Oracle {
    /// Does it.
    pub(crate) fn run(self) -> Result<ExitCode> {
        let core = Core::ensure(&self.build)?;
        let sides = Sides {
            qemu: setup::qemu::ensure()?,
            linux: self.linux.clone().map_or_else(linux::ensure, Ok)?,
            kernel: compile::kernel(&core, Flavor::Plain)?,
            programs: compile::programs(&core)?,
        };
        let mut report = Report::default();
        report.run_known(&sides)?;
        let started = Instant::now();
        let (mut next, end) = self.range();
        while next < end {
            let batch = (next, end.min(next + BATCH));
            self.batch(&sides, batch, &mut report)?;
            next = batch.1;
            if self.seconds.is_some_and(|seconds| started.elapsed() >= seconds) {
                break;
            }
        }
        Ok(report.print())
    }

    /// The seeds, the last one not included.
    fn range(&self) -> (u64, u64) {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        // Room for 65,536 seeds a second before the next run's.
        let fresh = now.unwrap_or_default().as_secs() << 16;
        match (self.seed, self.seeds, self.seconds) {
            (Some(seed), ..) => (seed, seed + 1),
            (_, Some(seeds), _) => seeds,
            (.., Some(_)) => (fresh, u64::MAX),
            _ => (fresh, fresh + BATCH),
        }
    }

    fn batch(&self, sides: &Sides, (from, to): (u64, u64), report: &mut Report) -> Result<()> {
        let texts = sides.run(&[from.to_string(), to.to_string()], "")?;
        account::add_counts(&texts.linux, &mut report.counts);
        report.seeds += to - from;
        let names = (from..to).map(|seed| seed.to_string());
        for name in account::differing(&texts, names) {
            let seed: u64 = name.parse()?;
            let arguments = ["-v".to_owned(), name.clone(), (seed + 1).to_string()];
            let Some(difference) = Difference::find(&sides.run(&arguments, "")?, &name) else {
                say::warning(&format!("seed {name} differs only in company of others"));
                report.new += 1;
                continue;
            };
            if let Some(known) = report.known.get_mut(&difference.signature()) {
                known.1 += 1;
                continue;
            }
            report.new += 1;
            println!("seed {name}: {}", difference.signature());
            let difference = if self.no_shrink {
                difference
            } else {
                difference.shrink(sides)?
            };
            difference.print();
        }
        Ok(())
    }
}

/// What came out.
#[derive(Default)]
struct Report {
    seeds: u64,
    new: u64,
    counts: BTreeMap<String, u64>,
    /// By signature: the name, and how many seeds showed it.
    known: BTreeMap<String, (String, u64)>,
}

impl Report {
    /// Runs the scripts that are known to differ, and learns what they look like.
    fn run_known(&mut self, sides: &Sides) -> Result<()> {
        let text = std::fs::read_to_string(workspace::root().join(KNOWN))
            .with_context(|| format!("could not read {KNOWN}"))?;
        let parts: Vec<(&str, Vec<String>)> = text
            .split("\nscript ")
            .skip(1)
            .map(|part| {
                let mut lines = part.lines();
                let name = lines.next().unwrap_or("").trim();
                let calls = lines.filter(|line| !line.starts_with('#') && !line.is_empty());
                (name, calls.map(str::to_owned).collect())
            })
            .collect();
        if parts.is_empty() {
            return Ok(());
        }
        let scripts: Vec<Vec<String>> = parts.iter().map(|part| part.1.clone()).collect();
        let texts = sides.run_scripts(true, &scripts)?;
        for (number, (name, _)) in parts.iter().enumerate() {
            match Difference::find(&texts, &number.to_string()) {
                Some(difference) => {
                    self.known.insert(difference.signature(), ((*name).to_owned(), 0));
                }
                None => say::note(&format!("`{name}` differs no more: take it out of {KNOWN}")),
            }
        }
        Ok(())
    }

    fn print(&self) -> ExitCode {
        for (what, count) in &self.counts {
            println!("{count:>10}  {what}");
        }
        for (signature, (name, count)) in &self.known {
            println!("known difference `{name}` ({signature}): {count} seeds");
        }
        println!("{} seeds, {} new differences", self.seeds, self.new);
        match self.new {
            0 => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        }
    }
}
