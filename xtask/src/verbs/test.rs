//! `cargo xtask test`: every kind of test in one run.

use fs_err::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use libtest_mimic::{Arguments, FormatSetting, Trial};

use super::push::LineOptions;
use crate::bench;
use crate::compile::{self, Flavor};
use crate::harness::bench::Bench;
use crate::harness::boards::Boards;
use crate::harness::on_board::{self, Board};
use crate::harness::{
    boots, c_programs, card_check, cards, early, errata, host, huge_pages, kernel, loads, oracle, program,
    refusals, report,
};
use crate::line::{Address, Line};
use crate::options::{BuildOptions, KernelOptions, MachineOptions, Terminals, parse_seconds};
use crate::qemu::machine::{Debugger, Icount, Machine};
use crate::setup::core::Core;
use crate::{exit, say, setup, workspace};

/// How long a test in QEMU may take unless `--timeout` says otherwise.
const TIMEOUT: Duration = Duration::from_secs(120);
/// The same for the one boot that all tests named `bench::` look at.
const BENCH_TIMEOUT: Duration = Duration::from_secs(300);
/// Bytes that the tests write at the most, beside what cargo builds: what is fetched for them, and two images of a card at a time.
const ROOM: u64 = 512 << 20;
/// The list of program tests.
const PROGRAMS: &str = "programs/tests.txt";

/// Run the tests: on the host, in the kernel, with programs, on every kind of machine
///
/// FILTER is a part of the names of the tests to run. The names begin with the kind of test: `host::`, `kernel::`, `program::`,
/// `boot::`, `bench::`; a filter that begins so spares building the rest. Machine options change the machine of the kernel and
/// program tests, and leave out those named `bench::`, whose figures are of one machine.
#[derive(Args)]
#[command(
    // libtest-mimic's options bring a template of their own.
    help_template = "{before-help}{about-with-newline}\n{usage-heading} {usage}\n\n{all-args}{after-help}",
    mut_arg("test", |arg| arg.hide(true)),
    mut_arg("bench", |arg| arg.hide(true)),
    mut_arg("nocapture", |arg| arg.hide(true)),
    mut_arg("show_output", |arg| arg.hide(true)),
    mut_arg("unstable_flags", |arg| arg.hide(true)),
    mut_arg("test_threads", |arg| arg.hide(true)),
    // And some words that don't fit here, or are told twice.
    mut_arg("include_ignored", |arg| arg.help("Run ignored tests, too")),
    mut_arg("ignored", |arg| arg.help("Run ignored tests only")),
    mut_arg("exact", |arg| arg.help("Take FILTER and those of --skip for whole names")),
    mut_arg("list", |arg| arg.help("Print the names of the tests")),
    mut_arg("filter", |arg| arg.help("Run only tests that have this in their names")),
    mut_arg("skip", |arg| arg.help("Leave out tests that have this in their names; may be given several times")),
    mut_arg("quiet", |arg| arg.help("Print a character for each test; the same as --format terse").long_help(None)),
    mut_arg("logfile", |arg| arg.help("Write the report to this file instead of standard output")),
    mut_arg("color", |arg| arg.help("When to use colours").hide_possible_values(true).value_name("auto|always|never")),
    mut_arg("format", |arg| arg.help("What the report looks like").hide_possible_values(true).value_name("pretty|terse|json")),
    after_help = "\
Examples:
  cargo xtask test                                 everything
  cargo xtask test host::mm                        the unit tests of the crate mm
  cargo xtask test kernel:: --cpu cortex-a72       the in-kernel tests on one CPU model
  cargo xtask test --machine raspi3b               all of them on a Raspberry Pi 3
  cargo xtask test --port /dev/ttyUSB0             the same on a board whose card holds the loader
  cargo xtask test boot:: --list                   the names of the boot tests
  cargo xtask test bench::                         whether a call costs more than it did
  cargo xtask test program::hello --exact          one test
  cargo xtask test --format json                   for machines

The last line is `N passed, N failed`, with `, N skipped` where a test could not be run here.
Exit status: 0 if nothing failed, 101 if something did.")]
pub(crate) struct Test {
    /// The options of every Rust test executable.
    #[command(flatten)]
    pub(crate) libtest: Arguments,
    /// End a test after so many seconds [default: 120 in QEMU, 300 on the host]
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    timeout: Option<Duration>,
    /// Have each machine wait for a debugger on port 1234 (best with the name of one test)
    #[arg(long)]
    gdb: bool,
    /// Run the in-kernel and program tests on a board, at this serial device, `unix:PATH` or `tcp:HOST:PORT`
    #[arg(long, value_name = "PORT", conflicts_with_all = ["gdb", "machine", "cpu", "memory", "smp", "gic", "el2", "el3", "icount"])]
    port: Option<Address>,
    #[command(flatten)]
    line: LineOptions,
    #[command(flatten)]
    machine: MachineOptions,
    #[command(flatten)]
    kernel: KernelOptions,
    #[command(flatten)]
    build: BuildOptions,
}

