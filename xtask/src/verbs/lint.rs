//! `cargo xtask lint`: format, lints and documentation, with every warning an error.

use std::process::{Command, ExitCode};

use anyhow::{Result, bail};
use clap::Args;

use crate::compile::{self, TARGET};
use crate::options::BuildOptions;
use crate::setup::core::Core;
use crate::{command, say};

/// Check format, lints and documentation; warnings are errors
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask lint

All checks run, also after one that failed. Exit status: 0 if none failed.")]
pub(crate) struct Lint {
    #[command(flatten)]
    build: BuildOptions,
}

impl Lint {
    /// Does it.
    pub(crate) fn run(self) -> Result<ExitCode> {
        let core = Core::ensure(&self.build)?;
        let mut failed = 0;
        for mut check in checks(&core) {
            if let Err(error) = command::run(&mut check) {
                say::warning(&error.to_string());
                failed += 1;
            }
        }
        if failed > 0 {
            bail!("{failed} checks failed");
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The packages that are built for the board only, with their features.
const FOR_THE_BOARD: [&[&str]; 3] = [
    &["--package", "inarch"],
    &["--package", "inarch", "--features", "ktest"],
    &[
        "--package",
        "rt",
        "--package",
        "tour",
        "--package",
        "bench",
        "--package",
        "fixtures",
        "--package",
        "oracle",
    ],
];

/// The checks, those first that are done soonest.
fn checks(core: &Core) -> Vec<Command> {
    let mut checks = vec![
        cargo(None, &["fmt", "--all", "--check"]),
        cargo(None, &["clippy", "--all-targets"]),
    ];
    for packages in FOR_THE_BOARD {
        checks.push(cargo(Some(core), &[&["clippy"], packages].concat()));
    }
    checks.push(cargo(None, &["doc", "--no-deps"]));
    for packages in FOR_THE_BOARD {
        checks.push(cargo(Some(core), &[&["doc", "--no-deps"], packages].concat()));
    }
    checks
}

/// A cargo command whose warnings are errors; for the board if `core` is given.
fn cargo(core: Option<&Core>, arguments: &[&str]) -> Command {
    let mut cargo = compile::cargo();
    cargo.args(arguments);
    if let Some(core) = core {
        cargo.args(["--target", TARGET]);
        core.apply(&mut cargo);
    }
    match arguments[0] {
        "clippy" => {
            cargo.args(["--", "-D", "warnings"]);
        }
        "doc" => {
            cargo.env("RUSTDOCFLAGS", "-D warnings");
        }
        _ => {}
    }
    cargo
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::quoted;

    #[test]
    fn everything_is_checked_with_warnings_as_errors() {
        let lines: Vec<String> = checks(&Core::Installed).iter().map(quoted).collect();
        let clippy = lines.iter().filter(|line| line.contains("clippy"));
        assert!(
            clippy.clone().all(|line| line.ends_with("-- -D warnings")),
            "{lines:?}"
        );
        assert!(
            clippy
                .clone()
                .any(|line| line.contains("ktest") && line.contains(TARGET))
        );
        for package in ["inarch", "rt", "tour", "bench", "fixtures", "oracle"] {
            assert!(clippy.clone().any(|line| line.contains(package)), "{package}");
        }
        let doc = lines.iter().filter(|line| line.contains("cargo doc"));
        assert!(doc.clone().count() > 1 && doc.clone().all(|line| line.contains("RUSTDOCFLAGS")));
    }
}
