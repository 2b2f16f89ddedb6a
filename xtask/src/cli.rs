//! The command line.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::verbs;

/// Inarch: one kernel image and one program, on bare arm64.
#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    disable_version_flag = true,
    max_term_width = 100
)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// The verbs.
#[derive(Subcommand)]
pub(crate) enum Verb {
    // What each does is told by the documentation of its options, which becomes the help text.
    Run(verbs::run::Run),
    Test(verbs::test::Test),
    Bench(crate::bench::Bench),
    Oracle(crate::oracle::Oracle),
    Conformance(crate::conformance::Conformance),
    Image(verbs::image::Image),
    Flash(verbs::flash::Flash),
    Push(verbs::push::Push),
    Gdb(verbs::gdb::Gdb),
    Lint(verbs::lint::Lint),
    Size(verbs::size::Size),
    Symbolize(verbs::symbolize::Symbolize),
    Doctor(verbs::doctor::Doctor),
}

impl Verb {
    /// Does it. The value is what xtask exits with.
    pub(crate) fn run(self) -> Result<ExitCode> {
        match self {
            Verb::Run(verb) => verb.run(),
            Verb::Test(verb) => verb.run(),
            Verb::Bench(verb) => verb.run(),
            Verb::Oracle(verb) => verb.run(),
            Verb::Conformance(verb) => verb.run(),
            Verb::Image(verb) => verb.run(),
            Verb::Flash(verb) => verb.run(),
            Verb::Push(verb) => verb.run(),
            Verb::Gdb(verb) => verb.run(),
            Verb::Lint(verb) => verb.run(),
            Verb::Size(verb) => verb.run(),
            Verb::Symbolize(verb) => verb.run(),
            Verb::Doctor(verb) => verb.run(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_follows_two_dashes_is_the_programs() {
        let cli = Cli::try_parse_from(["xtask", "run", "--memory", "1G", "--", "prog", "-a", "--smp", "b"]);
        let Ok(Cli { verb: Verb::Run(run) }) = cli else {
            panic!("not accepted")
        };
        assert_eq!(run.launch.program.command, ["prog", "-a", "--smp", "b"]);
    }

    #[test]
    fn tests_take_the_options_of_libtest() {
        let cli = Cli::try_parse_from([
            "xtask", "test", "vma", "--exact", "--list", "--skip", "slow", "--cpu", "max",
        ]);
        let Ok(Cli {
            verb: Verb::Test(test),
        }) = cli
        else {
            panic!("not accepted")
        };
        assert!(test.libtest.list && test.libtest.exact);
        assert_eq!(test.libtest.filter.as_deref(), Some("vma"));
    }
}
