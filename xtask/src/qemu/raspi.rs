//! QEMU's Raspberry Pis: what is fixed about them, and their part of the command line.

use std::path::PathBuf;
use std::process::Command;

use super::machine::Serial;
use crate::workspace::short;

/// The models that QEMU imitates and the kernel runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Model {
    /// Raspberry Pi 3 Model B.
    Raspi3b,
    /// Raspberry Pi 4 Model B.
    Raspi4b,
}

/// One of them, with its device tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Raspi {
    /// The model.
    pub(crate) model: Model,
    /// Linux's device tree for it. QEMU fills in memory, command line and archive, as the firmware of a board does.
    pub(crate) tree: PathBuf,
}

impl Model {
    /// All of them.
    pub(crate) const ALL: [Model; 2] = [Model::Raspi3b, Model::Raspi4b];

    /// Its name to QEMU.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Model::Raspi3b => "raspi3b",
            Model::Raspi4b => "raspi4b",
        }
    }

    /// The file name of Linux's device tree for it.
    pub(crate) fn tree(self) -> &'static str {
        match self {
            Model::Raspi3b => "bcm2837-rpi-3-b.dtb",
            Model::Raspi4b => "bcm2711-rpi-4-b.dtb",
        }
    }
}

impl Raspi {
    /// The memory of both, in mebibytes, as QEMU's firmware tells of it: 1 GiB without the part that is the VideoCore's. A Raspberry Pi 4
    /// has another one, which QEMU leaves out of the device tree.
    pub(crate) const MEMORY_MIB: u64 = 960;
    /// How many cores both have.
    pub(crate) const CORES: u16 = 4;

    /// Adds the machine, its tree and its serial lines to a command line.
    pub(super) fn describe(&self, command: &mut Command, serial: &Serial) {
        command.args(["-machine", self.model.name(), "-dtb"]);
        command.arg(short(&self.tree));
        // The first line is the PL011, which a board's Bluetooth uses; the tree names the second, the mini UART.
        command.args(["-serial", "null", "-serial", &serial.argument()]);
    }
}
