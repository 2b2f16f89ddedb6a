//! What `run` and `gdb` do before there is a machine: everything is checked, built and packed.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use clap::Args;

use super::program::CommandOptions;
use crate::archive;
use crate::compile::{self, Flavor, Kernel};
use crate::options::{BuildOptions, KernelOptions, MachineOptions, Terminals};
use crate::qemu::machine::{Debugger, Load, Machine, Serial};
use crate::setup;
use crate::setup::core::Core;
use crate::workspace::{self, ScratchFile};

/// Where the archives of machines that run are, below xtask's own folder.
const FOLDER: &str = "run";
/// The age at which an archive is nobody's any more.
const STALE: Duration = Duration::from_secs(3600);

/// A program, and the machine that it is to run on.
#[derive(Args)]
pub(crate) struct LaunchOptions {
    #[command(flatten)]
    pub(crate) program: CommandOptions,
    #[command(flatten)]
    machine: MachineOptions,
    #[command(flatten)]
    kernel: KernelOptions,
    #[command(flatten)]
    build: BuildOptions,
}

/// What a machine is started with.
pub(super) struct Launch {
    /// What can be chosen about the machine.
    pub(super) machine: Machine,
    /// The kernel.
    pub(super) kernel: Kernel,
    qemu: PathBuf,
    archive: ScratchFile,
    words: Vec<String>,
}

impl LaunchOptions {
    /// Prepares the launch. What is wrong is said before anything gets installed or built.
    pub(super) fn prepare(&self, terminals: Terminals) -> Result<Launch> {
        let machine = self.machine.machine()?;
        self.program.check()?;
        let core = Core::ensure(&self.build)?;
        let qemu = setup::qemu::ensure()?;
        let kernel = compile::kernel(&core, Flavor::Plain)?;
        let contents = self.program.contents(&core, &of_terminal())?;
        remove_old(&workspace::scratch(FOLDER)?);
        let archive = ScratchFile::new(FOLDER, &format!("{}.cpio", std::process::id()))?;
        archive::write(&contents, archive.path())?;
        Ok(Launch {
            machine,
            kernel,
            qemu,
            archive,
            words: self.kernel.words(terminals),
        })
    }
}

impl Launch {
    /// QEMU's command line.
    pub(super) fn command(&self, serial: Serial, debugger: Debugger) -> Result<Command> {
        let load = Load {
            kernel: &self.kernel,
            archive: Some(self.archive.path()),
            words: &self.words,
        };
        self.machine.command(&self.qemu, &load, serial, debugger)
    }
}

/// Removes archives of machines that were killed. QEMU reads its archive when it starts.
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
        let _ = fs_err::remove_file(path);
    }
}

/// What is known of the terminal at this end, as variables of the program's environment, so that it prints for that.
fn of_terminal() -> Vec<(&'static str, OsString)> {
    let inherited = |name: &'static str| Some((name, std::env::var_os(name)?));
    let columns =
        terminal_size::terminal_size().map(|(columns, _)| ("COLUMNS", columns.0.to_string().into()));
    let terminal = [
        inherited("NO_COLOR"),
        inherited("TERM"),
        columns.or_else(|| inherited("COLUMNS")),
    ];
    terminal.into_iter().flatten().collect()
}
