mod boards;
mod handover;

use super::*;
use dtoolkit::ToPropertyValue;
use dtoolkit::memreserve::MemoryReservation;
use dtoolkit::model::{DeviceTree, DeviceTreeNode, DeviceTreeProperty};
use proptest::prelude::*;
use std::vec::Vec;

/// A node with properties and children, in the order of a device tree source.
fn node<const P: usize, const C: usize>(
    name: &str,
    properties: [DeviceTreeProperty; P],
    children: [DeviceTreeNode; C],
) -> DeviceTreeNode {
    let mut node = DeviceTreeNode::new_unchecked(name);
    properties
        .into_iter()
        .for_each(|property| node.add_property(property));
    children.into_iter().for_each(|child| node.add_child(child));
    node
}

fn is(name: &str, value: impl ToPropertyValue) -> DeviceTreeProperty {
    DeviceTreeProperty::new(name, value).unwrap()
}

fn has(name: &str) -> DeviceTreeProperty {
    is(name, &[0u8; 0][..])
}

fn cells(name: &str, value: &[u32]) -> DeviceTreeProperty {
    is(name, value)
}

fn blob(root: DeviceTreeNode) -> Vec<u8> {
    let mut tree = DeviceTree::new();
    tree.root = root;
    tree.to_dtb()
}

/// The cells that addresses and sizes take below a node.
fn sizes(address: u32, size: u32) -> [DeviceTreeProperty; 2] {
    [is("#address-cells", address), is("#size-cells", size)]
}

fn with_sizes<const C: usize>(
    name: &str,
    address: u32,
    size: u32,
    children: [DeviceTreeNode; C],
) -> DeviceTreeNode {
    node(name, sizes(address, size), children)
}

/// The shape of QEMU's `virt` with GICv3 and 3 GiB.
fn virt() -> DeviceTreeNode {
    let chosen = [
        is("stdout-path", "/pl011@9000000"),
        is("bootargs", "semihosting log=debug"),
        is("linux,initrd-start", 0x4800_0000u32),
        is("linux,initrd-end", 0x4801_2345u64),
    ];
    let uart = [
        is("compatible", &["arm,pl011", "arm,primecell"][..]),
        cells("reg", &[0, 0x900_0000, 0, 0x1000]),
        cells("clocks", &[0x8000, 0x8000]),
    ];
    let clock = [
        is("compatible", "fixed-clock"),
        is("clock-frequency", 24_000_000u32),
        is("phandle", 0x8000u32),
    ];
    let gic = [
        is("compatible", "arm,gic-v3"),
        has("interrupt-controller"),
        cells("reg", &[0, 0x800_0000, 0, 0x1_0000, 0, 0x80a_0000, 0, 0xf6_0000]),
    ];
    let rtc = [
        is("compatible", &["arm,pl031", "arm,primecell"][..]),
        cells("reg", &[0, 0x901_0000, 0, 0x1000]),
    ];
    let timer = [
        is("compatible", &["arm,armv8-timer", "arm,armv7-timer"][..]),
        cells(
            "interrupts",
            &[1, 13, 0x104, 1, 14, 0x104, 1, 11, 0x104, 1, 10, 0x104],
        ),
    ];
    let memory = [
        is("device_type", "memory"),
        cells("reg", &[0, 0x4000_0000, 0, 0xc000_0000]),
    ];
    let psci = [
        is("compatible", &["arm,psci-1.0", "arm,psci-0.2"][..]),
        is("method", "hvc"),
    ];
    let mut root = with_sizes(
        "",
        2,
        2,
        [
            node("psci", psci, []),
            node("memory@40000000", memory, []),
            node("intc@8000000", gic, []),
            node("pl011@9000000", uart, []),
            node("apb-pclk", clock, []),
            node("pl031@9010000", rtc, []),
            node("timer", timer, []),
            with_sizes(
                "cpus",
                1,
                0,
                [
                    node("cpu@0", [is("reg", 0u32), is("enable-method", "psci")], []),
                    node("cpu@1", [is("reg", 1u32), is("enable-method", "psci")], []),
                ],
            ),
            node("chosen", chosen, []),
        ],
    );
    root.add_property(is("compatible", "linux,dummy-virt"));
    root
}

fn range(start: u64, end: u64) -> PhysRange {
    PhysRange::new(start, end)
}

fn list(set: &RangeSet) -> Vec<PhysRange> {
    set.iter().collect()
}

