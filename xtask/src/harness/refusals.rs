//! Files that are no program: xtask must say so before the boot, and the kernel, if it gets them all the same, in its own words.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use libtest_mimic::Trial;

use super::program::Case;
use super::report;
use crate::{elf, exit, workspace};

/// Offsets in the ELF header and in a program header (elf(5), 64 bits).
const MACHINE: usize = 18;
const HEADERS: usize = 64;
const HEADER_SIZE: usize = 56;
const VIRTUAL_ADDRESS: usize = 16;
const MEMORY_SIZE: usize = 40;
/// Program headers that are loaded, and those that name an interpreter.
const LOAD: u32 = 1;
const INTERPRETER: u32 = 3;
/// What may be overwritten with another kind: the note about the stack, and what else needn't be loaded.
const SPARE: [u32; 3] = [0x6474_e551, 4, 0x6474_e552];

/// The files, made from a program that works: name and contents.
fn samples(program: &[u8]) -> Result<Vec<(&'static str, Vec<u8>)>> {
    let loads = headers(program, &[LOAD])?;
    let [first, second, ..] = loads[..] else {
        bail!("the sample program has fewer than two segments")
    };
    let changed = |at: usize, bytes: &[u8]| {
        let mut file = program.to_vec();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        file
    };
    let address = |header: usize| word(program, header + VIRTUAL_ADDRESS);
    let mut samples = vec![
        ("empty", Vec::new()),
        ("not-elf", b"this is a text\n".to_vec()),
        ("x86-64", changed(MACHINE, &62_u16.to_le_bytes())),
        ("header-truncated", program[..40].to_vec()),
        (
            "truncated",
            program[..program.len().min(headers_end(program)) + 100].to_vec(),
        ),
        (
            "overlapping",
            changed(
                first + MEMORY_SIZE,
                &(address(second) + 1 - address(first)).to_le_bytes(),
            ),
        ),
        (
            "kernel-half",
            changed(second + VIRTUAL_ADDRESS + 6, &[0xff, 0xff]),
        ),
    ];
    if let Some(&spare) = headers(program, &SPARE)?.first() {
        samples.push(("dynamic", changed(spare, &INTERPRETER.to_le_bytes())));
    }
    Ok(samples)
}

/// Eight bytes of the file as a number.
fn word(program: &[u8], at: usize) -> u64 {
    program[at..at + 8]
        .iter()
        .rev()
        .fold(0, |word, &byte| word << 8 | u64::from(byte))
}

fn header_count(program: &[u8]) -> usize {
    usize::from(u16::from_le_bytes([program[56], program[57]]))
}

fn headers_end(program: &[u8]) -> usize {
    HEADERS + HEADER_SIZE * header_count(program)
}

/// Where the program headers of these kinds lie in the file.
fn headers(program: &[u8], kinds: &[u32]) -> Result<Vec<usize>> {
    if program.len() < HEADERS || program.len() < headers_end(program) {
        bail!("the sample program is no ELF file");
    }
    let kind =
        |at: usize| u32::from_le_bytes([program[at], program[at + 1], program[at + 2], program[at + 3]]);
    let all = (0..header_count(program)).map(|index| HEADERS + HEADER_SIZE * index);
    Ok(all.filter(|&at| kinds.contains(&kind(at))).collect())
}

/// The tests: by xtask as ready trials, by the kernel as cases to boot.
pub(crate) fn tests(folder: &Path, print_times: bool) -> Result<(Vec<Trial>, Vec<Case>)> {
    let program = fs_err::read(folder.join("hello")).context("there is no sample program")?;
    let scratch = workspace::scratch("refused")?;
    let (mut trials, mut cases) = (Vec::new(), Vec::new());
    for (name, contents) in samples(&program)? {
        let path: PathBuf = scratch.join(name);
        fs_err::write(&path, &contents)?;
        let mut case = Case::new(
            format!("program::refused::by-kernel::{name}"),
            path,
            exit::REFUSED,
        );
        case.expected.errors_hold = vec![format!("inarch: /{name}: ")];
        cases.push(case);
        let name = format!("program::refused::by-xtask::{name}");
        trials.push(report::trial(name, print_times, move || {
            match elf::check(&contents) {
                Err(reason) if !reason.contains('\n') => Ok(()),
                Err(reason) => bail!("more than one line: {reason}"),
                Ok(()) => bail!("accepted"),
            }
        }));
    }
    Ok((trials, cases))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elf::check::sample::{Segment, elf};

    #[test]
    fn every_sample_is_refused_and_the_original_is_not() {
        let spare = Segment {
            kind: SPARE[0],
            ..Segment::load(0)
        };
        let program = elf(&[Segment::load(0x40_0000), Segment::load(0x40_1000), spare]);
        elf::check(&program).unwrap();
        let samples = samples(&program).unwrap();
        assert_eq!(samples.len(), 8);
        for (name, file) in samples {
            assert!(elf::check(&file).is_err(), "{name}");
        }
    }
}
