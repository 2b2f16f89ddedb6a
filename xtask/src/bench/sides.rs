//! The two systems that are measured, each in a machine of its own, by the same program.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};

use super::output::{Measured, Outcome, Run, last_words};
use super::progress::Progress;
use super::{boot, rows};
use crate::archive::{self, Contents};
use crate::compile::Kernel;
use crate::console::Annotator;
use crate::linux;
use crate::qemu::boot::{self as machine_run, Captured, End};
use crate::qemu::machine::{Debugger, Load, Machine, Serial};
use crate::workspace;

/// The program that measures.
pub(super) const PROGRAM: &str = "bench";

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// This kernel.
    Inarch,
    /// Debian's kernel.
    Linux,
}

/// What both are booted with.
#[derive(Clone)]
pub(crate) struct Sides {
    /// QEMU.
    pub(crate) qemu: PathBuf,
    /// This kernel.
    pub(crate) kernel: Kernel,
    /// The folder of the project's programs.
    pub(crate) programs: PathBuf,
    /// Linux's image, if it is to be measured.
    pub(crate) linux: Option<PathBuf>,
    /// The machine of both.
    pub(crate) machine: Machine,
    /// How often each is booted.
    pub(crate) runs: u32,
    /// How long one boot may take.
    pub(crate) timeout: Duration,
}

/// What a side has measured.
pub(super) struct Result {
    /// The first run.
    pub(super) run: Run,
    /// Names of the rows that later runs did not give the same way.
    pub(super) unequal: Vec<String>,
}

impl Sides {
    /// Boots a side as often as it is to be, and measures.
    pub(super) fn measure(&self, side: Side, names: &[String], full: bool) -> anyhow::Result<Result> {
        let mut arguments = names.to_vec();
        if full {
            arguments.push("--full".to_owned());
        }
        let (mut run, text) = self.once(side, &arguments, 1)?;
        let mut unequal = Vec::new();
        for number in 2..=self.runs {
            let (again, _) = self.once(side, &arguments, number)?;
            for (first, second) in run.rows.iter().zip(&again.rows) {
                if first != second && !unequal.contains(&first.0) {
                    unequal.push(first.0.clone());
                }
            }
        }
        let wanted = |name: &str| names.is_empty() || names.iter().any(|part| name.contains(part.as_str()));
        if wanted(rows::BOOT) && self.machine.name() == Machine::default().cpu {
            let figure = Outcome::Measured(Measured::single(self.boot_time(side, text)?));
            run.rows.push((rows::BOOT.to_owned(), figure));
        }
        if wanted(rows::IMAGE) {
            let figure = Outcome::Measured(Measured::single(fs_err::metadata(self.image(side)?)?.len()));
            run.rows.push((rows::IMAGE.to_owned(), figure));
        }
        Ok(Result { run, unequal })
    }

    /// Measures once more what clears or copies memory, on a CPU that has no instruction for it, and adds it under names of its own.
    pub(super) fn measure_copying(&self, side: Side, result: &mut Result) -> anyhow::Result<()> {
        let mut plain = self.clone();
        plain.machine.cpu = rows::PLAIN_CPU.to_owned();
        plain.runs = 1;
        let names = rows::COPYING.map(str::to_owned);
        for (name, outcome) in plain.measure(side, &names, false)?.run.rows {
            let name = format!("{name}@{}", rows::PLAIN_CPU);
            result.run.rows.push((name, outcome));
        }
        Ok(())
    }

    /// The names of all rows, as the program tells them.
    pub(super) fn names(&self) -> anyhow::Result<Vec<String>> {
        let arguments = ["--full", "--list"].map(str::to_owned);
        let text = self.boot(Side::Inarch, PROGRAM, &arguments, None)?;
        let known = [rows::BOOT, rows::IMAGE].map(str::to_owned);
        Ok(text.lines().map(str::to_owned).chain(known).collect())
    }

