//! The Raspberry Pis that QEMU imitates, as part of every whole run: in-kernel tests and program tests on each.

use std::path::Path;

use libtest_mimic::Trial;

use super::program::Case;
use super::{boots, report};
use crate::qemu::machine::Machine;
use crate::qemu::raspi::Model;
use crate::setup::device_trees;

/// Those that can be run here, and why the others can't.
pub(crate) struct Boards {
    /// Those that can.
    pub(crate) machines: Vec<Machine>,
    missing: Vec<(Model, String)>,
}

impl Boards {
    /// None: somebody has chosen a machine.
    pub(crate) const NONE: Self = Boards {
        machines: Vec::new(),
        missing: Vec::new(),
    };

    /// All.
    pub(crate) fn find() -> Self {
        let mut boards = Self::NONE;
        for model in Model::ALL {
            match device_trees::raspi(model) {
                Ok(raspi) => boards.machines.push(Machine::of(raspi)),
                Err(error) => boards.missing.push((model, format!("{error:#}"))),
            }
        }
        boards
    }

    /// A skipped trial for each that is missing. The names begin with `kind`.
    pub(crate) fn skipped(&self, kind: &str) -> impl Iterator<Item = Trial> {
        self.missing
            .iter()
            .map(move |(model, reason)| report::skipped(format!("{kind}{}", model.name()), reason))
    }

    /// Program tests on each, and the boot tests that say something about boards, under names of their own.
    pub(crate) fn cases(&self, programs: &[Case], folder: &Path) -> impl Iterator<Item = Case> {
        self.machines.iter().flat_map(move |machine| {
            let programs = programs.iter().cloned();
            let boots = boots::cases(folder, machine);
            programs.chain(boots).map(|case| on(machine, case))
        })
    }
}

/// A test on a board, unless it has a machine of its own already.
fn on(machine: &Machine, case: Case) -> Case {
    let (_kind, name) = case.name.split_once("::").unwrap_or(("", &case.name));
    Case {
        name: format!("boot::{}::{name}", machine.name()),
        machine: case
            .machine
            .filter(|own| own.raspi == machine.raspi)
            .or_else(|| Some(machine.clone())),
        ..case
    }
}
