//! `cargo xtask doctor`: what is there, which versions, what is missing. It changes nothing.

use std::process::{Command, ExitCode};

use anyhow::Result;
use clap::Args;
use owo_colors::OwoColorize;

use crate::command;
use crate::compile::TARGET;
use crate::setup::core::Compiler;
use crate::setup::qemu::{self, State};
use crate::setup::rust_src::{self, Found};
use crate::setup::system::{System, has_apt, is_root};
use crate::setup::{card_tools, cross};

/// Say what is there, which versions, and what is missing; change nothing
///
/// Ends with status 0 if all that `run` needs is there, 1 if it has yet to be got.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask doctor")]
pub(crate) struct Doctor {}

/// What a thing's absence means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    /// `run` and `test` can't do without.
    Must,
    /// Something can't be done without.
    May,
}

/// The report so far.
#[derive(Default)]
struct Report {
    missing: usize,
}

impl Report {
    fn there(&self, what: &str, text: &str) {
        anstream::println!("{}       {what:<12} {text}", "ok".green().bold());
    }

    fn absent(&mut self, need: Need, what: &str, text: &str) {
        if need == Need::Must {
            self.missing += 1;
            anstream::println!("{}  {what:<12} {text}", "missing".red().bold());
        } else {
            anstream::println!("{}   {what:<12} {text}", "absent".yellow().bold());
        }
    }
}

impl Doctor {
    /// Does it.
    pub(crate) fn run(self) -> Result<ExitCode> {
        let mut report = Report::default();
        let system = System::this();
        let rights = if is_root() {
            "root: what is missing can be installed"
        } else {
            "not root: nothing gets installed"
        };
        report.there("system", &format!("{system} ({rights})"));
        rust(&mut report);
        let remedy = emulator(&mut report, &system);
        compiler_for_c(&mut report);
        programs_for_cards(&mut report);
        debugger(&mut report);
        if let Some(remedy) = remedy {
            anstream::println!("\n{remedy}");
        }
        if report.missing > 0 {
            anstream::println!("\n`cargo xtask run` gets what is missing, or says what to type.");
            return Ok(ExitCode::FAILURE);
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn rust(report: &mut Report) {
    let compiler = match Compiler::find() {
        Ok(compiler) => compiler,
        Err(error) => return report.absent(Need::Must, "rustc", &format!("{error:#}")),
    };
    report.there(
        "rustc",
        &format!("{} in {}", compiler.version, compiler.sysroot.display()),
    );
    match command::output_of(Command::new("cargo").arg("--version")) {
        Some(version) => report.there("cargo", version.trim_start_matches("cargo ")),
        None => report.absent(Need::Must, "cargo", "does not answer"),
    }
    let source = rust_src::find(&compiler);
    if compiler.has_target() {
        report.there("target", TARGET);
    } else {
        let need = if source.is_some() { Need::May } else { Need::Must };
        report.absent(
            need,
            "target",
            &format!("{TARGET}: rustup target add, or core built from source"),
        );
    }
    match source {
        Some(Found::BesideCompiler) => report.there("rust-src", "beside the compiler (for --build-std)"),
        Some(Found::Elsewhere(folder)) => {
            report.there("rust-src", &format!("{} (for --build-std)", folder.display()))
        }
        None if has_apt() => report.absent(
            Need::May,
            "rust-src",
            "only for --build-std, which fetches Debian's package",
        ),
        None => report.absent(
            Need::May,
            "rust-src",
            "only for --build-std: rustup component add rust-src",
        ),
    }
}

/// The state of QEMU; what to do is returned, to be printed after the table.
fn emulator(report: &mut Report, system: &System) -> Option<String> {
    let text = match qemu::state() {
        State::Ready(path, version) => {
            report.there("qemu", &format!("{version}, {}", path.display()));
            return None;
        }
        State::TooOld(path, version) => format!(
            "{} is {version}; {} or newer is needed",
            path.display(),
            qemu::OLDEST
        ),
        State::Missing => crate::qemu::PROGRAM.to_owned(),
    };
    report.absent(Need::Must, "qemu", &text);
    Some(qemu::remedy(system))
}

fn compiler_for_c(report: &mut Report) {
    match command::output_of(Command::new(cross::COMPILER).arg("--version")) {
        Some(text) => report.there("C compiler", text.lines().next().unwrap_or_default()),
        None => report.absent(
            Need::May,
            "C compiler",
            "only for tests with C programs: package gcc-aarch64-linux-gnu",
        ),
    }
}

fn programs_for_cards(report: &mut Report) {
    match &card_tools::missing()[..] {
        [] => report.there("card tools", "sfdisk, fsck.fat, mtools"),
        packages => report.absent(
            Need::May,
            "card tools",
            &format!("only for tests of cards: packages {}", packages.join(", ")),
        ),
    }
}

fn debugger(report: &mut Report) {
    let version = |name: &str| {
        let text = command::output_of(Command::new(name).arg("--version"))?;
        Some(format!("{name}, {}", text.lines().next()?))
    };
    match version("gdb-multiarch").or_else(|| version("gdb")) {
        Some(text) => report.there("debugger", &text),
        None => report.absent(
            Need::May,
            "debugger",
            "only for `cargo xtask gdb`: package gdb-multiarch",
        ),
    }
}