/// The kinds of tests, as the first part of their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Host,
    Kernel,
    Program,
    Boot,
    Bench,
}

impl Kind {
    const ALL: [Kind; 5] = [Kind::Host, Kind::Kernel, Kind::Program, Kind::Boot, Kind::Bench];

    fn prefix(self) -> &'static str {
        match self {
            Kind::Host => "host::",
            Kind::Kernel => "kernel::",
            Kind::Program => "program::",
            Kind::Boot => "boot::",
            Kind::Bench => "bench::",
        }
    }

    /// Whether a filter may let tests of this kind through.
    fn is_wanted(self, filter: Option<&str>) -> bool {
        let Some(filter) = filter else { return true };
        match Kind::ALL
            .into_iter()
            .find(|kind| filter.starts_with(kind.prefix()))
        {
            Some(kind) => kind == self,
            None => true,
        }
    }
}

impl Test {
    /// Does it.
    pub(crate) fn run(mut self) -> Result<ExitCode> {
        // One machine at a time: times mean something then, and a board has no second one either.
        self.libtest.test_threads = Some(1);
        if let Some(path) = &self.libtest.logfile {
            // libtest-mimic would only find out after everything was built, and panic.
            File::create(path)?;
        }
        if !self.libtest.list {
            workspace::ensure_room(ROOM)?;
        }
        let trials = self.trials()?;
        let conclusion = libtest_mimic::run(&self.libtest, trials);
        if self.libtest.list {
            return Ok(ExitCode::SUCCESS);
        }
        if self.libtest.format != Some(FormatSetting::Json) {
            println!("{}", report::closing_line(&conclusion));
        }
        Ok(if conclusion.has_failed() {
            ExitCode::from(exit::PANIC)
        } else {
            ExitCode::SUCCESS
        })
    }

    fn is_wanted(&self, kind: Kind) -> bool {
        kind.is_wanted(self.libtest.filter.as_deref())
    }

    fn trials(&self) -> Result<Vec<Trial>> {
        if let Some(port) = &self.port {
            return self.trials_on_board(port);
        }
        let mut trials = Vec::new();
        if self.is_wanted(Kind::Host) {
            self.add_host(&mut trials);
        }
        if ![Kind::Kernel, Kind::Program, Kind::Boot, Kind::Bench]
            .into_iter()
            .any(|kind| self.is_wanted(kind))
        {
            return Ok(trials);
        }
        let machine = self.machine.machine()?;
        let core = Core::ensure(&self.build)?;
        let qemu = setup::qemu::ensure()?;
        let boards = match self.machine.is_default() {
            true => Boards::find(),
            false => Boards::NONE,
        };
        if self.is_wanted(Kind::Kernel) {
            let mut bench = self.bench(&core, &qemu, &machine, Flavor::Tests)?;
            bench.words.push("ktest".to_owned());
            trials.extend(kernel::trials(&bench, &self.kernel_machines(&boards)?));
            trials.extend(boards.skipped("kernel::"));
        }
        if self.is_wanted(Kind::Program) || self.is_wanted(Kind::Boot) {
            let bench = Arc::new(self.bench(&core, &qemu, &machine, Flavor::Plain)?);
            self.add_programs(&core, &bench, &boards, &mut trials)?;
        }
        // Figures are those of one machine; whoever chooses another one wants none.
        if self.is_wanted(Kind::Bench) && self.machine.is_default() {
            let print_times = report::is_for_people(&self.libtest);
            trials.extend(bench::trials(self.bench_sides(&core, qemu)?, print_times)?);
        }
        Ok(trials)
    }

    /// What the machines have in common that boot one of the kernels.
    fn bench(&self, core: &Core, qemu: &Path, machine: &Machine, flavor: Flavor) -> Result<Bench> {
        let kernel = compile::kernel(core, flavor)?;
        if self.gdb {
            say::note(&format!(
                "each machine waits; in another terminal: {}",
                super::gdb::by_hand(&kernel.elf)
            ));
        }
        Ok(Bench {
            kernel,
            qemu: qemu.to_owned(),
            machine: machine.clone(),
            words: self.kernel.words(Terminals::NONE),
            timeout: self.timeout.unwrap_or(TIMEOUT),
            debugger: if self.gdb { Debugger::Waits } else { Debugger::None },
            print_times: report::is_for_people(&self.libtest),
        })
    }

