//! The nodes that the kernel knows.

use dtoolkit::fdt::{Fdt, FdtNode};
use dtoolkit::standard::NodeStandard;
use dtoolkit::{Node, Property};

use super::bus::Path;
use super::{Conduit, Console, ConsoleKind, Description, TreeError, cpus, interrupts};
use crate::PhysRange;

/// The machine's name.
pub(super) fn model<'a>(root: FdtNode<'a>) -> &'a str {
    let model = root.model().ok().flatten();
    model.or_else(|| root.compatible()?.next()).unwrap_or("")
}

/// The properties by which a node is told, found in one pass: a look-up by name reads half the node each time.
pub(super) struct Traits<'a> {
    enabled: bool,
    compatible: &'a [u8],
    interrupt_controller: bool,
    /// Whether the processor may reach what lies below.
    bus: bool,
}

impl<'a> Traits<'a> {
    fn of(node: FdtNode<'a>) -> Self {
        let mut traits = Self {
            enabled: true,
            compatible: &[],
            interrupt_controller: false,
            bus: false,
        };
        for property in node.properties() {
            match property.name() {
                "status" => traits.enabled = matches!(property.value(), b"okay\0" | b"ok\0"),
                "compatible" => traits.compatible = property.value_as().unwrap_or_default(),
                "interrupt-controller" => traits.interrupt_controller = true,
                "ranges" => traits.bus = true,
                _ => {}
            }
        }
        traits
    }

    /// Whether one of the strings in `compatible` is one of `names`.
    pub(super) fn is(&self, names: &[&str]) -> bool {
        self.strings()
            .any(|string| names.iter().any(|name| name.as_bytes() == string))
    }

    fn strings(&self) -> impl Iterator<Item = &'a [u8]> {
        self.compatible.split(|byte| *byte == 0)
    }

    fn device(&self) -> Option<Device> {
        self.strings().find_map(|string| match string {
            b"arm,pl031" => Some(Device::Clock),
            b"brcm,bcm2835-pm-wdt" => Some(Device::Watchdog),
            b"brcm,bcm2835-mbox" => Some(Device::Mailbox),
            _ => None,
        })
    }
}

/// The devices that are looked for on every bus.
enum Device {
    Clock,
    Watchdog,
    Mailbox,
}

impl Device {
    /// Notes the device, which lies at `path`.
    fn note(self, found: &mut Description<'_>, path: &Path<'_>) {
        match self {
            Self::Clock => found.clock = path.registers(0),
            Self::Watchdog => found.watchdog = path.registers(0),
            Self::Mailbox => found.mailbox = path.mailbox(),
        }
    }
}

/// Looks at every node below `path` that the processor could reach.
pub(super) fn visit<'a>(found: &mut Description<'a>, path: &Path<'a>) -> Result<(), TreeError> {
    for node in path.node().children() {
        let traits = Traits::of(node);
        if !traits.enabled {
            continue;
        }
        if path.depth() == 0 {
            top_level(found, node, &traits)?;
        }
        let device = traits.device();
        if !traits.interrupt_controller && !traits.bus && device.is_none() {
            continue;
        }
        let Some(path) = path.child(node) else {
            found.ignore(node.name());
            continue;
        };
        if traits.interrupt_controller {
            interrupts::controller(found, &path, &traits);
        }
        if let Some(device) = device {
            device.note(found, &path);
        }
        if traits.bus {
            visit(found, &path)?;
        }
    }
    Ok(())
}

/// A child of the root.
fn top_level<'a>(
    found: &mut Description<'a>,
    node: FdtNode<'a>,
    traits: &Traits<'a>,
) -> Result<(), TreeError> {
    match node.name_without_address() {
        "memory" => memory(found, node)?,
        "reserved-memory" => reserved_memory(found, node)?,
        "cpus" => cpus::read(found, node),
        "chosen" => chosen(found, node),
        _ if traits.is(&["arm,armv8-timer", "arm,armv7-timer"]) => {
            let value = node
                .property("interrupts")
                .and_then(|property| property.value_as().ok());
            found.timer_interrupts = value.unwrap_or_default();
        }
        _ if traits.is(&["arm,psci-0.2", "arm,psci-1.0"]) => psci(found, node),
        _ => {}
    }
    Ok(())
}