    /// One boot of the program that measures.
    fn once(&self, side: Side, arguments: &[String], number: u32) -> anyhow::Result<(Run, String)> {
        let title = match self.runs {
            1 => format!("{side:?}, {}", self.machine.name()),
            runs => format!("{side:?}, {}, {number} of {runs}", self.machine.name()),
        };
        let progress = Progress::new(title);
        let text = self.boot(side, PROGRAM, arguments, Some(progress))?;
        let run = Run::parse(&text).with_context(|| format!("{side:?} could not be measured"))?;
        Ok((run, text))
    }

    /// The counter at the first instruction of a program of 600 KB: the first that Inarch starts, and on Linux the first that
    /// process 1 starts, whose output is `text`.
    fn boot_time(&self, side: Side, text: String) -> anyhow::Result<u64> {
        let text = match side {
            Side::Inarch => self.boot(side, boot::PROGRAM, &[], None)?,
            Side::Linux => text,
        };
        boot::counter_in(&text)
    }

    fn image(&self, side: Side) -> anyhow::Result<&Path> {
        match (side, &self.linux) {
            (Side::Inarch, _) => Ok(&self.kernel.image),
            (Side::Linux, Some(image)) => Ok(image),
            (Side::Linux, None) => bail!("there is no Linux to measure"),
        }
    }

    /// Boots a side with one of the project's programs, and gives what it has printed.
    fn boot(
        &self,
        side: Side,
        program: &str,
        arguments: &[String],
        progress: Option<Progress>,
    ) -> anyhow::Result<String> {
        let archive = self.archive(side, program, arguments)?;
        let words: Vec<String> = match side {
            Side::Inarch => vec!["semihosting".to_owned(), "notty=012".to_owned()],
            Side::Linux => linux::words(linux::INIT),
        };
        let kernel = Kernel {
            elf: self.kernel.elf.clone(),
            image: self.image(side)?.to_owned(),
        };
        let load = Load {
            kernel: &kernel,
            archive: Some(&archive),
            words: &words,
        };
        let mut command = self
            .machine
            .command(&self.qemu, &load, Serial::Output, Debugger::None)?;
        let annotator = Arc::new(Annotator::new(self.kernel.elf.clone()));
        let (out, err) = (Captured::default(), Captured::default());
        let end = machine_run::run(
            command.stdin(Stdio::null()),
            &annotator,
            Some(self.timeout),
            Watched {
                out: out.clone(),
                progress,
            },
            err.clone(),
        )?;
        let text = out.text().replace('\r', "");
        match (end, err.text().trim()) {
            (End::TimedOut(after), _) => bail!(
                "{side:?} was not ready after {} s:\n{}",
                after.as_secs(),
                last_words(&text)
            ),
            (End::QemuFailed(reason), errors) => bail!("{reason}\n{errors}"),
            (_, "") => Ok(text),
            (_, errors) => Ok(format!("{text}{errors}\n")),
        }
    }

    /// Packs the program; for Linux with the process that starts it, and the one that tells how long the boot took.
    pub(super) fn archive(&self, side: Side, program: &str, arguments: &[String]) -> anyhow::Result<PathBuf> {
        let folder = workspace::scratch("bench")?;
        let archive = folder.join(format!("{side:?}-{program}.cpio"));
        let mut contents = Contents {
            program: self.programs.join(program),
            arguments: arguments.iter().map(Into::into).collect(),
            ..Contents::default()
        };
        if side == Side::Linux {
            let root = folder.join("linux");
            fs_err::create_dir_all(&root)?;
            for program in [boot::PROGRAM, program] {
                fs_err::copy(self.programs.join(program), root.join(program))?;
            }
            let lines = format!("0 {}\n0 {program} {}\n", boot::PROGRAM, arguments.join(" "));
            fs_err::write(root.join("tests.txt"), lines)?;
            contents.program = self.programs.join(linux::INIT);
            contents.root = Some(root);
        }
        archive::write(&contents, &archive)?;
        Ok(archive)
    }
}

/// Keeps what the machine prints, and shows how far it has come.
struct Watched {
    out: Captured,
    progress: Option<Progress>,
}

impl Write for Watched {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.out.write_all(bytes)?;
        if let Some(progress) = &mut self.progress {
            progress.saw(&String::from_utf8_lossy(bytes));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
