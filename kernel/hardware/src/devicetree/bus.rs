//! The way from the root to a node, and addresses translated along it.

use dtoolkit::fdt::{Fdt, FdtNode};
use dtoolkit::{Node, Property};
use heapless::Vec;

use super::Mailbox;
use crate::PhysRange;

/// How deep a node may lie. Trees of real machines are four or five deep.
const DEPTH: usize = 12;

/// A node with all nodes above it, the root first.
#[derive(Clone)]
pub(super) struct Path<'a> {
    nodes: Vec<FdtNode<'a>, DEPTH>,
}

impl<'a> Path<'a> {
    /// The path of the root node alone.
    pub(super) fn root(root: FdtNode<'a>) -> Self {
        let mut nodes = Vec::new();
        // The vector is empty and its capacity is not zero.
        let _ = nodes.push(root);
        Self { nodes }
    }

    /// The path of a child; `None` where that is too deep.
    pub(super) fn child(&self, child: FdtNode<'a>) -> Option<Self> {
        let mut path = self.clone();
        path.nodes.push(child).ok()?;
        Some(path)
    }

    /// The node that the path leads to.
    pub(super) fn node(&self) -> FdtNode<'a> {
        self.nodes[self.nodes.len() - 1]
    }

    /// How many nodes lie above it: 0 for the root.
    pub(super) fn depth(&self) -> usize {
        self.nodes.len() - 1
    }

    /// The physical range of the entry `index` of the node's `reg`, translated through the `ranges` of every bus above.
    /// `None` where there is no such entry, or the processor cannot reach it.
    pub(super) fn registers(&self, index: usize) -> Option<PhysRange> {
        let reg = self.node().reg().ok()??.nth(index)?;
        let (start, size) = (reg.address::<u64>().ok()?, reg.size::<u64>().ok()?);
        let buses = self.nodes.get(1..self.depth()).unwrap_or(&[]);
        let start = buses
            .iter()
            .rev()
            .try_fold(start, |addr, bus| translate(*bus, addr))?;
        PhysRange::from_len(start, size)
    }

    /// The mailbox at this node. What its firmware can reach is what the bus says of all its masters (`dma-ranges`); a bus that
    /// says nothing calls memory what the processor calls it.
    pub(super) fn mailbox(&self) -> Option<Mailbox> {
        let registers = self.registers(0)?;
        let bus = self.nodes.get(self.depth().checked_sub(1)?)?;
        let whole = Mailbox {
            registers,
            reach: PhysRange::new(0, u64::MAX),
            bus_start: 0,
        };
        let Some(range) = bus
            .dma_ranges()
            .ok()
            .flatten()
            .and_then(|mut ranges| ranges.next())
        else {
            return Some(whole);
        };
        Some(Mailbox {
            registers,
            reach: PhysRange::from_len(range.parent_bus_address().ok()?, range.length().ok()?)?,
            bus_start: range.child_bus_address().ok()?,
        })
    }
}

/// An address on the bus `bus`, as its parent sees it. A bus without `ranges` has addresses of its own, which nobody above
/// can reach; empty `ranges` mean that the two agree (Devicetree Specification 2.3.8).
fn translate(bus: FdtNode<'_>, addr: u64) -> Option<u64> {
    if bus.property("ranges")?.value().is_empty() {
        return Some(addr);
    }
    bus.ranges().ok()??.find_map(|range| {
        let offset = addr.checked_sub(range.child_bus_address::<u64>().ok()?)?;
        let inside = offset < range.length::<u64>().ok()?;
        inside
            .then(|| range.parent_bus_address::<u64>().ok()?.checked_add(offset))
            .flatten()
    })
}

/// The node that `/chosen/stdout-path` names, by path or by alias; what follows a colon is options.
pub(super) fn stdout(tree: Fdt<'_>) -> Option<Path<'_>> {
    let chosen = tree.root().child("chosen")?;
    let named = chosen
        .property("stdout-path")
        .and_then(|property| property.value_as::<&str>().ok())?;
    let name = named.split(':').next()?;
    if name.starts_with('/') {
        return find(tree, name);
    }
    let alias = tree
        .root()
        .child("aliases")?
        .property(name)?
        .value_as::<&str>()
        .ok()?;
    find(tree, alias)
}

/// The node at an absolute path.
fn find<'a>(tree: Fdt<'a>, path: &str) -> Option<Path<'a>> {
    let mut names = path.strip_prefix('/')?.split('/').filter(|name| !name.is_empty());
    names.try_fold(Path::root(tree.root()), |path, name| {
        path.child(path.node().child(name)?)
    })
}
