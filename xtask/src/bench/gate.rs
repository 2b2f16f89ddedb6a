//! The figures that are not to get worse: a file says what each row costs, tests compare, and `cargo xtask bench --accept` writes
//! the file anew.

use std::fmt::Write;
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result, anyhow, bail};
use libtest_mimic::Trial;

use super::output::Run;
use super::sides::{Side, Sides};
use super::table::grouped;
use super::{mops, rows};
use crate::harness::report;
use crate::{say, workspace};

/// The file.
const EXPECTED: &str = "programs/bench/expected.txt";
const HEAD: &str = "\
# What each row of programs/bench costs on Inarch, in instructions: QEMU, -icount shift=0, -cpu max, one core, 3 GiB.
# `cargo xtask test bench::` fails where a row costs noticeably more. `cargo xtask bench --accept` writes this file anew.
";

/// The most that a row may cost: other versions of the compiler count a little differently.
fn limit(expected: u64) -> u64 {
    expected + expected / 20 + 20
}

/// Reads the file.
fn parse(text: &str) -> Result<Vec<(String, u64)>> {
    let lines = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, figure) = line
                .split_once(' ')
                .with_context(|| format!("no figure in `{line}`"))?;
            let figure = figure.trim().parse();
            Ok((
                name.to_owned(),
                figure.with_context(|| format!("no figure in `{line}`"))?,
            ))
        })
        .collect()
}

fn read() -> Result<Vec<(String, u64)>> {
    let path = workspace::root().join(EXPECTED);
    let text = fs_err::read_to_string(&path)?;
    parse(&text).with_context(|| format!("{EXPECTED} is not as it should be"))
}

/// A test for each row of the file, and one that the kernel's own code is counted fairly.
pub(crate) fn trials(sides: Sides, print_times: bool) -> Result<Vec<Trial>> {
    let sides = Arc::new(sides);
    // All rows come out of one boot, which the first test waits for.
    let run: Arc<OnceLock<Result<Run, String>>> = Arc::default();
    let elf = sides.kernel.elf.clone();
    let name = "bench::no-memory-copy-instructions";
    let mut trials = vec![report::trial(name, print_times, move || mops::check(&elf))];
    // How long the boot takes and how large the kernel is grows with what it can do: up to what was set once and for all.
    let fixed = [rows::BOOT, rows::IMAGE].map(|name| (name.to_owned(), rows::row(name).reach.unwrap_or(0)));
    let expected = read()?.into_iter().map(|(name, figure)| (name, limit(figure)));
    for (name, most) in expected.chain(fixed) {
        let (sides, run) = (sides.clone(), run.clone());
        trials.push(report::trial(format!("bench::{name}"), print_times, move || {
            let run = run.get_or_init(|| measure(&sides).map_err(|error| format!("{error:#}")));
            compare(run.as_ref().map_err(|error| anyhow!("{error}"))?, &name, most)
        }));
    }
    Ok(trials)
}

/// Whether a row still costs no more than it may.
fn compare(run: &Run, name: &str, most: u64) -> Result<()> {
    let found = run.rows.iter().find(|(known, _)| known == name);
    let measured = found.and_then(|(_, outcome)| outcome.measured());
    let Some(measured) = measured else {
        bail!("{name} was not measured")
    };
    if measured.least() > most {
        bail!(
            "{}, at most {} was expected; `cargo xtask bench --profile {name}` shows where they go, \
             `cargo xtask bench --accept` accepts them",
            grouped(measured.least()),
            grouped(most)
        );
    }
    Ok(())
}

/// One run of every row.
fn measure(sides: &Sides) -> Result<Run> {
    let sides = Sides {
        runs: 1,
        ..sides.clone()
    };
    Ok(sides.measure(Side::Inarch, &[], false)?.run)
}

/// Measures, writes the file anew, and says what has changed.
pub(super) fn accept(sides: &Sides) -> Result<()> {
    let before = read().unwrap_or_default();
    let run = measure(sides)?;
    let mut text = HEAD.to_owned();
    let is_fixed = |name: &str| [rows::BOOT, rows::IMAGE].contains(&name);
    let rows = run.rows.iter().filter(|(name, _)| !is_fixed(name));
    let measured = rows.filter_map(|(name, outcome)| Some((name, outcome.measured()?.least())));
    for (name, figure) in measured {
        // Writing to a string can't fail.
        let _ = writeln!(text, "{name} {figure}");
        match before.iter().find(|(known, _)| known == name) {
            Some((_, old)) if *old == figure => {}
            Some((_, old)) => println!("{name}: {} -> {}", grouped(*old), grouped(figure)),
            None => println!("{name}: {} (new)", grouped(figure)),
        }
    }
    fs_err::write(workspace::root().join(EXPECTED), text)?;
    say::note(&format!("{EXPECTED} is written"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_read_and_true_to_its_form() {
        assert_eq!(parse("# a\n\nfault 737\n").unwrap(), [("fault".to_owned(), 737)]);
        assert!(parse("fault").is_err() && parse("fault x").is_err());
        assert!(!read().unwrap().is_empty());
    }

    #[test]
    fn a_row_may_cost_a_little_more_and_not_much_more() {
        let text = "bench unit 1\nbench fault ticks 1000 900 950\nbench fork not measured: x\nbench end\n";
        let run = Run::parse(text).unwrap();
        compare(&run, "fault", limit(900)).unwrap();
        compare(&run, "fault", limit(840)).unwrap();
        assert!(
            compare(&run, "fault", limit(800))
                .unwrap_err()
                .to_string()
                .contains("--profile fault")
        );
        assert!(compare(&run, "fork", 1).is_err() && compare(&run, "none", 1).is_err());
    }
}
