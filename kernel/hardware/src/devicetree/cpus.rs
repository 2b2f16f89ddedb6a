//! The cores.

use dtoolkit::fdt::FdtNode;
use dtoolkit::{Node, Property};
use mm::PhysAddr;

use super::nodes::cells;
use super::{Cpu, CpuStart, Description};

/// Reads `/cpus`.
pub(super) fn read<'a>(found: &mut Description<'a>, parent: FdtNode<'a>) {
    let common = method(parent);
    for node in parent
        .children()
        .filter(|node| node.name_without_address() == "cpu")
    {
        let reg = node.reg().ok().flatten().and_then(|mut reg| reg.next());
        match reg.and_then(|reg| reg.address::<u64>().ok()) {
            Some(affinity) => {
                let start = start(node, method(node).or(common));
                // More cores than the list holds are not brought up.
                let _ = found.cpus.push(Cpu { affinity, start });
            }
            None => found.ignore(node.name()),
        }
    }
}

fn method<'a>(node: FdtNode<'a>) -> Option<&'a str> {
    node.property("enable-method")?.value_as::<&str>().ok()
}

/// How the core is started (Devicetree Specification 3.8.1). An address that no doubleword can have is no way.
fn start(node: FdtNode<'_>, method: Option<&str>) -> CpuStart {
    match method {
        Some("psci") => CpuStart::Psci,
        Some("spin-table") => node
            .property("cpu-release-addr")
            .and_then(|property| cells(property.value()))
            .filter(|addr| addr.is_multiple_of(8))
            .map_or(CpuStart::Unknown, |addr| CpuStart::SpinTable(PhysAddr::new(addr))),
        _ => CpuStart::Unknown,
    }
}
