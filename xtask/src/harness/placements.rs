//! The image at odd places, entered with odd things in `x0`: it boots, or says on whatever console it finds what is missing.

use std::path::Path;

use super::program::{Case, Ending, Expected};
use crate::exit;
use crate::qemu::machine::{Entry, Machine};
use crate::qemu::placement::{Placement, X0};
use crate::qemu::raspi::Model;

/// Where `virt` has its memory.
const VIRT: u64 = 0x4000_0000;

/// Places behind the start of memory: where firmware and QEMU put images (2 MiB, 512 KiB), and multiples of 4 KiB that are multiples of
/// nothing larger, the last such that a table's 2 MiB end within the image.
const PLACES: [u64; 5] = [0x20_0000, 0x8_0000, 0x123_5000, 0xa3_b000, 0x15f_f000];

/// What is in `x0` where there is no device tree: nothing, an odd address in memory, an address that no memory has, one that no
/// processor has, and ATAGs as QEMU's Raspberry Pis have them.
const NO_TREES: [u64; 5] = [0, 0x4400_0003, 0x7_0000_0000, 0xdead_beef_dead_bee8, 0x100];

/// The boots on `usual`, a virtual machine or a Raspberry Pi, each like `hello`, a case that boots the usual way.
pub(super) fn cases(hello: &Case, usual: &Machine) -> Vec<Case> {
    let (ram, entries): (u64, &[(&str, Entry)]) = match usual.raspi {
        Some(_) => (0, &[("el2", Entry::El2)]),
        None => (VIRT, &[("el1", Entry::El1), ("el2", Entry::El2)]),
    };
    let mut cases = Vec::new();
    for &(level, entry) in entries {
        let at = |address, x0| Machine {
            entry,
            placement: Some(Placement { address, x0 }),
            ..usual.clone()
        };
        for place in PLACES {
            cases.push(Case {
                name: format!("boot::at::{:#x}-{level}", ram + place),
                machine: Some(at(ram + place, X0::DeviceTree)),
                ..hello.clone()
            });
        }
        // Each takes seconds, because nothing ends the machine; the level of entry makes no difference to most.
        let some = if entry == Entry::El1 {
            0
        } else {
            NO_TREES.len() - 2
        };
        for &x0 in &NO_TREES[some..] {
            cases.push(without_tree(
                format!("boot::x0::{x0:#x}-{level}"),
                at(ram + PLACES[2], X0::Value(x0)),
                x0,
            ));
        }
    }
    // The tree of the other board names all memory that there may be.
    if usual.name() == Model::Raspi4b.name() {
        cases.push(with_bare_tree(usual));
    }
    cases
}

/// Of the memory, the kernel hears by the mailbox; of an archive, from nobody.
fn with_bare_tree(usual: &Machine) -> Case {
    let placement = Placement {
        address: PLACES[0],
        x0: X0::BareTree,
    };
    let machine = Machine {
        placement: Some(placement),
        ..usual.clone()
    };
    let mut case = without_tree("boot::bare-tree".to_owned(), machine, 0);
    case.expected.status = exit::NOT_FOUND;
    case.expected.ending = Ending::Off;
    case.expected.output_holds = vec!["inarch: no initrd".to_owned()];
    case
}

/// Without a device tree, the kernel knows neither its command line nor how to switch the machine off.
fn without_tree(name: String, machine: Machine, x0: u64) -> Case {
    let output_holds = vec![
        format!("no device tree: the loader gave x0 = {x0:#x}"),
        format!("inarch: exit status {}", exit::TROUBLE),
    ];
    let expected = Expected {
        status: exit::TROUBLE,
        ending: Ending::StandsStill,
        output_holds,
        ..Expected::default()
    };
    Case {
        machine: Some(machine),
        program: None,
        words: Some(Vec::new()),
        expected,
        ..Case::new(name, Path::new(""), exit::TROUBLE)
    }
}
