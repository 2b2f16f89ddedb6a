//! `cargo xtask run`: the kernel and one program, in QEMU.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;

use crate::archive::{self, Contents};
use crate::compile::{self, Flavor};
use crate::console::Annotator;
use crate::exit::{self, WithStatus};
use crate::options::{BuildOptions, KernelOptions, MachineOptions, Terminals, parse_seconds};
use crate::qemu::boot::{self, End};
use crate::qemu::machine::{Debugger, Icount, Load};
use crate::setup::core::Core;
use crate::{elfcheck, say, setup, workspace};

/// The program that runs if none is named.
const DEMONSTRATION: &str = "tour";
/// The age at which an archive is nobody's any more.
const STALE: Duration = Duration::from_secs(3600);

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
    /// The program and its arguments
    #[arg(last = true, value_names = ["PROGRAM", "ARGS"])]
    pub(crate) command: Vec<OsString>,
    /// Files that the program finds in its root folder
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    /// A variable of the program's environment; may be given several times
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) env: Vec<OsString>,
    /// End the machine after so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    pub(crate) timeout: Option<Duration>,
    /// Wait for a debugger on port 1234 before the first instruction
    #[arg(long)]
    pub(crate) gdb: bool,
    /// Leave it to the kernel to refuse what is no program
    #[arg(long)]
    pub(crate) no_check: bool,
    #[command(flatten)]
    machine: MachineOptions,
    #[command(flatten)]
    kernel: KernelOptions,
    #[command(flatten)]
    build: BuildOptions,
}

impl Run {
    /// Does it.
    pub(crate) fn run(self) -> Result<ExitCode> {
        let mut machine = self.machine.machine()?;
        if self.command.is_empty() {
            // The demonstration tells what calls cost, and without this only how busy this computer is.
            machine.icount = Icount::Measuring;
        }
        // What is wrong should be said before anything gets installed or built.
        archive::check(&self.env, self.root.as_deref())?;
        let named = self
            .command
            .first()
            .map(|program| self.checked(Path::new(program)))
            .transpose()?;
        let core = Core::ensure(&self.build)?;
        let qemu = setup::qemu::ensure()?;
        let kernel = compile::kernel(&core, Flavor::Plain)?;
        let program = match named {
            Some(program) => program,
            None => compile::programs(&core)?.join(DEMONSTRATION),
        };
        let folder = workspace::scratch("run")?;
        remove_old(&folder);
        let archive = folder.join(format!("{}.cpio", std::process::id()));
        let _removed = Removed(&archive);
        archive::write(&self.contents(program), &archive)?;

        let terminals = Terminals::here();
        let words = self.kernel.words(terminals);
        let load = Load {
            kernel: &kernel,
            archive: Some(&archive),
            words: &words,
        };
        let debugger = if self.gdb { Debugger::Waits } else { Debugger::None };
        let mut command = machine.command(&qemu, &load, terminals.serial(), debugger)?;
        say::command(&command);
        if terminals.0[0] {
            say::note("Ctrl-C ends QEMU");
        }
        if self.gdb {
            say::note(&format!(
                "QEMU waits; in another terminal: {}",
                super::gdb::by_hand(&kernel.elf)
            ));
        }
        let annotator = Arc::new(Annotator::new(kernel.elf.clone()));
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

    fn contents(&self, program: PathBuf) -> Contents {
        Contents {
            program,
            arguments: self.command.iter().skip(1).cloned().collect(),
            environment: environment(&self.env),
            root: self.root.clone(),
        }
    }

    /// The program, if it is one that can run.
    fn checked(&self, program: &Path) -> Result<PathBuf> {
        let shown = program.display();
        if program.is_dir() {
            return Err(WithStatus::error(
                exit::REFUSED,
                format!("{shown} is a folder, not a program"),
            ));
        }
        let file = match std::fs::read(program) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let hint = match program.components().count() {
                    1 => "; PROGRAM is the path of a file on this machine, PATH is not searched",
                    _ => "",
                };
                return Err(WithStatus::error(
                    exit::NOT_FOUND,
                    format!("there is no file {shown}{hint}"),
                ));
            }
            Err(error) => return Err(error).with_context(|| format!("could not read {shown}")),
        };
        if !self.no_check
            && let Err(reason) = elfcheck::check(&file)
        {
            return Err(WithStatus::error(
                exit::REFUSED,
                format!("{shown} can't run on Inarch: {reason}"),
            ));
        }
        Ok(program.to_owned())
    }
}

/// Removes archives of runs that were killed. QEMU reads its archive when it starts.
fn remove_old(folder: &Path) {
    let is_old = |path: &Path| {
        path.metadata()
            .and_then(|data| data.modified())
            .is_ok_and(|time| time.elapsed().is_ok_and(|age| age > STALE))
    };
    let entries = folder
        .read_dir()
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    for path in entries.filter(|path| is_old(path)) {
        // Another xtask may have been quicker.
        let _ = std::fs::remove_file(path);
    }
}

/// The program's environment: what `given` says, and what is known of the terminal at this end, so that a program prints for that.
fn environment(given: &[OsString]) -> Vec<OsString> {
    let inherited = |name: &'static str| Some((name, std::env::var_os(name)?));
    let columns =
        terminal_size::terminal_size().map(|(columns, _)| ("COLUMNS", columns.0.to_string().into()));
    let terminal = [
        inherited("NO_COLOR"),
        inherited("TERM"),
        columns.or_else(|| inherited("COLUMNS")),
    ];
    let mut environment = given.to_vec();
    for (name, value) in terminal.into_iter().flatten() {
        let mut variable = OsString::from(name);
        variable.push("=");
        if !given
            .iter()
            .any(|given| given.as_encoded_bytes().starts_with(variable.as_encoded_bytes()))
        {
            variable.push(value);
            environment.push(variable);
        }
    }
    environment
}

/// A file that is removed in the end, so that archives don't pile up.
struct Removed<'a>(&'a Path);

impl Drop for Removed<'_> {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_goes_before_what_the_terminal_says() {
        let given = ["TERM=mine", "COLUMNS=7", "NO_COLOR=1", "HOME=/"].map(OsString::from);
        assert_eq!(environment(&given), given);
    }
}
