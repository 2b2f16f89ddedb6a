//! The demonstration: a gibibyte is moved by `mremap` at every alignment, and every page is checked afterwards.
//!
//! It prints a table of what was moved, by which page-table entries, and in how many instructions, and ends with status
//! 0 only if every page was found where it belongs and no old place held anything. An argument gives another size in MiB.
//! It is an ordinary Linux program: on Linux it prints the same table for Linux.
#![cfg_attr(target_os = "none", no_std)]
#![no_main]
#![cfg(target_os = "none")]

use rt::Environment;
use rt::clock::Clock;
use rt::linux::prctl::PR_SET_THP_DISABLE;
use rt::process::{self, System};
use rt::terminal::Terminal;

mod entries;
mod moves;
mod report;

use report::Report;

rt::main!(run);

const MIB: usize = 1 << 20;
const GIB: usize = 1 << 30;

fn run(environment: Environment) -> u8 {
    let size = match size(&environment) {
        Ok(size) => size,
        Err(why) => {
            rt::eprintln!("tour: {why}");
            return 2;
        }
    };
    // Pages of 4 KiB everywhere: with huge pages, Linux would show other moves than those in the table.
    // SAFETY: sets a flag of the process.
    unsafe { rt::syscall!(__NR_prctl, PR_SET_THP_DISABLE, 1, 0, 0, 0) }.ok();
    let terminal = Terminal::ask(&environment);
    let mut report = Report::new(terminal, Clock::calibrate());
    if let Ok(system) = System::ask() {
        report.title(&system, size);
    }
    match moves::all(size, &mut report) {
        Ok(()) => report.print(),
        Err(why) => {
            report.print();
            rt::eprintln!("tour: {why}");
            1
        }
    }
}

/// Bytes to move: what the argument says, else 1 GiB, or half of the free memory where that is less.
fn size(environment: &Environment) -> Result<usize, &'static str> {
    let size = match environment.words().next() {
        Some(word) => word
            .parse::<usize>()
            .map_err(|_| "usage: tour [MIB]")?
            .saturating_mul(MIB),
        None => {
            let memory = process::memory().map_err(|_| "sysinfo gives no answer")?;
            GIB.min((memory.free / 2) as usize)
        }
    };
    // Whole 2 MiB blocks, so that the moves by those entries have no ragged edges.
    match size - size % (2 * MIB) {
        0 => Err("there is too little free memory to move"),
        size if size > 64 * GIB => Err("more than 64 GiB is more than this tour goes"),
        size => Ok(size),
    }
}