    /// In-kernel and program tests on the board at `port`. Programs are few and small: all goes over the line.
    fn trials_on_board(&self, port: &Address) -> Result<Vec<Trial>> {
        let line = Line::open(port.clone(), self.line.baud)?;
        let words = self.kernel.words_on_a_board(Terminals::NONE).join(" ");
        let timeout = self.timeout.unwrap_or(TIMEOUT);
        let print_times = report::is_for_people(&self.libtest);
        let board = Board::new(line, self.line.baud, self.line.wait, timeout).with(words, print_times);
        let board = Arc::new(Mutex::new(board));
        let core = Core::ensure(&self.build)?;
        let mut trials = Vec::new();
        if self.is_wanted(Kind::Kernel) {
            let kernel = compile::kernel(&core, Flavor::Tests)?;
            trials.extend(on_board::kernel_trials(&board, &kernel));
        }
        if self.is_wanted(Kind::Program) {
            let kernel = compile::kernel(&core, Flavor::Plain)?;
            let folder = compile::programs(&core)?;
            let mut cases = program_list(&folder, &Machine::default())?;
            cases.extend(refusals::tests(&folder, print_times)?.1);
            trials.extend(on_board::program_trials(&board, &kernel, cases));
        }
        Ok(trials)
    }

    fn bench_sides(&self, core: &Core, qemu: PathBuf) -> Result<bench::Sides> {
        Ok(bench::Sides {
            qemu,
            kernel: compile::kernel(core, Flavor::Plain)?,
            programs: compile::programs(core)?,
            linux: None,
            machine: Machine {
                icount: Icount::Measuring,
                ..Machine::default()
            },
            runs: 1,
            timeout: self.timeout.unwrap_or(BENCH_TIMEOUT),
        })
    }

    /// The machines that run the in-kernel tests: the one that was chosen, or some CPU models and every board.
    fn kernel_machines(&self, boards: &Boards) -> Result<Vec<Machine>> {
        let machine = self.machine.machine()?;
        if machine.raspi.is_some() || self.machine.cpu.is_some() {
            return Ok(vec![machine]);
        }
        Ok([kernel::models(&machine), boards.machines.clone()].concat())
    }

    /// A host test that can't be built is one failure; the other kinds run all the same.
    fn add_host(&self, trials: &mut Vec<Trial>) {
        let print_times = report::is_for_people(&self.libtest);
        match host::trials(&self.libtest, self.timeout.unwrap_or(host::TIMEOUT), print_times) {
            Ok(list) => trials.extend(list),
            Err(error) => trials.push(report::failing("host::build", format!("{error:#}"))),
        }
        trials.extend(host::doc_trial("mm", print_times));
        trials.push(oracle::crate_trial(print_times));
    }

    fn add_programs(
        &self,
        core: &Core,
        bench: &Arc<Bench>,
        boards: &Boards,
        trials: &mut Vec<Trial>,
    ) -> Result<()> {
        let folder = compile::programs(core)?;
        let cases = program_list(&folder, &bench.machine)?;
        if self.is_wanted(Kind::Boot) {
            trials.extend(boards.cases(&cases, &folder).map(|case| case.trial(bench)));
            trials.extend(boards.skipped("boot::"));
            if self.machine.is_default() {
                trials.extend(card_check::trials(&folder, bench));
                trials.extend(cards::trials(&folder, bench));
                trials.extend(crate::harness::push::trials(&folder, bench, boards));
                trials.extend(loads::trials(&folder, bench));
            }
            trials.push(early::trial(&bench.kernel.elf, bench.print_times));
            trials.push(errata::trial(&bench.kernel.elf, bench.print_times));
        }
        if self.is_wanted(Kind::Program) {
            if self.machine.is_default() {
                let cases = huge_pages::cases(&cases, &bench.words);
                trials.extend(cases.into_iter().map(|case| case.trial(bench)));
            }
            trials.extend(cases.into_iter().map(|case| case.trial(bench)));
            trials.extend(c_programs::trials(bench));
            trials.push(oracle::case(&folder)?.trial(bench));
            let (ready, cases) = refusals::tests(&folder, bench.print_times)?;
            trials.extend(ready);
            trials.extend(cases.into_iter().map(|case| case.trial(bench)));
        }
        if self.is_wanted(Kind::Boot) {
            trials.extend(
                boots::cases(&folder, &bench.machine)
                    .into_iter()
                    .map(|case| case.trial(bench)),
            );
        }
        Ok(())
    }
}

/// The program tests in the list of programs, which lie in `folder`.
fn program_list(folder: &Path, machine: &Machine) -> Result<Vec<program::Case>> {
    let list = workspace::root().join(PROGRAMS);
    let list = fs_err::read_to_string(&list)?;
    program::parse_list(&list, folder, machine).with_context(|| format!("{PROGRAMS} is not as it should be"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_with_a_kind_wants_no_other() {
        let wanted = |filter| {
            Kind::ALL
                .into_iter()
                .filter(|kind| kind.is_wanted(filter))
                .count()
        };
        assert_eq!(wanted(None), 5);
        assert_eq!(wanted(Some("vma")), 5);
        assert_eq!(wanted(Some("kernel::mm")), 1);
        assert!(Kind::Boot.is_wanted(Some("boot::cpu::max")));
    }
}
