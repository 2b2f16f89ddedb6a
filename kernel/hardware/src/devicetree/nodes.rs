//! The nodes that the kernel knows.

use dtoolkit::fdt::{Fdt, FdtNode};
use dtoolkit::standard::NodeStandard;
use dtoolkit::{Node, Property, ToCellInt};

use super::bus::Path;
use super::{Conduit, Console, ConsoleKind, Description, InterruptController, TreeError};
use crate::PhysRange;

/// The interrupt of a private peripheral has this number plus its own (GIC architecture: PPIs are 16..32).
const PPI_BASE: u32 = 16;
/// In a `timer` node, the interrupt of the virtual timer is the third (binding `arm,arch_timer`).
const VIRTUAL_TIMER: usize = 2;

/// The machine's name.
pub(super) fn model<'a>(root: FdtNode<'a>) -> &'a str {
    let model = root.model().ok().flatten();
    model.or_else(|| root.compatible()?.next()).unwrap_or("")
}

/// The properties by which a node is told, found in one pass: a look-up by name reads half the node each time.
struct Traits<'a> {
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
    fn is(&self, names: &[&str]) -> bool {
        self.compatible
            .split(|byte| *byte == 0)
            .any(|string| names.iter().any(|name| name.as_bytes() == string))
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
        let clock = traits.is(&["arm,pl031"]);
        if !traits.interrupt_controller && !traits.bus && !clock {
            continue;
        }
        let Some(path) = path.child(node) else {
            found.ignore(node.name());
            continue;
        };
        if traits.interrupt_controller {
            interrupt_controller(found, &path, &traits);
        }
        if clock {
            found.clock = path.registers(0);
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
        "cpus" => cpus(found, node),
        "chosen" => chosen(found, node),
        _ if traits.is(&["arm,armv8-timer"]) => found.timer_interrupt = timer_interrupt(node),
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

fn cpus<'a>(found: &mut Description<'a>, parent: FdtNode<'a>) {
    for node in parent
        .children()
        .filter(|node| node.name_without_address() == "cpu")
    {
        let reg = node.reg().ok().flatten().and_then(|mut reg| reg.next());
        match reg.and_then(|reg| reg.address::<u64>().ok()) {
            Some(affinity) => {
                // More cores than the list holds are not brought up.
                let _ = found.cpus.push(affinity);
            }
            None => found.ignore(node.name()),
        }
    }
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
fn cells(value: &[u8]) -> Option<u64> {
    match *value {
        [a, b, c, d] => Some(u32::from_be_bytes([a, b, c, d]).into()),
        [a, b, c, d, e, f, g, h] => Some(u64::from_be_bytes([a, b, c, d, e, f, g, h])),
        _ => None,
    }
}

fn timer_interrupt(node: FdtNode<'_>) -> Option<u32> {
    let interrupts = node.property("interrupts")?;
    // Each is type (1: private to a core), number, flags.
    let [kind, number, _] = interrupts
        .as_prop_encoded_array([1, 1, 1])
        .ok()?
        .nth(VIRTUAL_TIMER)?;
    let (kind, number): (u32, u32) = (kind.to_int().ok()?, number.to_int().ok()?);
    (kind == 1 && number < PPI_BASE).then_some(PPI_BASE + number)
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

fn interrupt_controller<'a>(found: &mut Description<'a>, path: &Path<'a>, traits: &Traits<'a>) {
    let v2 = traits.is(&["arm,cortex-a15-gic", "arm,gic-400"]);
    if !v2 && !traits.is(&["arm,gic-v3"]) {
        return;
    }
    match (path.registers(0), path.registers(1)) {
        (Some(distributor), Some(other)) if v2 => {
            found.interrupts = Some(InterruptController::GicV2(distributor, other));
        }
        (Some(distributor), Some(other)) => {
            found.interrupts = Some(InterruptController::GicV3(distributor, other));
        }
        _ => found.ignore(path.node().name()),
    }
}

/// The console at `path`; `None` where its registers cannot be reached.
pub(super) fn console(path: &Path<'_>, tree: Fdt<'_>) -> Option<Console> {
    let node = path.node();
    let kind = if node.is_compatible("arm,pl011") {
        ConsoleKind::Pl011
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
