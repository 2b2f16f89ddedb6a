//! `cargo xtask gdb`: QEMU stopped at the first instruction, and a debugger that knows the kernel.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use clap::Args;

use super::launch::LaunchOptions;
use crate::options::Terminals;
use crate::process::Process;
use crate::qemu::machine::{Debugger, Serial};
use crate::{command, say, workspace};

/// The debuggers, best first. Plain gdb knows arm64 on some systems only.
const DEBUGGERS: [&str; 2] = ["gdb-multiarch", "gdb"];

/// Start QEMU stopped at the first instruction, and a debugger with the kernel's symbols
///
/// There is a breakpoint at kernel_main: type `continue` to get there. What the machine prints goes to a file, whose name is
/// printed.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask gdb                                  with the demonstration
  cargo xtask gdb --el2 -- ./prog a b              with a program")]
pub(crate) struct Gdb {
    #[command(flatten)]
    launch: LaunchOptions,
}

impl Gdb {
    /// Does it. On success this never returns: the debugger takes xtask's place, and QEMU ends with it.
    pub(crate) fn run(self) -> Result<ExitCode> {
        let Some(debugger) = DEBUGGERS
            .into_iter()
            .find(|debugger| command::find(debugger).is_some())
        else {
            bail!("there is no debugger: install the package gdb-multiarch (Debian, Ubuntu) or gdb");
        };
        let launch = self.launch.prepare(Terminals::NONE)?;
        let mut command = launch.command(Serial::Output, Debugger::Waits)?;
        say::command(&command);
        let log = workspace::scratch("gdb")?.join("console.log");
        let file = fs_err::File::create(&log)?.into_file();
        say::note(&format!(
            "the machine prints into {}",
            workspace::short(&log).display()
        ));
        // A process group of its own: Ctrl-C is for the debugger.
        command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .process_group(0);
        let process = Process::spawn(&mut command)?;

        let mut gdb = attach(debugger, &launch.kernel.elf);
        say::command(&gdb);
        let error = gdb.exec();
        drop(process);
        Err(error).with_context(|| format!("`{debugger}` could not be started"))
    }
}

/// The debugger's command line.
fn attach(debugger: &str, elf: &Path) -> Command {
    let mut gdb = Command::new(debugger);
    gdb.arg("-quiet").arg(workspace::short(elf)).args([
        "-ex",
        "target remote :1234",
        "-ex",
        "hbreak kernel_main",
    ]);
    gdb
}

/// What to type to attach to a machine that waits.
pub(crate) fn by_hand(elf: &Path) -> String {
    command::quoted(&attach(DEBUGGERS[0], elf))
}
