//! The oracle's regressions: scripts to which this kernel once gave other answers than Linux, against what Linux answered then. On the
//! crate `mm` alone, seeds as well.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use libtest_mimic::Trial;

use super::program::{Case, Expected};
use super::report;
use crate::oracle::{account, script};
use crate::{compile, workspace};

/// How many seeds run together on the crate alone ...
const GROUP: u64 = 5;
/// ... and how many such groups there are.
const GROUPS: u64 = 60;

/// The test, whose program lies in `folder`.
pub(crate) fn case(folder: &Path) -> Result<Case> {
    let kept = script::read_file(&workspace::root().join(script::REGRESSIONS))?;
    let scripts: Vec<Vec<String>> = kept.iter().map(|kept| kept.calls.clone()).collect();
    let account = |(number, kept): (usize, &script::Kept)| {
        let hash = kept.hash.as_ref().with_context(|| {
            format!(
                "`{}` has no answer of Linux's: cargo xtask oracle --record",
                kept.name
            )
        })?;
        Ok(format!("script {number} calls {} hash {hash}", kept.calls.len()))
    };
    Ok(Case {
        arguments: ["-s", "-"].map(Into::into).to_vec(),
        input: script::text(&scripts).into_bytes(),
        expected: Expected {
            output_holds: kept.iter().enumerate().map(account).collect::<Result<_>>()?,
            ..Expected::default()
        },
        ..Case::new("program::oracle::regressions", folder.join("oracle"), 0)
    })
}

/// The oracle's scripts on the crate `mm` alone: the regressions against Linux's answers, and seeds, each of which must give all memory
/// back and come out the same whatever ran before it. What the fake machine finds wrong ends the program.
pub(crate) fn crate_trial(print_times: bool) -> Trial {
    report::trial("host::oracle::crate", print_times, check_crate)
}

fn check_crate() -> Result<()> {
    let program = compile::host_programs("oracle", &["crate"])?.join("oracle-crate");
    let kept = script::read_file(&workspace::root().join(script::REGRESSIONS))?;
    let scripts: Vec<Vec<String>> = kept.iter().map(|kept| kept.calls.clone()).collect();
    let file = workspace::scratch("oracle-crate")?.join("regressions");
    fs_err::write(&file, script::text(&scripts))?;
    let answers = account::hashes(&run(&program, &["-s", &file.display().to_string()])?);
    for (number, kept) in kept.iter().enumerate() {
        ensure!(
            answers.get(&number.to_string()) == kept.hash.as_ref(),
            "`{}` came out otherwise than on Linux: cargo xtask oracle --crate",
            kept.name
        );
    }
    for wild in [&[][..], &["-w"]] {
        check_seeds(&program, wild)?;
    }
    Ok(())
}

/// Runs seeds from the first to the last, and then in groups from the last to the first.
fn check_seeds(program: &Path, options: &[&str]) -> Result<()> {
    let run_groups = |groups: &[u64]| {
        let bounds = groups.iter().flat_map(|&group| [group, group + 1]);
        let bounds: Vec<String> = bounds.map(|group| (group * GROUP).to_string()).collect();
        let seeds = bounds.iter().map(String::as_str);
        run(
            program,
            &options
                .iter()
                .copied()
                .chain(["-b"])
                .chain(seeds)
                .collect::<Vec<_>>(),
        )
    };
    let mut groups: Vec<u64> = (0..GROUPS).collect();
    let text = run_groups(&groups)?;
    if let Some(lost) = text.lines().find(|line| line.ends_with("frames are lost")) {
        bail!("{}", lost.trim());
    }
    groups.reverse();
    let (first, second) = (account::hashes(&text), account::hashes(&run_groups(&groups)?));
    ensure!(
        first.len() as u64 == GROUP * GROUPS,
        "{} seeds were answered",
        first.len()
    );
    let other = first.iter().find(|(seed, hash)| second.get(*seed) != Some(*hash));
    match other {
        Some((seed, _)) => bail!("what seed {seed} finds depends on what ran before it"),
        None => Ok(()),
    }
}

fn run(program: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let last = text
            .lines()
            .rfind(|line| line.starts_with("script "))
            .unwrap_or("the start");
        bail!(
            "it ended after {last}:\n{}",
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
    }
    Ok(text)
}
