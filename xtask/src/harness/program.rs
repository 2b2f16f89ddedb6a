//! Program tests: each boots a machine with one program, and compares what comes out.

use fs_err::File;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, anyhow, bail};
use libtest_mimic::Trial;

use super::bench::Bench;
use crate::archive::{self, Contents};
use crate::command::quoted;
use crate::console::Annotator;
use crate::options::parse_size;
use crate::qemu::boot::{self, End, Record};
use crate::qemu::machine::{Load, Machine, Serial};
use crate::workspace;

/// One test.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// Its name, complete.
    pub(crate) name: String,
    /// The program on the host; without one there is no archive either.
    pub(crate) program: Option<PathBuf>,
    /// Its arguments.
    pub(crate) arguments: Vec<OsString>,
    /// What it finds on standard input.
    pub(crate) input: Vec<u8>,
    /// The machine, if it is not the usual one.
    pub(crate) machine: Option<Machine>,
    /// The kernel's command line, if it is not the usual one.
    pub(crate) words: Option<Vec<String>>,
    /// What must come out.
    pub(crate) expected: Expected,
}

/// What a program must do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expected {
    /// The exit status.
    pub(crate) status: u8,
    /// What the machine does in the end.
    pub(crate) ending: Ending,
    /// Standard output, byte for byte.
    pub(crate) output: Option<String>,
    /// Pieces that standard output must hold.
    pub(crate) output_holds: Vec<String>,
    /// Pieces that standard error must hold.
    pub(crate) errors_hold: Vec<String>,
}

/// What a machine does in the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It ends, or switches itself off.
    #[default]
    Off,
    /// It tells the exit status and stands still, because it doesn't know how to switch itself off.
    StandsStill,
}

impl Case {
    /// A program that must end with `status` on the usual machine.
    pub(crate) fn new(name: impl Into<String>, program: impl Into<PathBuf>, status: u8) -> Self {
        Case {
            name: name.into(),
            program: Some(program.into()),
            arguments: Vec::new(),
            input: Vec::new(),
            machine: None,
            words: None,
            expected: Expected {
                status,
                ..Expected::default()
            },
        }
    }

    /// The test as a trial.
    pub(crate) fn trial(self, bench: &Arc<Bench>) -> Trial {
        bench.trial(self.name.clone(), move |bench| self.run(bench))
    }

    fn run(&self, bench: &Bench) -> Result<()> {
        let archive = self
            .program
            .as_ref()
            .map(|program| self.archive(program))
            .transpose()?;
        let words = self.words.as_ref().unwrap_or(&bench.words);
        let load = Load {
            kernel: &bench.kernel,
            archive: archive.as_deref(),
            words,
        };
        let machine = self.machine.as_ref().unwrap_or(&bench.machine);
        let mut command = machine.command(&bench.qemu, &load, Serial::Output, bench.debugger)?;
        let elf = bench.kernel.elf.clone();
        let annotator = Arc::new(match words.iter().any(|word| word == "semihosting") {
            true => Annotator::new(elf),
            false => Annotator::with_verdict(elf),
        });
        let judged = boot::record(command.stdin(self.input()?), &annotator, bench.patience())
            .and_then(|Record { end, out, err }| self.expected.compare(&end, &out, &err));
        if let Some(archive) = &archive {
            // A failed test's archive stays for the command line that its report quotes.
            if judged.is_ok() {
                let _ = fs_err::remove_file(archive);
            }
        }
        judged.map_err(|error| anyhow!("{error:#}\n$ {}", quoted(&command)))
    }

    /// Standard input, as a stream that ends.
    fn input(&self) -> Result<Stdio> {
        if self.input.is_empty() {
            return Ok(Stdio::null());
        }
        let path = own_file("input")?;
        fs_err::write(&path, &self.input)?;
        let file = File::open(&path)?;
        fs_err::remove_file(&path)?;
        Ok(file.into_file().into())
    }

    /// Packs the program into an archive of its own.
    fn archive(&self, program: &Path) -> Result<PathBuf> {
        let path = own_file("cpio")?;
        let contents = Contents {
            program: program.to_owned(),
            arguments: self.arguments.clone(),
            ..Contents::default()
        };
        archive::write(&contents, &path)?;
        Ok(path)
    }
}

/// A file's name that no other test of this run has.
fn own_file(extension: &str) -> Result<PathBuf> {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    Ok(workspace::scratch("tests")?.join(format!("{number}.{extension}")))
}

impl Expected {
    /// Compares, and tells everything that came out if something differs.
    pub(super) fn compare(&self, end: &End, out: &str, err: &str) -> Result<()> {
        let Some(difference) = self.difference(end, out, err) else {
            return Ok(());
        };
        // A test program names the line that found a fault; that line comes first in the report.
        let place = out.lines().chain(err.lines()).find(|line| is_place(line));
        let place = place.map(|line| format!("{line}\n")).unwrap_or_default();
        bail!(
            "{place}{difference}{}{}",
            section("standard output", out),
            section("standard error", err)
        )
    }

