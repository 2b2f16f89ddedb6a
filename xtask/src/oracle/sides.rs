//! The two systems that answer the same scripts.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};

use super::script;
use crate::archive::{self, Contents};
use crate::compile::Kernel;
use crate::console::Annotator;
use crate::linux;
use crate::qemu::boot;
use crate::qemu::machine::{Debugger, Load, Machine, Serial};
use crate::workspace;

/// How long a machine may take for one batch of scripts: many times what a computer with nothing else to do needs.
const TIMEOUT: Duration = Duration::from_secs(600);
/// The file of scripts, where both systems have it.
const SCRIPTS: &str = "scripts";
/// What the program is told on Linux alone: to take away empty tables of pages, which is a difference on purpose.
const DROP_TABLES: &str = "-e";

/// Who says what is right.
#[derive(Clone, Debug)]
pub(crate) enum Reference {
    /// Linux in QEMU, with this image.
    Linux(PathBuf),
    /// The Linux that xtask runs on, with the program built for it.
    Host(PathBuf),
    /// Nobody: the program runs on Inarch alone.
    None,
}

/// Who is compared with it.
#[derive(Clone, Debug)]
pub(crate) enum Subject {
    /// This kernel in QEMU.
    Kernel(Kernel),
    /// The crate `mm` alone, in this program.
    Crate(PathBuf),
}

/// The two, and what they need.
pub(crate) struct Sides {
    /// QEMU, unless nothing runs in it.
    pub(crate) qemu: Option<PathBuf>,
    /// Who is compared.
    pub(crate) subject: Subject,
    /// What it is compared with.
    pub(crate) reference: Reference,
    /// Folder with the project's programs for the board.
    pub(crate) programs: PathBuf,
    /// The one that runs.
    pub(crate) program: &'static str,
    /// What all scripts are made with: options of the program.
    pub(crate) options: Vec<String>,
}

/// What both printed.
pub(crate) struct Texts {
    /// Linux.
    pub(crate) linux: String,
    /// Inarch.
    pub(crate) inarch: String,
}

/// How much the program prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// A hash for each script.
    Hash,
    /// The calls and answers, and a hash of what was seen after each.
    Calls,
    /// Everything.
    All,
}

impl Detail {
    fn option(self) -> Option<&'static str> {
        match self {
            Detail::Hash => None,
            Detail::Calls => Some("-b"),
            Detail::All => Some("-v"),
        }
    }
}

impl Sides {
    /// Runs the scripts of ranges of seeds, the last one not included.
    pub(crate) fn run_seeds(&self, detail: Detail, ranges: &[(u64, u64)]) -> Result<Texts> {
        let mut arguments = self.options.clone();
        arguments.extend(detail.option().map(str::to_owned));
        arguments.extend(
            ranges
                .iter()
                .flat_map(|(from, to)| [from, to].map(u64::to_string)),
        );
        self.run(&arguments, "")
    }

    /// Runs scripts, each a list of calls; their names are their numbers.
    pub(crate) fn run_scripts(&self, detail: Detail, scripts: &[Vec<String>]) -> Result<Texts> {
        let text = script::text(scripts);
        let mut arguments = vec!["-s".to_owned(), format!("/{SCRIPTS}")];
        arguments.extend(detail.option().map(str::to_owned));
        self.run(&arguments, &text)
    }

    /// Runs the program on both at once.
    pub(crate) fn run(&self, arguments: &[String], scripts: &str) -> Result<Texts> {
        std::thread::scope(|scope| {
            let linux = scope.spawn(|| self.ask_reference(arguments, scripts));
            let inarch = self.ask_inarch(arguments, scripts)?;
            let linux = linux
                .join()
                .unwrap_or_else(|_| anyhow::bail!("Linux's run has panicked"))?;
            Ok(Texts { linux, inarch })
        })
    }

