//! The program that a verb puts onto a machine, and what it finds there: as people say it, checked, and packed.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;

use crate::archive::{self, Contents};
use crate::compile;
use crate::elf;
use crate::exit::{self, WithStatus};
use crate::setup::core::Core;

/// The program that is taken if none is named.
const DEMONSTRATION: &str = "tour";

/// A program behind two dashes: `-- PROGRAM ARGS`.
#[derive(Args)]
pub(crate) struct CommandOptions {
    /// The program and its arguments
    #[arg(last = true, value_names = ["PROGRAM", "ARGS"])]
    pub(crate) command: Vec<OsString>,
    #[command(flatten)]
    files: FileOptions,
    /// Leave it to the kernel to refuse what is no program
    #[arg(long)]
    no_check: bool,
}

/// A program as an option of its own: `--program FILE -- ARGS`.
#[derive(Args)]
#[command(next_help_heading = "Program")]
pub(super) struct ProgramOptions {
    /// The program: a static Linux executable for arm64 [default: the demonstration]
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    #[command(flatten)]
    files: FileOptions,
    /// The program's arguments
    #[arg(last = true, value_name = "ARGS")]
    arguments: Vec<OsString>,
}

/// What a program finds.
#[derive(Args)]
struct FileOptions {
    /// Files that the program finds in its root folder
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// A variable of the program's environment; may be given several times
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<OsString>,
}

impl CommandOptions {
    /// Whether no program was named.
    pub(super) fn is_demonstration(&self) -> bool {
        self.command.is_empty()
    }

    fn program(&self) -> Option<&Path> {
        self.command.first().map(Path::new)
    }

    /// Refuses what can't run, before anything gets installed or built.
    pub(super) fn check(&self) -> Result<()> {
        self.files.check()?;
        self.program()
            .map_or(Ok(()), |program| check(program, !self.no_check))
    }

    /// What the archive holds. The demonstration is built where no program is named; `environment` is added to what was given.
    pub(super) fn contents(&self, core: &Core, environment: &[(&str, OsString)]) -> Result<Contents> {
        let arguments = self.command.iter().skip(1);
        let mut contents = self.files.contents(core, self.program(), arguments)?;
        add_variables(&mut contents.environment, environment);
        Ok(contents)
    }
}

impl ProgramOptions {
    /// Refuses what can't run, before anything gets installed or built.
    pub(super) fn check(&self) -> Result<()> {
        self.files.check()?;
        self.program
            .as_deref()
            .map_or(Ok(()), |program| check(program, true))
    }

    /// What the archive holds. The demonstration is built where no program is named.
    pub(super) fn contents(&self, core: &Core) -> Result<Contents> {
        self.files
            .contents(core, self.program.as_deref(), self.arguments.iter())
    }
}

impl FileOptions {
    fn check(&self) -> Result<()> {
        archive::check(&self.env, self.root.as_deref())
    }

    fn contents<'a>(
        &self,
        core: &Core,
        program: Option<&Path>,
        arguments: impl Iterator<Item = &'a OsString>,
    ) -> Result<Contents> {
        Ok(Contents {
            program: match program {
                Some(program) => program.to_owned(),
                None => compile::programs(core)?.join(DEMONSTRATION),
            },
            arguments: arguments.cloned().collect(),
            environment: self.env.clone(),
            root: self.root.clone(),
        })
    }
}

/// Refuses a file that isn't there or can't be read, and one that can't run, if `in_full`.
fn check(program: &Path, in_full: bool) -> Result<()> {
    let shown = program.display();
    let refused = |why: String| Err(WithStatus::error(exit::REFUSED, why));
    if program.is_dir() {
        return refused(format!("{shown} is a folder, not a program"));
    }
    let file = match fs_err::read(program) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let hint = match program.components().count() {
                1 => "; give the path of a file on this machine: PATH is not searched",
                _ => "",
            };
            let why = format!("there is no file {shown}{hint}");
            return Err(WithStatus::error(exit::NOT_FOUND, why));
        }
        Err(error) => return Err(error.into()),
    };
    match elf::check(&file) {
        Err(reason) if in_full => refused(format!("{shown} can't run on Inarch: {reason}")),
        _ => Ok(()),
    }
}

/// Adds variables to an environment, but for those that it has.
fn add_variables(environment: &mut Vec<OsString>, more: &[(&str, OsString)]) {
    for (name, value) in more {
        let mut variable = OsString::from(name);
        variable.push("=");
        let is_same = |given: &OsString| given.as_encoded_bytes().starts_with(variable.as_encoded_bytes());
        if !environment.iter().any(is_same) {
            variable.push(value);
            environment.push(variable);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_goes_before_what_is_added() {
        let given = ["TERM=mine", "HOME=/"].map(OsString::from);
        let mut environment = given.to_vec();
        add_variables(&mut environment, &[("TERM", "other".into())]);
        assert_eq!(environment, given);
        add_variables(&mut environment, &[("HOM", "x".into())]);
        assert_eq!(environment.last(), Some(&"HOM=x".into()));
    }

    #[test]
    fn what_cannot_run_is_refused_with_a_status_of_its_own() {
        let status = |program: &str, in_full| {
            let result = check(Path::new(program), in_full);
            result.map_err(|error| error.downcast::<WithStatus>().unwrap().status)
        };
        assert_eq!(status("/", false), Err(exit::REFUSED));
        assert_eq!(status("no-such-program", false), Err(exit::NOT_FOUND));
        assert_eq!(status("/bin/sh", false), Ok(()));
        let text = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        assert_eq!(status(text, true), Err(exit::REFUSED));
    }
}
