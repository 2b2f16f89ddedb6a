//! Reads a flattened device tree into a [`Description`] (Devicetree Specification, release v0.4).
//!
//! The tree is what firmware handed over, so nothing in it is believed: a tree that cannot be read at all is a
//! [`TreeError`], a node that makes no sense is left out and named in [`Description::ignored`].

mod bus;
mod cpus;
mod handover;
mod interrupts;
mod nodes;
#[cfg(test)]
mod tests;

use core::fmt;
use dtoolkit::error::FdtParseError;
use dtoolkit::fdt::Fdt;
use mm::PhysAddr;

use crate::{PhysRange, RangeSet};
use bus::Path;

pub use handover::{HandoverError, hand_over};

/// What the device tree says about the machine, as far as the kernel uses it.
#[derive(Clone, Debug)]
pub struct Description<'a> {
    /// The `model` of the root node, or its first `compatible`; empty without either.
    pub model: &'a str,
    /// All memory, reserved or not.
    pub ram: RangeSet,
    /// Memory that must not be given out: reservation block and `/reserved-memory`, those of `no_map` among them.
    pub reserved: RangeSet,
    /// Memory that must not even be mapped (`no-map`).
    pub no_map: RangeSet,
    /// The archive with the program (`linux,initrd-start`, `linux,initrd-end`).
    pub initrd: Option<PhysRange>,
    /// The kernel's command line.
    pub bootargs: &'a str,
    /// The device that `stdout-path` names.
    pub console: Option<Console>,
    /// The interrupt controller.
    pub interrupts: Option<InterruptController>,
    /// How to call the firmware (PSCI).
    pub psci: Option<Conduit>,
    /// The interrupt of the virtual timer, as the interrupt controller counts: a GIC's interrupt number (16..32), or the
    /// line of a [`InterruptController::Bcm2836`] (0..4).
    pub timer_interrupt: Option<u32>,
    /// The registers of the real-time clock, a PL031.
    pub clock: Option<PhysRange>,
    /// The registers of a Raspberry Pi's power manager, whose watchdog ends the machine.
    pub watchdog: Option<PhysRange>,
    /// The way to ask a Raspberry Pi's firmware.
    pub mailbox: Option<Mailbox>,
    /// The cores; at most 16 are listed.
    pub cpus: heapless::Vec<Cpu, 16>,
    /// Names of nodes that were left out because they make no sense; at most 8 are listed.
    pub ignored: heapless::Vec<&'a str, 8>,
    /// The `interrupts` of the timer's node: what they mean is known when the controller is.
    timer_interrupts: &'a [u8],
}

/// A console device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Console {
    /// What drives it.
    pub kind: ConsoleKind,
    /// Its registers.
    pub registers: PhysRange,
    /// The frequency of its clock in Hz, if the tree names a fixed one.
    pub clock: Option<u32>,
}

/// The kinds of console device that a tree may name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConsoleKind {
    /// Arm's PL011.
    Pl011,
    /// The mini UART of a Raspberry Pi's auxiliary peripherals.
    MiniUart,
    /// One that the kernel has no driver for.
    Unknown,
}

/// An interrupt controller, with its registers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InterruptController {
    /// GICv2: distributor and CPU interface.
    GicV2(PhysRange, PhysRange),
    /// GICv3 or v4: distributor and redistributors.
    GicV3(PhysRange, PhysRange),
    /// The controller beside each core of a BCM2836 or BCM2837 (Raspberry Pi 2 and 3).
    Bcm2836(PhysRange),
}

/// The mailbox by which a Raspberry Pi's firmware is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mailbox {
    /// Its registers.
    pub registers: PhysRange,
    /// The memory that the firmware can reach.
    pub reach: PhysRange,
    /// What the firmware calls the first byte of [`Mailbox::reach`].
    pub bus_start: u64,
}

/// One core.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cpu {
    /// The affinity bits of its MPIDR.
    pub affinity: u64,
    /// How it is started.
    pub start: CpuStart,
}

/// How a core is started.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CpuStart {
    /// By the firmware (PSCI `CPU_ON`).
    Psci,
    /// It waits for an address to jump to, in the doubleword at this address.
    SpinTable(PhysAddr),
    /// In no way that the kernel knows.
    Unknown,
}

/// The instruction that calls the firmware.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Conduit {
    /// `HVC`.
    Hvc,
    /// `SMC`.
    Smc,
}

/// Why a device tree is of no use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TreeError {
    /// It is not a well-formed tree.
    Malformed(FdtParseError),
    /// It names no memory, and nobody who could be asked for it.
    NoMemory,
    /// It names more separate ranges of memory than the kernel keeps.
    TooManyRanges,
}

impl fmt::Display for TreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(error) => write!(f, "the device tree is broken: {error}"),
            Self::NoMemory => f.write_str("the device tree names no memory"),
            Self::TooManyRanges => f.write_str("the device tree names too many separate ranges of memory"),
        }
    }
}

impl From<crate::Full> for TreeError {
    fn from(_: crate::Full) -> Self {
        Self::TooManyRanges
    }
}

/// Reads the device tree `blob`, which must be exactly as long as its header says. [`Description::ram`] may be empty if there
/// is a [`Description::mailbox`].
///
/// # Errors
///
/// [`TreeError`] when no machine could be run by that tree.
pub fn describe(blob: &[u8]) -> Result<Description<'_>, TreeError> {
    let tree = Fdt::new(blob).map_err(TreeError::Malformed)?;
    let root = tree.root();
    let mut found = Description {
        model: nodes::model(root),
        ram: RangeSet::new(),
        reserved: RangeSet::new(),
        no_map: RangeSet::new(),
        initrd: None,
        bootargs: "",
        console: None,
        interrupts: None,
        psci: None,
        timer_interrupt: None,
        clock: None,
        watchdog: None,
        mailbox: None,
        cpus: heapless::Vec::new(),
        ignored: heapless::Vec::new(),
        timer_interrupts: &[],
    };
    for reservation in tree.memory_reservations() {
        match PhysRange::from_len(reservation.address(), reservation.size()) {
            Some(range) => found.reserved.add(range)?,
            None => found.ignore("/memreserve/"),
        }
    }
    nodes::visit(&mut found, &Path::root(root))?;
    found.console = bus::stdout(tree).and_then(|path| nodes::console(&path, tree));
    found.timer_interrupt = found
        .interrupts
        .and_then(|controller| interrupts::timer(found.timer_interrupts, controller));
    if found.ram.is_empty() && found.mailbox.is_none() {
        return Err(TreeError::NoMemory);
    }
    Ok(found)
}

impl<'a> Description<'a> {
    fn ignore(&mut self, name: &'a str) {
        // The list is for a message; one that overflows it says enough.
        let _ = self.ignored.push(name);
    }
}
