//! `cargo xtask conformance`: what `mremap` answers to every combination of its flags, sizes and kinds of mapping, on Inarch and on
//! Linux, as a table.

mod table;

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::compile::{self, Flavor};
use crate::linux::LinuxOptions;
use crate::options::BuildOptions;
use crate::oracle::sides::{Reference, Sides, Subject};
use crate::setup::core::Core;
use crate::{say, setup, workspace};
use table::Table;

/// The program whose lines make the table.
const PROGRAM: &str = "conformance";
/// The table.
const PAGE: &str = "docs/conformance.md";

/// Write the table of what mremap answers, on Inarch and on Linux
///
/// The program of that name makes every combination of mremap's flags, sizes and kinds of mapping. Answers, and what is mapped
/// afterwards, are compared with Linux's, and docs/conformance.md is written.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask conformance               run both, write the table
  cargo xtask conformance --check       does Inarch still answer what the table says?

Exit status: 0 if nothing differs, 1 if something does.")]
pub(crate) struct Conformance {
    /// Write nothing; run Inarch alone, and compare with the table there is
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    linux: LinuxOptions,
    #[command(flatten)]
    build: BuildOptions,
}

impl Conformance {
    /// Does it.
    pub(crate) fn run(self) -> Result<ExitCode> {
        let reference = match self.check {
            true => Reference::None,
            false => Reference::Linux(self.linux.image()?),
        };
        let core = Core::ensure(&self.build)?;
        let sides = Sides {
            qemu: Some(setup::qemu::ensure()?),
            reference,
            subject: Subject::Kernel(compile::kernel(&core, Flavor::Plain)?),
            programs: compile::programs(&core)?,
            program: PROGRAM,
            options: Vec::new(),
        };
        let texts = sides.run(&[], "")?;
        let inarch = table::parse(&texts.inarch)?;
        let page = workspace::root().join(PAGE);
        if self.check {
            let old = fs_err::read_to_string(&page)?;
            return Ok(check(&old, &Table::new(&inarch, &inarch)));
        }
        let linux = table::parse(&texts.linux)?;
        let table = Table::new(&inarch, &linux);
        fs_err::write(&page, table.markdown())?;
        for difference in table.differences() {
            println!("{difference}");
        }
        println!("{}", table.summary());
        Ok(status(table.differences().next().is_none()))
    }
}

/// Whether the page says what Inarch answers now.
fn check(page: &str, now: &Table<'_>) -> ExitCode {
    let same = table::inarchs_side(page) == table::inarchs_side(&now.markdown());
    match same {
        true => println!("{} calls, answered as {PAGE} says", now.calls()),
        false => say::warning(&format!("{PAGE} says something else: cargo xtask conformance")),
    }
    status(same)
}

fn status(good: bool) -> ExitCode {
    ExitCode::from(u8::from(!good))
}
