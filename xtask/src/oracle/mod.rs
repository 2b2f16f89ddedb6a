//! `cargo xtask oracle`: the same random calls on Inarch and on Debian's Linux, and whether all came out the same.

pub(crate) mod account;
mod difference;
mod hunt;
mod kept;
mod progress;
mod report;
pub(crate) mod script;
mod shrink;
pub(crate) mod sides;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::compile::{self, Flavor};
use crate::linux::LinuxOptions;
use crate::options::{BuildOptions, parse_seconds};
use crate::setup::core::Core;
use crate::{say, setup, workspace};
use hunt::Hunt;
use progress::Progress;
use report::Report;
use script::{Kept, REGRESSIONS};
use sides::{Detail, Reference, Sides, Subject};

/// How many seeds a boot gets.
const BATCH: u64 = 100;
/// Scripts that are known to differ, with the reason.
const KNOWN: &str = "programs/oracle/known.txt";
/// The classes of scripts (programs/oracle/src/generate/classes.rs).
const CLASSES: [&str; 13] = [
    "usual", "moves", "advice", "locks", "seals", "limits", "room", "stripes", "stack", "files", "heap",
    "annex", "huge",
];
/// From when on a run must have met every rule and outcome.
const COMPLETE: Duration = Duration::from_secs(600);

/// Make random calls on Inarch and on Linux, and compare
///
/// A seed stands for a script of calls. After each call result, mappings, resident pages and contents must be those of
/// Debian's newest Linux for arm64. A difference is shrunk to a short script.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask oracle                    a hundred fresh seeds
  cargo xtask oracle --seeds 1..1000
  cargo xtask oracle --seconds 600      fresh seeds, for ten minutes
  cargo xtask oracle --seed 14          one seed again
  cargo xtask oracle --class seals      scripts that seal memory
  cargo xtask oracle --hostile          wild arguments
  cargo xtask oracle --host             compared with the Linux of this computer
  cargo xtask oracle --crate --host     the crate mm alone, without QEMU

Exit status:
  0  all that differed is known
  1  it is not, or a script was not answered, or a run of ten minutes or more did not meet every rule")]
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
    /// Only scripts of this class, one of those in docs/oracle.md
    #[arg(long, value_name = "NAME", value_parser = CLASSES, hide_possible_values = true)]
    class: Option<String>,
    /// Only the scripts of a file, written as in known.txt
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seed", "seeds", "seconds"])]
    script: Option<PathBuf>,
    /// Write Linux's answers to the regressions into their file
    #[arg(long, conflicts_with_all = ["seed", "seeds", "seconds", "script"])]
    record: bool,
    /// Wild arguments
    #[arg(long)]
    hostile: bool,
    /// Compare with the Linux of this computer, without the classes in which that may differ
    #[arg(long, conflicts_with = "linux")]
    host: bool,
    /// Compare the crate mm alone, without a kernel
    #[arg(long = "crate")]
    crate_alone: bool,
    #[command(flatten)]
    linux: LinuxOptions,
    /// Tell differences as they are found, without looking for shorter scripts
    #[arg(long)]
    no_shrink: bool,
    #[command(flatten)]
    build: BuildOptions,
}

fn parse_seeds(text: &str) -> Result<(u64, u64)> {
    let parsed = text
        .split_once("..")
        .and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
    let (from, to) = parsed.context("give them as 1..100")?;
    ensure!(
        from < to,
        "the last one is not included: give a greater number behind the dots"
    );
    Ok((from, to))
}

impl Oracle {
    /// Does it.
    pub(crate) fn run(self) -> Result<ExitCode> {
        let scripts = self.script.as_deref().map(read_scripts).transpose()?;
        let mut sides = self.sides()?;
        leave_out_missing(&mut sides)?;
        if self.record {
            return record(&sides);
        }
        let (mut report, mut progress) = (Report::default(), Progress::new());
        if let Some(scripts) = scripts {
            let texts = kept::compare(&sides, &[], &scripts, &mut report)?;
            account::add_counts(&texts.linux, &mut report.counts);
            report.scripts = scripts.len();
            return Ok(report.print(false));
        }
        let known = script::read_file(&workspace::root().join(KNOWN))?;
        let hunt = Hunt {
            sides: &sides,
            known: &known,
            shrink: !self.no_shrink,
        };
        if !self.host {
            // An older Linux answers some of them as Inarch once did.
            let mended = script::read_file(&workspace::root().join(REGRESSIONS))?;
            kept::compare(&sides, &known, &mended, &mut report)?;
        }
        let (start, end) = self.range();
        let size = if self.host && self.crate_alone {
            BATCH * 10
        } else {
            BATCH
        };
        let mut next = start;
        while next < end {
            let batch = (next, end.min(next + size));
            progress.show(
                self.part(next - start, end - start, &progress),
                &describe(&report),
            );
            self.batch(&hunt, batch, &mut report, &mut progress)?;
            next = batch.1;
            if self.seconds.is_some_and(|seconds| progress.elapsed() >= seconds) {
                break;
            }
        }
        progress.hide();
        let complete = self.seconds.is_some_and(|seconds| seconds >= COMPLETE) && self.class.is_none();
        Ok(report.print(complete && !self.hostile))
    }

