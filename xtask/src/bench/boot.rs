//! `cargo xtask bench boot`: the way to a program's first instruction, and the image's size, against their limits.

use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use owo_colors::OwoColorize;

use super::table::grouped;
use crate::archive::{self, Contents};
use crate::compile::{self, Flavor, Kernel};
use crate::console::Annotator;
use crate::elf::flat;
use crate::exit::WithStatus;
use crate::options::BuildOptions;
use crate::qemu::boot::{self, End, Record};
use crate::qemu::machine::{Debugger, Icount, Load, Machine, Serial};
use crate::setup::core::Core;
use crate::{say, setup, workspace};

/// From power-on to the first instruction of the program, in instructions.
const MOST_INSTRUCTIONS: u64 = 5_000_000;
/// The flat image, in bytes.
const LARGEST_IMAGE: u64 = 1_000_000;
/// The program that prints the counter at its first instruction: one of 600 KB.
pub(super) const PROGRAM: &str = "first-instruction";
/// How long the machine may take.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Measures, prints, and compares with the limits.
pub(super) fn run(options: &BuildOptions) -> Result<ExitCode> {
    let core = Core::ensure(options)?;
    let qemu = setup::qemu::ensure()?;
    let kernel = compile::kernel(&core, Flavor::Plain)?;
    let program = compile::programs(&core)?.join(PROGRAM);
    let size = fs_err::metadata(&program)?.len();
    let flat = fs_err::read(&kernel.image)?;
    let instructions = measure(
        &qemu,
        &kernel,
        Contents {
            program,
            ..Contents::default()
        },
    )?;

    let mut good = true;
    good &= figure("image", flat.len() as u64, "bytes", Some(LARGEST_IMAGE));
    if let Some(size) = flat::size_in_memory(&flat) {
        figure("image in memory", size, "bytes", None);
    }
    figure("program", size, "bytes", None);
    good &= figure(
        "power-on to the program's first instruction",
        instructions,
        "instructions",
        Some(MOST_INSTRUCTIONS),
    );
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// One figure, and whether it is within its limit.
fn figure(what: &str, value: u64, unit: &str, limit: Option<u64>) -> bool {
    let good = limit.is_none_or(|limit| value <= limit);
    let verdict = match (limit, good) {
        (None, _) => String::new(),
        (Some(limit), true) => format!("{} at most {}", "ok,".green().bold(), grouped(limit)),
        (Some(limit), false) => format!("{} at most {}", "TOO MUCH,".red().bold(), grouped(limit)),
    };
    anstream::println!("{what:<44} {:>12} {unit:<13}{verdict}", grouped(value));
    good
}

/// Boots the program on the machine of the measurements, and reads the counter that it prints.
fn measure(qemu: &Path, kernel: &Kernel, contents: Contents) -> Result<u64> {
    let archive = workspace::scratch("bench")?.join("boot.cpio");
    archive::write(&contents, &archive)?;
    let machine = Machine {
        icount: Icount::Measuring,
        ..Machine::default()
    };
    let words = ["semihosting".to_owned()];
    let load = Load {
        kernel,
        archive: Some(&archive),
        words: &words,
    };
    let mut command = machine.command(qemu, &load, Serial::Output, Debugger::None)?;
    say::command(&command);
    let annotator = Arc::new(Annotator::new(kernel.elf.clone()));
    let Record { end, out, err } = boot::record(command.stdin(Stdio::null()), &annotator, TIMEOUT)?;
    if end != End::Status(0) {
        let message = format!("the program didn't get through ({end:?}):\n{out}{err}");
        return Err(WithStatus::error(end.exit_status().max(1), message));
    }
    counter_in(&out)
}

/// Reads `first instruction at N of HZ Hz`.
pub(super) fn counter_in(text: &str) -> Result<u64> {
    let line = text.lines().find(|line| line.starts_with("first instruction"));
    let numbers: Vec<u64> = line
        .unwrap_or("")
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    let [ticks, frequency] = numbers[..] else {
        bail!("the program printed no counter but `{}`", text.trim())
    };
    if frequency != 1_000_000_000 {
        bail!("the counter runs at {frequency} Hz: one tick is not one instruction");
    }
    Ok(ticks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_is_read() {
        assert_eq!(
            counter_in("first instruction at 4321 of 1000000000 Hz\n").unwrap(),
            4321
        );
        assert!(counter_in("first instruction at 4321 of 62500000 Hz\n").is_err());
        assert!(counter_in("").is_err());
    }
}