/// Each range in the node's `reg`, as bytes from the start of memory; `None` for a `reg` that makes no sense.
fn ranges(node: FdtNode<'_>) -> Option<impl Iterator<Item = Option<PhysRange>>> {
    let reg = node.reg().ok()??;
    Some(reg.map(|reg| PhysRange::from_len(reg.address::<u64>().ok()?, reg.size::<u64>().ok()?)))
}

fn memory<'a>(found: &mut Description<'a>, node: FdtNode<'a>) -> Result<(), TreeError> {
    let Some(ranges) = ranges(node) else {
        found.ignore(node.name());
        return Ok(());
    };
    for range in ranges {
        match range {
            Some(range) => found.ram.add(range)?,
            None => found.ignore(node.name()),
        }
    }
    Ok(())
}

fn reserved_memory<'a>(found: &mut Description<'a>, parent: FdtNode<'a>) -> Result<(), TreeError> {
    for node in parent.children().filter(|node| Traits::of(*node).enabled) {
        // A node with a size but no `reg` asks for memory of the kernel's choice: nobody here uses it.
        let Some(ranges) = ranges(node) else {
            if node.property("reg").is_some() {
                found.ignore(node.name());
            }
            continue;
        };
        let no_map = node.property("no-map").is_some();
        for range in ranges {
            let Some(range) = range else {
                found.ignore(node.name());
                continue;
            };
            found.reserved.add(range)?;
            if no_map {
                found.no_map.add(range)?;
            }
        }
    }
    Ok(())
}

fn chosen<'a>(found: &mut Description<'a>, node: FdtNode<'a>) {
    if let Some(bootargs) = node.property("bootargs") {
        match bootargs.value_as::<&str>() {
            Ok(bootargs) => found.bootargs = bootargs,
            Err(_) => found.ignore("bootargs"),
        }
    }
    let address = |name| node.property(name).and_then(|property| cells(property.value()));
    if let (Some(start), Some(end)) = (address("linux,initrd-start"), address("linux,initrd-end")) {
        let initrd = PhysRange::new(start, end);
        found.initrd = (!initrd.is_empty()).then_some(initrd);
    }
}

/// A number of one or two cells: firmware writes the addresses of the initrd in either way.
pub(super) fn cells(value: &[u8]) -> Option<u64> {
    match *value {
        [a, b, c, d] => Some(u32::from_be_bytes([a, b, c, d]).into()),
        [a, b, c, d, e, f, g, h] => Some(u64::from_be_bytes([a, b, c, d, e, f, g, h])),
        _ => None,
    }
}

fn psci<'a>(found: &mut Description<'a>, node: FdtNode<'a>) {
    match node
        .property("method")
        .and_then(|method| method.value_as::<&str>().ok())
    {
        Some("hvc") => found.psci = Some(Conduit::Hvc),
        Some("smc") => found.psci = Some(Conduit::Smc),
        _ => found.ignore(node.name()),
    }
}

/// The console at `path`; `None` where its registers cannot be reached.
pub(super) fn console(path: &Path<'_>, tree: Fdt<'_>) -> Option<Console> {
    let node = path.node();
    let kind = if node.is_compatible("arm,pl011") {
        ConsoleKind::Pl011
    } else if node.is_compatible("brcm,bcm2835-aux-uart") {
        ConsoleKind::MiniUart
    } else {
        ConsoleKind::Unknown
    };
    Some(Console {
        kind,
        registers: path.registers(0)?,
        clock: fixed_clock(node, tree),
    })
}

/// The frequency of the node's first clock, if that is a fixed clock at the top of the tree.
fn fixed_clock(node: FdtNode<'_>, tree: Fdt<'_>) -> Option<u32> {
    let phandle = cells(node.property("clocks")?.value().get(..4)?)?;
    let is_it =
        |clock: &FdtNode<'_>| matches!(clock.phandle(), Ok(Some(handle)) if u64::from(handle) == phandle);
    let clock = tree.root().children().find(is_it)?;
    if !clock.is_compatible("fixed-clock") {
        return None;
    }
    clock.property("clock-frequency")?.value_as::<u32>().ok()
}
