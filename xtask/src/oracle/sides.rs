//! The two systems that answer the same scripts.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::archive::{self, Contents};
use crate::compile::Kernel;
use crate::console::Annotator;
use crate::qemu::boot::{self, Captured};
use crate::qemu::machine::{Debugger, Load, Machine, Serial};
use crate::{linux, workspace};

/// How long a machine may take for one batch of scripts.
const TIMEOUT: Duration = Duration::from_secs(600);
/// The file of scripts, where both systems have it.
const SCRIPTS: &str = "scripts";

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// The oracle.
    Linux,
    /// This kernel.
    Inarch,
}

/// What both are booted with.
pub(super) struct Sides {
    /// QEMU.
    pub(super) qemu: PathBuf,
    /// This kernel.
    pub(super) kernel: Kernel,
    /// Linux's image.
    pub(super) linux: PathBuf,
    /// Folder with the project's programs.
    pub(super) programs: PathBuf,
}

/// What both printed.
pub(super) struct Texts {
    /// Linux.
    pub(super) linux: String,
    /// Inarch.
    pub(super) inarch: String,
}

impl Sides {
    /// Runs the program `oracle` on both at once.
    pub(super) fn run(&self, arguments: &[String], scripts: &str) -> Result<Texts> {
        std::thread::scope(|scope| {
            let linux = scope.spawn(|| self.run_on(Side::Linux, arguments, scripts));
            let inarch = self.run_on(Side::Inarch, arguments, scripts)?;
            let linux = linux
                .join()
                .unwrap_or_else(|_| anyhow::bail!("Linux's run has panicked"))?;
            Ok(Texts { linux, inarch })
        })
    }

    /// Runs scripts, each a list of calls; their names are their numbers.
    pub(super) fn run_scripts(&self, verbose: bool, scripts: &[Vec<String>]) -> Result<Texts> {
        let mut text = String::new();
        for (number, calls) in scripts.iter().enumerate() {
            text.push_str(&format!("script {number}\n{}\n", calls.join("\n")));
        }
        let mut arguments = vec!["-s".to_owned(), format!("/{SCRIPTS}")];
        if verbose {
            arguments.insert(0, "-v".to_owned());
        }
        self.run(&arguments, &text)
    }

    fn run_on(&self, side: Side, arguments: &[String], scripts: &str) -> Result<String> {
        let name = format!("{side:?}").to_lowercase();
        let folder = workspace::scratch("oracle")?.join(&name);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(SCRIPTS), scripts).context("could not write the scripts")?;
        let contents = match side {
            Side::Inarch => Contents {
                program: self.programs.join("oracle"),
                arguments: arguments.iter().map(Into::into).collect(),
                root: Some(folder.clone()),
                ..Contents::default()
            },
            Side::Linux => {
                std::fs::copy(self.programs.join("oracle"), folder.join("oracle"))?;
                let line = format!("0 oracle {}\n", arguments.join(" "));
                std::fs::write(folder.join("tests.txt"), line)?;
                Contents {
                    program: self.programs.join(linux::INIT),
                    root: Some(folder.clone()),
                    ..Contents::default()
                }
            }
        };
        let archive = folder.with_extension("cpio");
        archive::write(&contents, &archive)?;
        self.boot(side, &archive)
    }

    fn boot(&self, side: Side, archive: &std::path::Path) -> Result<String> {
        let (image, words) = match side {
            Side::Inarch => (
                &self.kernel.image,
                ["semihosting", "notty=012"].map(str::to_owned).to_vec(),
            ),
            Side::Linux => (&self.linux, linux::words(linux::INIT)),
        };
        let kernel = Kernel {
            elf: self.kernel.elf.clone(),
            image: image.clone(),
        };
        let load = Load {
            kernel: &kernel,
            archive: Some(archive),
            words: &words,
        };
        let mut command = Machine::default().command(&self.qemu, &load, Serial::Output, Debugger::None)?;
        let annotator = Arc::new(Annotator::new(self.kernel.elf.clone()));
        let (out, err) = (Captured::default(), Captured::default());
        boot::run(
            command.stdin(Stdio::null()),
            &annotator,
            Some(TIMEOUT),
            out.clone(),
            err.clone(),
        )?;
        Ok(out.text().replace('\r', "") + &err.text())
    }
}
