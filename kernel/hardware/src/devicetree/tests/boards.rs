//! Raspberry Pi 3, 4 and 5: trees of their shape, and the real ones.

use super::*;
use std::path::PathBuf;
use std::{env, fs};

/// What a board's tree must come to.
struct Board {
    /// The file of the real tree in Linux.
    file: &'static str,
    model: &'static str,
    console: (ConsoleKind, u64),
    interrupts: InterruptController,
    timer: u32,
    watchdog: u64,
    mailbox: Mailbox,
    cpus: [Cpu; 4],
    psci: Option<Conduit>,
}

const fn registers(start: u64, len: u64) -> PhysRange {
    PhysRange::new(start, start + len)
}

/// A core that waits in the table of the stub that a Raspberry Pi's firmware puts at the start of memory.
const fn waiting(number: u64) -> Cpu {
    Cpu {
        affinity: number,
        start: CpuStart::SpinTable(PhysAddr::new(0xd8 + 8 * number)),
    }
}

const fn in_firmware(number: u64) -> Cpu {
    Cpu {
        affinity: number << 8,
        start: CpuStart::Psci,
    }
}

const PI3: Board = Board {
    file: "bcm2837-rpi-3-b.dtb",
    model: "Raspberry Pi 3 Model B",
    console: (ConsoleKind::MiniUart, 0x3f21_5040),
    interrupts: InterruptController::Bcm2836(registers(0x4000_0000, 0x100)),
    timer: 3,
    watchdog: 0x3f10_0000,
    mailbox: Mailbox {
        registers: registers(0x3f00_b880, 0x40),
        reach: registers(0, 0x3f00_0000),
        bus_start: 0xc000_0000,
    },
    cpus: [waiting(0), waiting(1), waiting(2), waiting(3)],
    psci: None,
};

const PI4: Board = Board {
    file: "bcm2711-rpi-4-b.dtb",
    model: "Raspberry Pi 4 Model B",
    console: (ConsoleKind::MiniUart, 0xfe21_5040),
    interrupts: InterruptController::GicV2(registers(0xff84_1000, 0x1000), registers(0xff84_2000, 0x2000)),
    timer: 27,
    watchdog: 0xfe10_0000,
    mailbox: Mailbox {
        registers: registers(0xfe00_b880, 0x40),
        reach: registers(0, 0x4000_0000),
        bus_start: 0xc000_0000,
    },
    cpus: [waiting(0), waiting(1), waiting(2), waiting(3)],
    psci: None,
};

const PI5: Board = Board {
    file: "bcm2712-rpi-5-b.dtb",
    model: "Raspberry Pi 5",
    console: (ConsoleKind::Pl011, 0x10_7d00_1000),
    interrupts: InterruptController::GicV2(
        registers(0x10_7fff_9000, 0x1000),
        registers(0x10_7fff_a000, 0x2000),
    ),
    timer: 27,
    watchdog: 0x10_7d20_0000,
    mailbox: Mailbox {
        registers: registers(0x10_7c01_3880, 0x40),
        reach: PhysRange::new(0, u64::MAX),
        bus_start: 0,
    },
    cpus: [in_firmware(0), in_firmware(1), in_firmware(2), in_firmware(3)],
    psci: Some(Conduit::Smc),
};

impl Board {
    fn check(&self, blob: &[u8]) {
        let found = describe(blob).unwrap();
        let console = found.console.unwrap();
        assert_eq!(found.model, self.model);
        assert_eq!((console.kind, console.registers.start.get()), self.console);
        assert_eq!(found.interrupts, Some(self.interrupts));
        assert_eq!(found.timer_interrupt, Some(self.timer));
        assert_eq!(found.watchdog.unwrap().start.get(), self.watchdog);
        assert_eq!(found.mailbox, Some(self.mailbox));
        assert_eq!(found.cpus, self.cpus);
        assert_eq!(found.psci, self.psci);
        assert!(found.ignored.is_empty(), "{:?}", found.ignored);
    }

    /// The tree of the board as Linux has it.
    fn real(&self) -> Vec<u8> {
        real(self.file)
    }
}

