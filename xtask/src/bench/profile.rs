//! `cargo xtask bench --profile ROW`: where the instructions of one call go.
//!
//! The program stops at a mark before the last repeat of the row and at one after it (`bench_begin` and `bench_end`), by breakpoints. In
//! between QEMU executes one instruction at a time and logs the address of each.

use fs_err::File;
use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use object::{Object, ObjectSymbol};

use super::functions::Profile;
use super::gdbstub::Stub;
use super::sides::{PROGRAM, Side, Sides};
use crate::elf::symbols::Symbols;
use crate::process::Process;
use crate::qemu::machine::{Debugger, Load, Serial};
use crate::{say, workspace};

/// The repeat that is looked at: the last one, when everything that only a first call sets up is there.
const REPEAT: usize = 3;

/// Instructions by address.
pub(super) type Counts = HashMap<u64, u64>;

/// Profiles `row` and prints what came out.
pub(super) fn run(sides: &Sides, row: &str) -> Result<()> {
    of_row(sides, row)?.print(row);
    Ok(())
}

/// Profiles `row`.
pub(super) fn of_row(sides: &Sides, row: &str) -> Result<Profile> {
    let counts = record(sides, row)?;
    let symbols = Symbols::load(&sides.kernel.elf)?;
    Ok(Profile::new(&counts, &symbols))
}

/// Boots, and logs the one call.
fn record(sides: &Sides, row: &str) -> Result<Counts> {
    let folder = workspace::scratch("bench")?;
    let log = folder.join("profile.log");
    // A socket's name can't be long, and the target folder's may be.
    let socket = std::env::temp_dir().join(format!("inarch-bench-{}.socket", std::process::id()));
    for old in [&socket, &log] {
        // Left behind by an earlier run, or not there.
        let _ = fs_err::remove_file(old);
    }
    let arguments = ["--exact", "--full", row].map(str::to_owned);
    let archive = sides.archive(Side::Inarch, PROGRAM, &arguments)?;
    let words = ["semihosting".to_owned(), "notty=012".to_owned()];
    let load = Load {
        kernel: &sides.kernel,
        archive: Some(&archive),
        words: &words,
    };
    let mut command = sides
        .machine
        .command(&sides.qemu, &load, Serial::Output, Debugger::None)?;
    command.args(Stub::arguments(&socket));
    say::command(&command);
    // QEMU has to say that it waits, and that it was ended; why it refuses to run is told where it is run without a debugger.
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let _qemu = Process::spawn(&mut command)?;
    let mut stub = Stub::connect(&socket)?;
    let [begin, end] = marks(&sides.programs.join(PROGRAM))?;
    reach(&mut stub, begin).with_context(|| {
        format!("there is no row `{row}` (`cargo xtask bench --list` prints them), or it can't be measured")
    })?;
    stub.insert_breakpoint(end)?;
    stub.monitor(&format!("logfile {}", log.display()))?;
    stub.monitor("one-insn-per-tb on")?;
    stub.monitor("log exec,nochain")?;
    stub.run()?;
    stub.monitor("log none")?;
    count(&log)
}

/// Lets the machine run until the mark before the last repeat.
fn reach(stub: &mut Stub, begin: u64) -> Result<()> {
    stub.insert_breakpoint(begin)?;
    for repeat in 1..=REPEAT {
        stub.run()?;
        // QEMU stops at once again where it continues from a breakpoint.
        stub.remove_breakpoint(begin)?;
        if repeat < REPEAT {
            stub.step()?;
            stub.insert_breakpoint(begin)?;
        }
    }
    Ok(())
}

/// The addresses of the program's marks.
fn marks(program: &Path) -> Result<[u64; 2]> {
    let data = fs_err::read(program)?;
    let file = object::File::parse(&*data)?;
    let address = |name: &str| {
        let symbol = file.symbols().find(|symbol| symbol.name() == Ok(name));
        symbol
            .map(|symbol| symbol.address())
            .with_context(|| format!("the program has no `{name}`"))
    };
    Ok([address("bench_begin")?, address("bench_end")?])
}

/// Counts the addresses in QEMU's log.
fn count(log: &Path) -> Result<Counts> {
    let file = File::open(log).context("QEMU wrote no log")?;
    let mut counts = Counts::new();
    for line in BufReader::new(file).lines() {
        if let Some(address) = address_in(&line?) {
            *counts.entry(address).or_default() += 1;
        }
    }
    if counts.is_empty() {
        bail!("QEMU's log names no instruction");
    }
    Ok(counts)
}

/// `Trace 0: 0x7f00 [00000000/ffff800000001234/00000001/ff000000] name`: the second number in the brackets.
fn address_in(line: &str) -> Option<u64> {
    let (_, rest) = line.strip_prefix("Trace ")?.split_once('[')?;
    u64::from_str_radix(rest.split('/').nth(1)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_from_the_log() {
        let line = "Trace 0: 0x7f9c38000100 [00000000/ffff800000012345/1608000b/ff200200] rust_begin";
        assert_eq!(address_in(line), Some(0xffff_8000_0001_2345));
        for other in ["", "Trace 0: 0x1", "Linking TBs 0x1 [1/2/3]"] {
            assert_eq!(address_in(other), None, "{other}");
        }
    }

    #[test]
    fn the_programs_marks_are_its_symbols() {
        assert!(
            marks(&std::env::current_exe().unwrap())
                .unwrap_err()
                .to_string()
                .contains("bench_begin")
        );
    }
}
