//! `cargo xtask bench`: what the calls cost on Inarch, and on Linux in the same machine.

mod boot;
mod chart;
mod compare;
mod functions;
mod gate;
mod gdbstub;
mod growth;
mod json;
mod losing;
mod missed;
mod mops;
mod output;
mod profile;
mod progress;
mod promise;
mod report;
mod rows;
mod sides;
mod svg;
mod table;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};

use crate::compile::{self, Flavor};
use crate::linux::LinuxOptions;
use crate::options::{Board, BuildOptions};
use crate::qemu::machine::{Icount, Machine};
use crate::qemu::raspi::Model;
use crate::setup::core::Core;
use crate::setup::device_trees;
use crate::{say, setup, workspace};
use compare::Comparison;
pub(crate) use gate::trials;
use sides::Side;
pub(crate) use sides::Sides;

/// How long one boot may take; on Linux `--full` takes minutes.
const TIMEOUT: Duration = Duration::from_secs(1800);

/// Measure what the calls that move memory cost, in instructions
///
/// Prints a table, and leaves a chart and a report of it below the target folder. programs/bench makes the calls and reads the
/// counter around each. With --vs-linux it does so on Debian's newest Linux for arm64, too, in the same machine: the same
/// executable, the same flags of QEMU.
#[derive(Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  cargo xtask bench                          every row, on Inarch
  cargo xtask bench --vs-linux               and on Linux: some minutes
  cargo xtask bench --vs-linux --full        and what takes long there: 100,000 mappings
  cargo xtask bench --row mappings           the rows with `mappings` in their names
  cargo xtask bench --row fault --cpu cortex-a72
  cargo xtask bench --profile move-2-pages   where its instructions go, by function and by line
  cargo xtask bench --json | jq '.rows[] | select(.reached == false)'
  cargo xtask bench --accept                 what the tests named bench:: compare with
  cargo xtask bench boot                     from power-on to a program; the image's size"
)]
pub(crate) struct Bench {
    #[command(subcommand)]
    what: Option<What>,
    /// Only rows with this in their names; may be given several times
    #[arg(long, value_name = "NAME")]
    row: Vec<String>,
    /// Print the names of the rows
    #[arg(long, conflicts_with_all = ["row", "vs_linux", "json", "profile", "accept"])]
    list: bool,
    /// Measure Debian's Linux as well
    #[arg(long)]
    vs_linux: bool,
    /// Measure on Linux also what takes long there
    #[arg(long, requires = "vs_linux")]
    full: bool,
    /// How often each kernel is booted: all its runs must be equal
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: u32,
    /// QEMU's machine; on a Raspberry Pi a tick of the counter is 16 instructions
    #[arg(long, value_enum, default_value_t = Board::Virt, conflicts_with_all = ["vs_linux", "accept"])]
    machine: Board,
    /// CPU model; with others than max a tick of the counter is 16 instructions
    #[arg(long, value_name = "MODEL", default_value = "max")]
    cpu: String,
    /// Show where the instructions of one call go, by function of the kernel and by line
    #[arg(long, value_name = "ROW", conflicts_with_all = ["row", "vs_linux", "runs", "json"])]
    profile: Option<String>,
    /// Put the profile of each row that misses its goal into the report, as --vs-linux does
    #[arg(long, conflicts_with_all = ["profile", "accept", "list"])]
    profile_missed: bool,
    /// Accept what the rows cost now: the tests fail where they cost more later
    #[arg(long, conflicts_with_all = ["row", "vs_linux", "json", "profile"])]
    accept: bool,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    linux: LinuxOptions,
    #[command(flatten)]
    build: BuildOptions,
}

/// What is measured instead of the rows.
#[derive(Subcommand)]
enum What {
    /// Instructions from power-on to a program's first, and the image's size; fails beyond the limits
    Boot(BuildOptions),
}

impl Bench {
    /// Does it.
    pub(crate) fn run(self) -> Result<ExitCode> {
        if let Some(What::Boot(options)) = &self.what {
            return boot::run(options);
        }
        let sides = self.sides()?;
        if self.list {
            sides.names()?.iter().for_each(|name| println!("{name}"));
            return Ok(ExitCode::SUCCESS);
        }
        if let Some(row) = &self.profile {
            profile::run(&sides, row)?;
            return Ok(ExitCode::SUCCESS);
        }
        if self.accept {
            gate::accept(&sides)?;
            return Ok(ExitCode::SUCCESS);
        }
        let inarch = self.measure(&sides, Side::Inarch, true)?;
        let linux = match self.vs_linux {
            true => Some(self.measure(&sides, Side::Linux, self.full)?),
            false => None,
        };
        let machine = sides.machine.name();
        let mut comparison = Comparison::new(machine, inarch, linux);
        if comparison.rows.is_empty() {
            bail!("no row has such a name; `cargo xtask bench --list` prints them");
        }
        if self.vs_linux || self.profile_missed {
            comparison.profile_missed(|row| profile::of_row(&sides, row))?;
        }
        match self.json {
            true => println!(
                "{}",
                json::of(&comparison).format().context("a figure is no number")?
            ),
            false => table::print(&comparison),
        }
        let folder = workspace::scratch("bench")?;
        for (name, text) in [
            ("report.html", report::html(&comparison)),
            ("chart.svg", chart::whole(&comparison)),
        ] {
            let path = folder.join(name);
            fs_err::write(&path, text)?;
            say::note(&format!("see {}", workspace::short(&path).display()));
        }
        for name in comparison.unequal() {
            say::warning(&format!("the runs of {name} were not equal"));
        }
        Ok(ExitCode::SUCCESS)
    }

    /// All that is measured of a side.
    fn measure(&self, sides: &Sides, side: Side, full: bool) -> Result<sides::Result> {
        let mut result = sides.measure(side, &self.row, full)?;
        if self.row.is_empty() && sides.machine.name() == Machine::default().cpu {
            sides.measure_copying(side, &mut result)?;
        }
        Ok(result)
    }

    fn machine(&self) -> Result<Machine> {
        let model = match self.machine {
            Board::Virt => {
                return Ok(Machine {
                    cpu: self.cpu.clone(),
                    ..Machine::default()
                });
            }
            Board::Raspi3b => Model::Raspi3b,
            Board::Raspi4b => Model::Raspi4b,
        };
        Ok(Machine::of(device_trees::raspi(model)?))
    }

    /// Builds and fetches what is booted.
    fn sides(&self) -> Result<Sides> {
        let linux = self.vs_linux.then(|| self.linux.image()).transpose()?;
        let core = Core::ensure(&self.build)?;
        Ok(Sides {
            qemu: setup::qemu::ensure()?,
            kernel: compile::kernel(&core, Flavor::Plain)?,
            programs: compile::programs(&core)?,
            linux,
            machine: Machine {
                icount: Icount::Measuring,
                ..self.machine()?
            },
            runs: self.runs,
            timeout: TIMEOUT,
        })
    }
}