    /// Builds what is compared.
    fn sides(&self) -> Result<Sides> {
        let in_qemu = !(self.host && self.crate_alone);
        let core = in_qemu.then(|| Core::ensure(&self.build)).transpose()?;
        let here = (self.host || self.crate_alone)
            .then(|| compile::host_programs("oracle", &["crate"]))
            .transpose()?
            .unwrap_or_default();
        let reference = match self.host {
            true => Reference::Host(here.join("oracle")),
            false => Reference::Linux(self.linux.image()?),
        };
        let subject = match &core {
            Some(core) if !self.crate_alone => Subject::Kernel(compile::kernel(core, Flavor::Plain)?),
            _ => Subject::Crate(here.join("oracle-crate")),
        };
        Ok(Sides {
            qemu: in_qemu.then(setup::qemu::ensure).transpose()?,
            subject,
            reference,
            programs: core
                .as_ref()
                .map(compile::programs)
                .transpose()?
                .unwrap_or_default(),
            program: "oracle",
            options: self.options(),
        })
    }

    /// What the program gets for every script.
    fn options(&self) -> Vec<String> {
        let mut options = Vec::new();
        if let Some(class) = &self.class {
            options.extend(["-c".to_owned(), class.clone()]);
        }
        if self.hostile {
            options.push("-w".to_owned());
        }
        if self.host {
            options.push("-o".to_owned());
        }
        options
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

    /// What part of the run is done.
    fn part(&self, seeds: u64, all: u64, progress: &Progress) -> f64 {
        match self.seconds {
            Some(seconds) => progress.elapsed().as_secs_f64() / seconds.as_secs_f64().max(1.0),
            None => seeds as f64 / all as f64,
        }
    }

    /// Compares a batch of seeds. If a machine ends in the midst of it, those behind the seed where it did get another.
    fn batch(
        &self,
        hunt: &Hunt<'_>,
        (from, to): (u64, u64),
        report: &mut Report,
        progress: &mut Progress,
    ) -> Result<()> {
        let mut from = from;
        while from < to {
            from = self.boot(hunt, (from, to), report, progress)?;
        }
        Ok(())
    }

    /// Compares seeds in one boot of both machines; answers the first that was not reached.
    fn boot(
        &self,
        hunt: &Hunt<'_>,
        (from, to): (u64, u64),
        report: &mut Report,
        progress: &mut Progress,
    ) -> Result<u64> {
        let texts = hunt.sides.run_seeds(Detail::Hash, &[(from, to)])?;
        account::add_counts(&texts.linux, &mut report.counts);
        let end = account::first_unanswered(&texts, from..to).map_or(to, |seed| seed + 1);
        report.seeds += end - from;
        let lost = account::lost_memory(&texts.inarch);
        report
            .troubles
            .extend(lost.map(|lost| format!("{lost} lost by the seeds {from}..{to}")));
        let names = (from..end).map(|seed| seed.to_string());
        let differing: Vec<u64> = account::differing(&texts, names)
            .iter()
            .filter_map(|name| name.parse().ok())
            .collect();
        hunt.seeds(from, &differing, report, progress)?;
        Ok(end)
    }
}

/// The scripts of a file, one at least.
fn read_scripts(file: &Path) -> Result<Vec<Kept>> {
    let scripts = script::read_file(file)?;
    ensure!(!scripts.is_empty(), "{} holds no script", file.display());
    Ok(scripts)
}

/// Writes the hashes of Linux's accounts into the file of the regressions.
fn record(sides: &Sides) -> Result<ExitCode> {
    let path = workspace::root().join(REGRESSIONS);
    let scripts = script::read_file(&path)?;
    let texts = kept::run(sides, Detail::Hash, &scripts.iter().collect::<Vec<_>>())?;
    let hashes = account::hashes(&texts.linux);
    let hashes: Option<Vec<String>> = (0..scripts.len())
        .map(|number| hashes.get(&number.to_string()).cloned())
        .collect();
    let hashes = hashes.context("Linux did not answer all of them")?;
    let text = fs_err::read_to_string(&path)?;
    fs_err::write(&path, script::with_hashes(&text, &hashes))?;
    say::note(&format!("{} answers recorded in {REGRESSIONS}", hashes.len()));
    Ok(ExitCode::SUCCESS)
}

/// Asks both which calls they have: those that one hasn't got are left out.
fn leave_out_missing(sides: &mut Sides) -> Result<()> {
    let texts = sides.run(&["-p".to_owned()], "")?;
    for (system, text) in [("Linux", &texts.linux), ("Inarch", &texts.inarch)] {
        if !account::is_done(text) {
            bail!(
                "the program does not run on {system}, which said:\n{}",
                text.trim()
            );
        }
    }
    let mut missing = account::missing(&texts.linux);
    missing.extend(account::missing(&texts.inarch));
    missing.sort();
    missing.dedup();
    if !missing.is_empty() {
        say::note(&format!(
            "left out, because one of the two has no such call: {}",
            missing.join(", ")
        ));
    }
    let options = missing.into_iter().flat_map(|name| ["-x".to_owned(), name]);
    sides.options.extend(options);
    Ok(())
}

fn describe(report: &Report) -> String {
    let known: u64 = report.known.values().sum();
    format!(
        "{} seeds, {} new differences, {known} known",
        report.seeds,
        report.new.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_seeds_hold_some() {
        assert_eq!(parse_seeds("1..100").unwrap(), (1, 100));
        for wrong in ["", "1", "1..", "..2", "5..5", "5..1", "a..b", "1...2"] {
            assert!(parse_seeds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn classes_are_the_programs() {
        let source = workspace::root().join("programs/oracle/src/generate/classes.rs");
        let source = fs_err::read_to_string(source).unwrap();
        let names = source
            .lines()
            .filter_map(|line| line.trim().strip_prefix("name: \"")?.strip_suffix("\","));
        assert!(names.eq(CLASSES));
    }
}
