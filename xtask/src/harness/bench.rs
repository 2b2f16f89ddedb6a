//! What the machines of a run of tests have in common.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use libtest_mimic::Trial;

use super::report;
use crate::compile::Kernel;
use crate::qemu::machine::{Debugger, Machine};

/// How long a machine may take that waits for somebody with a debugger.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// What it takes to boot a machine for a test.
#[derive(Clone, Debug)]
pub(crate) struct Bench {
    /// The kernel, with in-kernel tests or without.
    pub(crate) kernel: Kernel,
    /// QEMU.
    pub(crate) qemu: PathBuf,
    /// The machine, unless a test has its own.
    pub(crate) machine: Machine,
    /// The words of the kernel's command line, unless a test has its own.
    pub(crate) words: Vec<String>,
    /// How long one test may take.
    pub(crate) timeout: Duration,
    /// Whether the machines wait for a debugger.
    pub(crate) debugger: Debugger,
    /// Whether the time of each test is printed.
    pub(crate) print_times: bool,
}

impl Bench {
    /// A test with this bench, as a trial.
    pub(super) fn trial(
        self: &Arc<Self>,
        name: impl Into<String>,
        test: impl FnOnce(&Bench) -> Result<()> + Send + 'static,
    ) -> Trial {
        let bench = self.clone();
        report::trial(name, self.print_times, move || test(&bench))
    }

    /// How long to wait for a machine. Somebody with a debugger has time.
    pub(super) fn patience(&self) -> Duration {
        match self.debugger {
            Debugger::None => self.timeout,
            Debugger::Waits => PATIENCE,
        }
    }
}
