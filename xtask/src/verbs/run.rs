//! `cargo xtask run`: the kernel and one program, in QEMU.

use std::process::{ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use clap::Args;

use super::launch::LaunchOptions;
use crate::console::Annotator;
use crate::options::{Terminals, parse_seconds};
use crate::qemu::boot::{self, End};
use crate::qemu::machine::{Debugger, Icount};
use crate::say;

/// Boot Inarch in QEMU and run a program on it
///
/// PROGRAM is the path of a static Linux executable for arm64 on this machine. Its standard output and standard error are
/// those of this command, and so is its exit status. Without a program, the demonstration runs: programs/tour, with instructions
/// counted (`--icount`).
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask run                                  the demonstration
  cargo xtask run -- ./prog a b c                  a program with its arguments
  cargo xtask run --root files --env HOME=/ -- ./prog
  cargo xtask run --cpu cortex-a72 --memory 8G -- ./prog
  cargo xtask run --icount -- ./prog               count instructions, the same in every run
  cargo xtask run --gdb -- ./prog                  wait for a debugger on port 1234

Exit status: the program's own, or
  101      the kernel panicked
  124      time ran out
  125      there was trouble before the program ran
  126      the program can't be executed
  127      there is no such program
  128 + N  signal N ended the program")]
pub(crate) struct Run {
    /// End the machine after so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    pub(crate) timeout: Option<Duration>,
    /// Wait for a debugger on port 1234 before the first instruction
    #[arg(long)]
    pub(crate) gdb: bool,
    #[command(flatten)]
    pub(crate) launch: LaunchOptions,
}

impl Run {
    /// Does it.
    pub(crate) fn run(self) -> Result<ExitCode> {
        let terminals = Terminals::here();
        let mut launch = self.launch.prepare(terminals)?;
        if self.launch.program.is_demonstration() {
            // It tells what calls cost, and without this only how busy this computer is.
            launch.machine.icount = Icount::Measuring;
        }
        let debugger = if self.gdb { Debugger::Waits } else { Debugger::None };
        let mut command = launch.command(terminals.serial(), debugger)?;
        say::command(&command);
        if terminals.0[0] {
            say::note("Ctrl-C ends QEMU");
        }
        if self.gdb {
            say::note(&format!(
                "QEMU waits; in another terminal: {}",
                super::gdb::by_hand(&launch.kernel.elf)
            ));
        }
        let annotator = Arc::new(Annotator::new(launch.kernel.elf.clone()));
        let (out, err) = (std::io::stdout(), std::io::stderr());
        let end = boot::run(
            command.stdin(Stdio::inherit()),
            &annotator,
            self.timeout,
            out,
            err,
        )?;
        match &end {
            End::TimedOut(after) => say::warning(&format!(
                "time ran out after {} s; QEMU was ended",
                after.as_secs_f64()
            )),
            End::QemuFailed(reason) => say::warning(reason),
            End::Status(_) | End::StandsStill(_) | End::Panicked => {}
        }
        Ok(ExitCode::from(end.exit_status()))
    }
}
