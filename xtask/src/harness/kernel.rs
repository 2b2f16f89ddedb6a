//! In-kernel tests as trials. One machine is kept alive from test to test and booted again after a failure.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use libtest_mimic::{Completion, Failed, Trial};

use super::report;
use super::session::{InQemu, Session, Verdict};
use crate::compile::Kernel;
use crate::console::Annotator;
use crate::qemu::machine::{Debugger, Load, Machine, Serial};

/// The models that the tests run on unless one was chosen: one with all of the newer features, an in-order core without any, and
/// two between, the second of which keeps access and dirty state by itself.
const MODELS: [&str; 4] = ["max", "cortex-a53", "cortex-a72", "cortex-a76"];
/// Tests with these words in their names make address spaces, whose memory may be huge. They run once more without.
const SPACES: &str = "memory::spaces";
/// What says so on the kernel's command line.
const NOT_HUGE: &str = "transparent_hugepage=never";

/// What it takes to boot the harness.
#[derive(Clone, Debug)]
pub(crate) struct Bench {
    /// The kernel with in-kernel tests.
    pub(crate) kernel: Kernel,
    /// QEMU.
    pub(crate) qemu: PathBuf,
    /// The machine.
    pub(crate) machine: Machine,
    /// The words of the kernel's command line.
    pub(crate) words: Vec<String>,
    /// How long one test may take.
    pub(crate) timeout: Duration,
    /// Whether the machine waits for a debugger.
    pub(crate) debugger: Debugger,
    /// Whether the time of each test is printed.
    pub(crate) print_times: bool,
}

/// The machine that runs at present, if one does. There is never more than one.
#[derive(Default)]
struct Current {
    session: Option<(String, Session<InQemu>)>,
}

/// The trials: each test on each of `machines`.
pub(crate) fn trials(bench: &Bench, machines: &[Machine]) -> Vec<Trial> {
    let mut current = Current::default();
    let names = match current
        .session(bench)
        .and_then(|session| session.list(bench.timeout))
    {
        Ok(names) => names,
        Err(error) => return vec![report::failing("kernel::list", format!("{error:#}"))],
    };
    let current = Arc::new(Mutex::new(current));
    let mut trials = Vec::new();
    for machine in machines {
        let bench = Arc::new(Bench {
            machine: machine.clone(),
            ..bench.clone()
        });
        for name in &names {
            trials.push(trial(name, bench.clone(), current.clone()));
        }
        let words = [bench.words.clone(), vec![NOT_HUGE.to_owned()]].concat();
        let bench = Arc::new(Bench {
            words,
            ..(*bench).clone()
        });
        for name in names.iter().filter(|name| name.contains(SPACES)) {
            trials.push(trial(name, bench.clone(), current.clone()));
        }
    }
    trials
}

/// `machine` with each of the models that the tests run on unless one was chosen.
pub(crate) fn models(machine: &Machine) -> Vec<Machine> {
    let with = |model: &str| Machine {
        cpu: model.to_owned(),
        ..machine.clone()
    };
    MODELS.into_iter().map(with).collect()
}

fn trial(test: &str, bench: Arc<Bench>, current: Arc<Mutex<Current>>) -> Trial {
    let test = test.to_owned();
    let name = format!("kernel::{}::{test}", bench.name());
    report::timed(name, bench.print_times, move || {
        let mut current = current.lock().unwrap_or_else(PoisonError::into_inner);
        match current.run(&bench, &test) {
            Verdict::Passed => Ok(Completion::Completed),
            Verdict::Failed(message) => Err(Failed::from(message)),
        }
    })
}

impl Current {
    fn run(&mut self, bench: &Bench, test: &str) -> Verdict {
        let timeout = bench.patience();
        let verdict = match self.session(bench) {
            Ok(session) => session.run(test, timeout),
            Err(error) => Verdict::Failed(format!("{error:#}")),
        };
        if verdict != Verdict::Passed {
            self.session = None;
        }
        verdict
    }

    /// The machine of this name, booted if another runs or none.
    fn session(&mut self, bench: &Bench) -> Result<&mut Session<InQemu>> {
        let name = bench.name();
        if let Some((running, session)) = self.session.take() {
            if running == name {
                return Ok(&mut self.session.insert((running, session)).1);
            }
            session.exit();
        }
        let session = bench.boot()?;
        Ok(&mut self.session.insert((name, session)).1)
    }
}

impl Drop for Current {
    fn drop(&mut self) {
        if let Some((_, session)) = self.session.take() {
            session.exit();
        }
    }
}

impl Bench {
    /// The model, and the word that makes the command line an unusual one.
    fn name(&self) -> String {
        let model = self.machine.name();
        match self.words.iter().any(|word| word == NOT_HUGE) {
            true => format!("{model}::{NOT_HUGE}"),
            false => model.to_owned(),
        }
    }

    fn boot(&self) -> Result<Session<InQemu>> {
        let load = Load {
            kernel: &self.kernel,
            archive: None,
            words: &self.words,
        };
        let mut command = self
            .machine
            .command(&self.qemu, &load, Serial::Both, self.debugger)?;
        let annotator = Arc::new(Annotator::new(self.kernel.elf.clone()));
        Session::start(&mut command, &annotator, self.patience())
    }

    /// How long to wait. Somebody with a debugger has time.
    fn patience(&self) -> Duration {
        match self.debugger {
            Debugger::None => self.timeout,
            Debugger::Waits => Duration::from_secs(24 * 3600),
        }
    }
}