    fn difference(&self, end: &End, out: &str, err: &str) -> Option<String> {
        match end {
            End::Status(status) if *status == self.status && self.ending == Ending::Off => {}
            End::StandsStill(status) if *status == self.status && self.ending == Ending::StandsStill => {}
            End::Status(_) if self.ending == Ending::StandsStill => {
                return Some("the machine ended instead of standing still".to_owned());
            }
            End::StandsStill(_) if self.ending == Ending::Off => {
                return Some("the machine stands still instead of ending".to_owned());
            }
            End::Status(status) | End::StandsStill(status) => {
                return Some(format!("exit status {status} instead of {}", self.status));
            }
            End::Panicked => return Some("the kernel panicked".to_owned()),
            End::TimedOut(after) => return Some(format!("timed out after {} s", after.as_secs_f64())),
            End::QemuFailed(reason) => return Some(reason.clone()),
        }
        if let Some(expected) = &self.output
            && expected != out
        {
            return Some(format!(
                "standard output is not the expected\n{}",
                expected.trim_end()
            ));
        }
        let missing = |pieces: &[String], text: &str| {
            pieces
                .iter()
                .find(|piece| !text.contains(piece.as_str()))
                .cloned()
        };
        if let Some(piece) = missing(&self.output_holds, out) {
            return Some(format!("standard output holds no `{piece}`"));
        }
        let piece = missing(&self.errors_hold, err)?;
        Some(format!("standard error holds no `{piece}`"))
    }
}

/// Whether a line begins with `FILE.rs:LINE: `, or `FAILED FILE.c:LINE: `.
fn is_place(line: &str) -> bool {
    let mut parts = line.strip_prefix("FAILED ").unwrap_or(line).splitn(3, ':');
    let file = parts
        .next()
        .is_some_and(|file| file.ends_with(".rs") || file.ends_with(".c"));
    file && parts
        .next()
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

fn section(name: &str, text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    format!("\n--- {name} ---\n{}", text.trim_end())
}

/// The tests in a list of lines `STATUS [--memory=SIZE] PROGRAM ARGUMENTS...`; `#` begins a comment. Programs lie in `folder`;
/// `usual` is the machine of a test that asks for no other.
pub(crate) fn parse_list(list: &str, folder: &Path, usual: &Machine) -> Result<Vec<Case>> {
    let lines = list
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim());
    lines
        .filter(|line| !line.is_empty())
        .map(|line| parse_case(line, folder, usual).with_context(|| format!("`{line}` is no test")))
        .collect()
}

fn parse_case(line: &str, folder: &Path, usual: &Machine) -> Result<Case> {
    let mut words = line.split_whitespace().peekable();
    let status = words
        .next()
        .and_then(|word| word.parse().ok())
        .context("no exit status comes first")?;
    let memory = words.next_if(|word| word.starts_with("--"));
    let program = words.next().context("no program is named")?;
    let arguments: Vec<&str> = words.collect();
    let name = std::iter::once(program)
        .chain(arguments.iter().copied())
        .collect::<Vec<_>>()
        .join("::");
    let mut case = Case::new(format!("program::{name}"), folder.join(program), status);
    case.arguments = arguments.into_iter().map(OsString::from).collect();
    if let Some(word) = memory {
        let size = word
            .strip_prefix("--memory=")
            .context("only --memory=SIZE can be asked for")?;
        let memory = parse_size(size)?;
        // A Raspberry Pi has the memory that it has; the smaller machine only saves time.
        case.machine = usual.raspi.is_none().then(|| Machine {
            memory,
            ..usual.clone()
        });
    }
    Ok(case)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read() {
        let parse = |list| parse_list(list, Path::new("/x"), &Machine::default());
        let list = "# comment\n\n0 hello\n139 fault null-read # why\n137 --memory=256M fault all\n";
        let cases = parse(list).unwrap();
        assert_eq!(cases.len(), 3);
        assert_eq!(
            (cases[0].name.as_str(), cases[0].expected.status),
            ("program::hello", 0)
        );
        assert_eq!(cases[1].name, "program::fault::null-read");
        assert_eq!(cases[1].program.as_deref(), Some(Path::new("/x/fault")));
        assert_eq!((cases[1].arguments.len(), cases[1].expected.status), (1, 139));
        assert_eq!(
            (cases[1].machine.as_ref(), cases[2].name.as_str()),
            (None, "program::fault::all")
        );
        assert_eq!(cases[2].machine.as_ref().unwrap().memory.bytes, 256 << 20);
        for wrong in [
            "hello",
            "256 hello",
            "0",
            "0 --memory=256M",
            "0 --memory=x hello",
            "0 --cpu=max hello",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn differences_are_told_with_the_place_first() {
        let expected = Expected {
            output_holds: vec!["ok".into()],
            errors_hold: vec!["line".into()],
            ..Expected::default()
        };
        assert_eq!(expected.difference(&End::Status(0), "ok\n", "a line\n"), None);
        assert!(
            expected
                .difference(&End::Status(0), "ok\n", "")
                .unwrap()
                .contains("standard error")
        );
        assert!(
            expected
                .difference(&End::Status(0), "", "line")
                .unwrap()
                .contains("standard output")
        );
        assert!(
            expected
                .difference(&End::Panicked, "ok", "line")
                .unwrap()
                .contains("panicked")
        );
        let exact = Expected {
            output: Some("ok\n".into()),
            ..Expected::default()
        };
        assert!(exact.difference(&End::Status(0), "ok", "").is_some());

        let report = exact
            .compare(&End::Status(1), "x\nprograms/a.rs:12: not so\n", "words\n")
            .unwrap_err()
            .to_string();
        assert!(
            report.starts_with(
                "programs/a.rs:12: not so\nexit status 1 instead of 0\n--- standard output ---\nx\n"
            ),
            "{report}"
        );
        assert!(report.ends_with("--- standard error ---\nwords"), "{report}");
    }
}