#[test]
fn a_virt_machine_is_read_whole() {
    let blob = blob(virt());
    let found = describe(&blob).unwrap();
    assert_eq!(found.model, "linux,dummy-virt");
    assert_eq!(list(&found.ram), [range(0x4000_0000, 0x1_0000_0000)]);
    assert!(found.reserved.is_empty() && found.no_map.is_empty());
    assert_eq!(found.initrd, Some(range(0x4800_0000, 0x4801_2345)));
    assert_eq!(found.bootargs, "semihosting log=debug");
    let registers = range(0x900_0000, 0x900_1000);
    assert_eq!(
        found.console,
        Some(Console {
            kind: ConsoleKind::Pl011,
            registers,
            clock: Some(24_000_000)
        })
    );
    let gic = InterruptController::GicV3(range(0x800_0000, 0x801_0000), range(0x80a_0000, 0x900_0000));
    assert_eq!(found.interrupts, Some(gic));
    assert_eq!(found.psci, Some(Conduit::Hvc));
    assert_eq!(found.timer_interrupt, Some(27));
    assert_eq!(found.clock, Some(range(0x901_0000, 0x901_1000)));
    assert_eq!(
        found.cpus,
        [0, 1].map(|affinity| Cpu {
            affinity,
            start: CpuStart::Psci
        })
    );
    assert!(found.ignored.is_empty());
}

#[test]
fn reserved_memory_is_found_and_no_map_told_apart() {
    let mut root = virt();
    let reserved = [
        node(
            "atf@0",
            [cells("reg", &[0, 0x4000_0000, 0, 0x8_0000]), has("no-map")],
            [],
        ),
        node("framebuffer@1", [cells("reg", &[0, 0x5000_0000, 0, 0x1000])], []),
        node("pool", [cells("size", &[0, 0x40_0000])], []),
        node(
            "off@2",
            [
                cells("reg", &[0, 0x6000_0000, 0, 0x1000]),
                is("status", "disabled"),
            ],
            [],
        ),
        node("bad@3", [cells("reg", &[0, 0x6000_0000, 0])], []),
    ];
    let mut parent = with_sizes("reserved-memory", 2, 2, reserved);
    parent.add_property(has("ranges"));
    root.add_child(parent);
    let mut tree = DeviceTree::new();
    tree.root = root;
    tree.memory_reservations
        .push(MemoryReservation::new(0x7000_0000, 0x1000));
    let blob = tree.to_dtb();
    let found = describe(&blob).unwrap();
    assert_eq!(list(&found.no_map), [range(0x4000_0000, 0x4008_0000)]);
    let all = [
        range(0x4000_0000, 0x4008_0000),
        range(0x5000_0000, 0x5000_1000),
        range(0x7000_0000, 0x7000_1000),
    ];
    assert_eq!(list(&found.reserved), all);
    assert_eq!(found.ignored, ["bad@3"]);
}

#[test]
fn a_tree_without_memory_is_refused() {
    let tree = blob(with_sizes(
        "",
        2,
        2,
        [node("memory", [cells("reg", &[0, 0x4000_0000, 0])], [])],
    ));
    assert_eq!(describe(&tree).unwrap_err(), TreeError::NoMemory);
}

#[test]
fn a_range_that_leaves_64_bits_is_left_out() {
    let mut root = virt();
    root.add_child(node("memory@1", [cells("reg", &[u32::MAX, 0, 2, 0])], []));
    let blob = blob(root);
    let found = describe(&blob).unwrap();
    assert_eq!(
        (found.ram.bytes(), found.ignored.as_slice()),
        (0xc000_0000, &["memory@1"][..])
    );
}

#[test]
fn a_console_that_is_not_a_pl011_is_said_so() {
    let mut root = virt();
    root.remove_child("pl011@9000000");
    root.add_child(node(
        "pl011@9000000",
        [is("compatible", "ns16550a"), cells("reg", &[0, 0, 0, 8])],
        [],
    ));
    let blob = blob(root);
    assert_eq!(
        describe(&blob).unwrap().console.unwrap().kind,
        ConsoleKind::Unknown
    );
}

#[test]
fn a_device_behind_a_bus_without_ranges_cannot_be_reached() {
    let mut root = virt();
    root.remove_child("chosen");
    root.add_child(node("chosen", [is("stdout-path", "/i2c/uart@9")], []));
    let uart = [is("compatible", "arm,pl011"), cells("reg", &[9, 1])];
    root.add_child(with_sizes("i2c", 1, 1, [node("uart@9", uart, [])]));
    let blob = blob(root);
    assert_eq!(describe(&blob).unwrap().console, None);
}

#[test]
fn every_truncation_is_refused() {
    let blob = blob(virt());
    assert!((0..blob.len()).all(|len| matches!(describe(&blob[..len]), Err(TreeError::Malformed(_)))));
}

proptest! {
    #[test]
    fn damage_never_panics(hits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12)) {
        let mut blob = blob(virt());
        for (at, value) in hits {
            let at = at.index(blob.len());
            blob[at] = value;
        }
        // Whether the tree is still good is the parser's to say.
        let _ = describe(&blob);
    }
}