    fn ask_inarch(&self, arguments: &[String], scripts: &str) -> Result<String> {
        let folder = folder("inarch", scripts)?;
        let kernel = match &self.subject {
            Subject::Kernel(kernel) => kernel,
            Subject::Crate(program) => return run_here(program, arguments, &folder),
        };
        let contents = Contents {
            program: self.programs.join(self.program),
            arguments: own_machine(arguments).iter().map(Into::into).collect(),
            root: Some(folder.clone()),
            ..Contents::default()
        };
        let words = ["semihosting", "notty=012"].map(str::to_owned);
        self.boot(&Machine::default(), &kernel.image, &words, &contents, &folder)
    }

    fn ask_reference(&self, arguments: &[String], scripts: &str) -> Result<String> {
        let folder = folder("linux", scripts)?;
        let arguments = &[&[DROP_TABLES.to_owned()], arguments].concat();
        match &self.reference {
            Reference::None => Ok(String::new()),
            Reference::Linux(image) => {
                fs_err::copy(self.programs.join(self.program), folder.join(self.program))?;
                let line = format!("0 {} {}\n", self.program, own_machine(arguments).join(" "));
                fs_err::write(folder.join("tests.txt"), line)?;
                let contents = Contents {
                    program: self.programs.join(linux::INIT),
                    root: Some(folder.clone()),
                    ..Contents::default()
                };
                self.boot(
                    &linux_machine(),
                    image,
                    &linux::words(linux::INIT),
                    &contents,
                    &folder,
                )
            }
            Reference::Host(program) => run_here(program, arguments, &folder),
        }
    }

    fn boot(
        &self,
        machine: &Machine,
        image: &Path,
        words: &[String],
        contents: &Contents,
        folder: &Path,
    ) -> Result<String> {
        let archive = folder.with_extension("cpio");
        archive::write(contents, &archive)?;
        let elf = match &self.subject {
            Subject::Kernel(kernel) => kernel.elf.clone(),
            // Nothing that runs has panics with addresses.
            Subject::Crate(program) => program.clone(),
        };
        let kernel = Kernel {
            elf: elf.clone(),
            image: image.to_owned(),
        };
        let load = Load {
            kernel: &kernel,
            archive: Some(&archive),
            words,
        };
        let qemu = self.qemu.as_ref().context("nothing should run in QEMU")?;
        let mut command = machine.command(qemu, &load, Serial::Output, Debugger::None)?;
        let annotator = Arc::new(Annotator::new(elf));
        let record = boot::record(command.stdin(Stdio::null()), &annotator, TIMEOUT)?;
        Ok(record.out.replace('\r', "") + &record.err)
    }
}

/// The arguments for a machine that nobody else uses.
fn own_machine(arguments: &[String]) -> Vec<String> {
    let mut all = vec!["-m".to_owned()];
    all.extend_from_slice(arguments);
    all
}

/// Runs the program on this computer.
fn run_here(program: &Path, arguments: &[String], folder: &Path) -> Result<String> {
    let path = folder.join(SCRIPTS).display().to_string();
    let here = |argument: &String| match *argument == format!("/{SCRIPTS}") {
        true => path.clone(),
        false => argument.clone(),
    };
    let mut command = Command::new(program);
    let output = command
        .args(arguments.iter().map(here))
        .output()
        .with_context(|| format!("could not run {}", program.display()))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(text(&output.stdout) + &text(&output.stderr))
}

/// Linux's machine: its address space is the same on every CPU, and this one takes QEMU less time than `max`.
fn linux_machine() -> Machine {
    Machine {
        cpu: "cortex-a72".to_owned(),
        ..Machine::default()
    }
}

/// What a side finds at its root.
fn folder(side: &str, scripts: &str) -> Result<PathBuf> {
    let folder = workspace::scratch("oracle")?.join(side);
    fs_err::create_dir_all(&folder)?;
    fs_err::write(folder.join(SCRIPTS), scripts)?;
    Ok(folder)
}
