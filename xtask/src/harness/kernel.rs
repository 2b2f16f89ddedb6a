//! In-kernel tests as trials. One machine is kept alive from test to test and booted again after a failure.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use libtest_mimic::Trial;

use super::bench::Bench;
use super::report;
use super::session::{InQemu, Session};
use crate::console::Annotator;
use crate::qemu::machine::{Load, Machine, Serial};

/// The models that the tests run on unless one was chosen: one with all of the newer features, an in-order core without any, and
/// two between, the second of which keeps access and dirty state by itself.
const MODELS: [&str; 4] = ["max", "cortex-a53", "cortex-a72", "cortex-a76"];
/// Tests with these words in their names make address spaces, whose memory may be huge. They run once more without.
const SPACES: &str = "memory::spaces";
/// What says so on the kernel's command line.
const NOT_HUGE: &str = "transparent_hugepage=never";

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
        .and_then(|session| session.list(bench.patience()))
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
            trials.push(trial(name, &bench, current.clone()));
        }
        let words = [bench.words.clone(), vec![NOT_HUGE.to_owned()]].concat();
        let bench = Arc::new(Bench {
            words,
            ..(*bench).clone()
        });
        for name in names.iter().filter(|name| name.contains(SPACES)) {
            trials.push(trial(name, &bench, current.clone()));
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

fn trial(test: &str, bench: &Arc<Bench>, current: Arc<Mutex<Current>>) -> Trial {
    let test = test.to_owned();
    bench.trial(format!("kernel::{}::{test}", name(bench)), move |bench| {
        let mut current = current.lock().unwrap_or_else(PoisonError::into_inner);
        current.run(bench, &test)
    })
}

impl Current {
    fn run(&mut self, bench: &Bench, test: &str) -> Result<()> {
        let result = self
            .session(bench)
            .and_then(|session| session.run(test, bench.patience()));
        if result.is_err() {
            self.session = None;
        }
        result
    }

    /// The machine of this name, booted if another runs or none.
    fn session(&mut self, bench: &Bench) -> Result<&mut Session<InQemu>> {
        let name = name(bench);
        if let Some((running, session)) = self.session.take() {
            if running == name {
                return Ok(&mut self.session.insert((running, session)).1);
            }
            session.exit();
        }
        let session = boot(bench)?;
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

/// The machine's model, and the word that makes the command line an unusual one.
fn name(bench: &Bench) -> String {
    let model = bench.machine.name();
    match bench.words.iter().any(|word| word == NOT_HUGE) {
        true => format!("{model}::{NOT_HUGE}"),
        false => model.to_owned(),
    }
}

/// Boots the harness.
fn boot(bench: &Bench) -> Result<Session<InQemu>> {
    let load = Load {
        kernel: &bench.kernel,
        archive: None,
        words: &bench.words,
    };
    let mut command = bench
        .machine
        .command(&bench.qemu, &load, Serial::Both, bench.debugger)?;
    let annotator = Arc::new(Annotator::new(bench.kernel.elf.clone()));
    Session::start(&mut command, &annotator, bench.patience())
}