/// A tree as Linux has it, from the folder where `cargo xtask test` puts those.
pub(super) fn real(file: &str) -> Vec<u8> {
    let folder = env::var_os("INARCH_DEVICE_TREES").expect("the folder of the real trees");
    let path = PathBuf::from(folder).join(file);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
#[ignore = "reads the trees of Linux, which `cargo xtask test` fetches"]
fn the_real_tree_of_a_raspberry_pi_3_is_read() {
    let blob = PI3.real();
    PI3.check(&blob);
    let found = describe(&blob).unwrap();
    // Firmware writes over it with what it leaves to the processor.
    assert_eq!(list(&found.ram), [range(0, 0x4000_0000)]);
    assert_eq!(list(&found.reserved), [range(0, 0x1000)]);
}

#[test]
#[ignore = "reads the trees of Linux, which `cargo xtask test` fetches"]
fn the_real_tree_of_a_raspberry_pi_4_is_read() {
    let blob = PI4.real();
    PI4.check(&blob);
    let found = describe(&blob).unwrap();
    assert!(found.ram.is_empty(), "firmware fills the memory in");
    assert_eq!(list(&found.reserved), [range(0, 0x1000)]);
}

#[test]
#[ignore = "reads the trees of Linux, which `cargo xtask test` fetches"]
fn the_real_tree_of_a_raspberry_pi_5_is_read() {
    let blob = PI5.real();
    PI5.check(&blob);
    let found = describe(&blob).unwrap();
    assert_eq!(list(&found.ram), [range(0, 0x2800_0000)]);
    assert_eq!(list(&found.no_map), [range(0, 0x8_0000)]);
}

/// The shape of a Raspberry Pi's tree, with what differs between the models.
struct Shape {
    board: Board,
    /// Cells of an address and of a size.
    root: (u32, u32),
    memory: &'static [u32],
    ranges: &'static [u32],
    dma_ranges: Option<&'static [u32]>,
    console: &'static [u32],
    interrupt_controllers: fn() -> Vec<DeviceTreeNode>,
    timer: (&'static str, &'static [u32]),
    watchdog: u32,
    mailbox: u32,
}

/// The controller beside the cores, which a Raspberry Pi 4 has as well, but doesn't offer.
fn beside_the_cores() -> DeviceTreeNode {
    let properties = [
        is("compatible", "brcm,bcm2836-l1-intc"),
        has("interrupt-controller"),
        cells("reg", &[0x4000_0000, 0x100]),
    ];
    node("local@40000000", properties, [])
}

fn gic_400(distributor: u32) -> DeviceTreeNode {
    let properties = [
        is("compatible", "arm,gic-400"),
        has("interrupt-controller"),
        cells("reg", &[distributor, 0x1000, distributor + 0x1000, 0x2000]),
    ];
    node("gic", properties, [])
}

const GIC_TIMER: (&str, &[u32]) = (
    "arm,armv8-timer",
    &[1, 13, 0xf08, 1, 14, 0xf08, 1, 11, 0xf08, 1, 10, 0xf08],
);

const SHAPES: [Shape; 3] = [
    Shape {
        board: PI3,
        root: (1, 1),
        memory: &[0, 0x3c00_0000],
        ranges: &[
            0x7e00_0000,
            0x3f00_0000,
            0x0100_0000,
            0x4000_0000,
            0x4000_0000,
            0x1000,
        ],
        dma_ranges: Some(&[0xc000_0000, 0, 0x3f00_0000]),
        console: &[0x7e21_5040, 0x40],
        interrupt_controllers: || std::vec![beside_the_cores()],
        timer: ("arm,armv7-timer", &[0, 4, 1, 4, 3, 4, 2, 4]),
        watchdog: 0x7e10_0000,
        mailbox: 0x7e00_b880,
    },
    Shape {
        board: PI4,
        root: (2, 1),
        memory: &[0, 0, 0x3c00_0000, 0, 0x4000_0000, 0xbc00_0000],
        ranges: &[
            0x7e00_0000,
            0,
            0xfe00_0000,
            0x180_0000,
            0x4000_0000,
            0,
            0xff80_0000,
            0x80_0000,
        ],
        dma_ranges: Some(&[0xc000_0000, 0, 0, 0x4000_0000]),
        console: &[0x7e21_5040, 0x40],
        interrupt_controllers: || std::vec![gic_400(0x4004_1000), beside_the_cores()],
        timer: GIC_TIMER,
        watchdog: 0x7e10_0000,
        mailbox: 0x7e00_b880,
    },
    Shape {
        board: PI5,
        root: (2, 2),
        memory: &[0, 0, 0, 0x3f80_0000, 0, 0x4000_0000, 1, 0xc000_0000],
        ranges: &[0, 0x10, 0, 0x8000_0000],
        dma_ranges: None,
        console: &[0x7d00_1000, 0x200],
        interrupt_controllers: || std::vec![gic_400(0x7fff_9000)],
        timer: GIC_TIMER,
        watchdog: 0x7d20_0000,
        mailbox: 0x7c01_3880,
    },
];

impl Shape {
    fn tree(&self) -> DeviceTreeNode {
        let uart = match self.board.console.0 {
            ConsoleKind::MiniUart => "brcm,bcm2835-aux-uart",
            _ => "arm,pl011",
        };
        let device =
            |name, compatible, reg: &[u32]| node(name, [is("compatible", compatible), cells("reg", reg)], []);
        let devices = [
            device("serial@1", uart, self.console),
            device("watchdog", "brcm,bcm2835-pm-wdt", &[self.watchdog, 0x114]),
            device("mailbox", "brcm,bcm2835-mbox", &[self.mailbox, 0x40]),
        ];
        let mut soc = with_sizes("soc", 1, 1, devices);
        (self.interrupt_controllers)()
            .into_iter()
            .for_each(|controller| soc.add_child(controller));
        soc.add_property(cells("ranges", self.ranges));
        if let Some(ranges) = self.dma_ranges {
            soc.add_property(cells("dma-ranges", ranges));
        }
        let timer = [is("compatible", self.timer.0), cells("interrupts", self.timer.1)];
        let mut root = with_sizes(
            "",
            self.root.0,
            self.root.1,
            [
                node("aliases", [is("serial9", "/soc/serial@1")], []),
                node("chosen", [is("stdout-path", "serial9:115200n8")], []),
                node("timer", timer, []),
                with_sizes("cpus", 1, 0, self.board.cpus.map(cpu)),
                soc,
            ],
        );
        root.add_property(is("model", self.board.model));
        if self.board.psci.is_some() {
            root.add_child(node(
                "psci",
                [is("compatible", "arm,psci-1.0"), is("method", "smc")],
                [],
            ));
        }
        root
    }
}

fn cpu(cpu: Cpu) -> DeviceTreeNode {
    let name = std::format!("cpu@{:x}", cpu.affinity);
    let mut node = node(&name, [is("reg", cpu.affinity as u32)], []);
    match cpu.start {
        CpuStart::SpinTable(at) => {
            node.add_property(is("enable-method", "spin-table"));
            node.add_property(is("cpu-release-addr", at.get()));
        }
        _ => node.add_property(is("enable-method", "psci")),
    }
    node
}

#[test]
fn a_board_is_found_through_the_ranges_of_each_bus() {
    let bytes = [
        0x3c00_0000,
        0x3c00_0000 + 0xbc00_0000,
        0x3f80_0000 + 0x1_c000_0000,
    ];
    for (shape, bytes) in SHAPES.iter().zip(bytes) {
        let mut root = shape.tree();
        root.add_child(node("memory@0", [cells("reg", shape.memory)], []));
        let blob = blob(root);
        shape.board.check(&blob);
        assert_eq!(describe(&blob).unwrap().ram.bytes(), bytes);
    }
}

#[test]
fn memory_may_be_missing_where_there_is_a_mailbox() {
    let mut root = SHAPES[0].tree();
    assert!(describe(&blob(root.clone())).unwrap().ram.is_empty());
    root.remove_child("soc");
    assert_eq!(describe(&blob(root)).unwrap_err(), TreeError::NoMemory);
}

#[test]
fn a_core_without_a_doubleword_to_wait_for_is_not_started() {
    let mut root = SHAPES[0].tree();
    root.remove_child("cpus");
    let core = [
        is("reg", 0u32),
        is("enable-method", "spin-table"),
        is("cpu-release-addr", 0xdau64),
    ];
    root.add_child(with_sizes("cpus", 1, 0, [node("cpu", core, [])]));
    let blob = blob(root);
    assert_eq!(describe(&blob).unwrap().cpus[0].start, CpuStart::Unknown);
}
