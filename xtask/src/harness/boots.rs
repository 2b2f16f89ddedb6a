//! The boot matrix: one small program on every kind of machine, and the ways in which a boot may go wrong.

use std::path::Path;

use super::placements;
use super::program::{Case, Expected};
use crate::exit;
use crate::options::Size;
use crate::qemu::machine::{Entry, Machine};

/// What the program of the matrix prints on standard output and on standard error.
const OUTPUT: &str = "hello from EL0\n";
const ERRORS: &str = "and a line on standard error";

/// The boots. `folder` is where the project's programs lie, `usual` the machine without its specialities.
pub(crate) fn cases(folder: &Path, usual: &Machine) -> Vec<Case> {
    let hello = folder.join("hello");
    let variants = match usual.raspi {
        Some(_) => Vec::new(),
        None => machines(usual),
    };
    let mut cases: Vec<Case> = variants
        .into_iter()
        .map(|(name, machine)| boot(&hello, &name, machine))
        .collect();
    cases.extend(other_cores(&hello, usual));
    cases.extend(placements::cases(&boot(&hello, "", usual.clone()), usual));
    cases.push(without_semihosting(&hello));
    cases.push(without_archive());
    cases.push(with_input(&folder.join("echo")));
    cases
}

/// The variants of QEMU's own machine.
fn machines(usual: &Machine) -> Vec<(String, Machine)> {
    let mut machines = Vec::new();
    let mut add = |name: &str, change: &dyn Fn(&mut Machine)| {
        let mut machine = usual.clone();
        change(&mut machine);
        machines.push((name.to_owned(), machine));
    };
    for cpu in ["cortex-a53", "cortex-a72", "cortex-a76", "max"] {
        add(&format!("cpu::{cpu}"), &|machine| machine.cpu = cpu.to_owned());
    }
    for (text, bytes) in [("256M", 256 << 20), ("1G", 1 << 30), ("8G", 8 << 30)] {
        add(&format!("memory::{text}"), &|machine| {
            machine.memory = Size {
                bytes,
                text: text.to_owned(),
            }
        });
    }
    add("gic::v2", &|machine| machine.gic = 2);
    add("gic::v3", &|machine| machine.gic = 3);
    add("entry::el1", &|machine| machine.entry = Entry::El1);
    add("entry::el2", &|machine| machine.entry = Entry::El2);
    add("entry::el3", &|machine| machine.entry = Entry::El3);
    add("entry::el2-gic-v2-cortex-a72", &|machine| {
        (machine.entry, machine.gic, machine.cpu) = (Entry::El2, 2, "cortex-a72".to_owned());
    });
    add("entry::el3-gic-v2-cortex-a53", &|machine| {
        (machine.entry, machine.gic, machine.cpu) = (Entry::El3, 2, "cortex-a53".to_owned());
    });
    // No firmware keeps the other cores back: all begin at the image's first instruction.
    add("entry::el3-cores-4", &|machine| {
        (machine.entry, machine.cores) = (Entry::El3, 4);
    });
    machines
}

fn boot(hello: &Path, name: &str, machine: Machine) -> Case {
    let expected = Expected {
        output: Some(OUTPUT.to_owned()),
        errors_hold: vec![ERRORS.to_owned()],
        ..Expected::default()
    };
    Case {
        machine: Some(machine),
        expected,
        ..Case::new(format!("boot::{name}"), hello, 0)
    }
}

/// The other cores come in, and sleep: let in by the firmware, called either way, or on a Raspberry Pi out of their table.
fn other_cores(hello: &Path, usual: &Machine) -> Vec<Case> {
    let entries: &[(&str, Entry)] = match usual.raspi {
        Some(_) => &[("cores", Entry::El2)],
        None => &[("cores::4", Entry::El1), ("cores::4-el2", Entry::El2)],
    };
    let case = |&(name, entry): &(&str, Entry)| {
        let machine = Machine {
            cores: 4,
            entry,
            ..usual.clone()
        };
        let mut case = boot(hello, name, machine);
        case.words = Some(["semihosting", "log=info"].map(str::to_owned).to_vec());
        case.expected
            .errors_hold
            .push("3 of 3 other core(s) let in".to_owned());
        case
    };
    entries.iter().map(case).collect()
}

/// As on a board: everything comes out of the serial line, the last line is the verdict, and the machine powers off.
fn without_semihosting(hello: &Path) -> Case {
    let output_holds = vec![
        OUTPUT.trim_end().to_owned(),
        ERRORS.to_owned(),
        "inarch: exit status 0".to_owned(),
    ];
    let expected = Expected {
        output_holds,
        ..Expected::default()
    };
    Case {
        words: Some(Vec::new()),
        expected,
        ..Case::new("boot::without-semihosting", hello, 0)
    }
}

/// A message, not silence.
fn without_archive() -> Case {
    let mut case = Case::new("boot::without-archive", "", exit::NOT_FOUND);
    case.program = None;
    case.expected.errors_hold = vec!["archive".to_owned()];
    case
}

/// Every byte gets through both ways, and the end of the input is one.
fn with_input(echo: &Path) -> Case {
    let input: String = ('\0'..='\u{17f}').cycle().take(20_000).collect();
    let expected = Expected {
        output: Some(input.clone()),
        ..Expected::default()
    };
    Case {
        input: input.into_bytes(),
        expected,
        ..Case::new("boot::standard-input", echo, 0)
    }
}
