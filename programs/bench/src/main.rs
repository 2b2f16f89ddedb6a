//! What the calls that move memory cost, seen by the program that makes them: instructions between two readings of the counter.
//!
//! It is an ordinary Linux program, and measures Linux as it measures Inarch. `cargo xtask bench` runs it on both.
//!
//! ```text
//! bench [--full] [--exact] [NAME...]     the rows whose names contain one of the NAMEs, else all
//! bench [--full] --list                  their names
//! ```
//!
//! Each row is a line `bench NAME ticks A B C`: one number a repeat, and after them the kernel's own counts of the cheapest repeat,
//! as `counter=value`, where the kernel keeps any. A row that could not be measured says why: `bench NAME not measured: REASON`.
//! `--full` adds what takes long on Linux.
#![cfg_attr(target_os = "none", no_std)]
#![no_main]
#![cfg(target_os = "none")]

mod calls;
mod counters;
mod losing;
mod many;
mod measure;
mod moves;
mod region;
mod rows;
mod stopped;

use heapless::Vec;
use rt::clock::Clock;
use rt::linux::prctl::PR_SET_THP_DISABLE;
use rt::process::System;
use rt::{Environment, println};

use region::Region;
use rows::Work;
use stopped::Stopped;

rt::main!(run);

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
const GIB: usize = 1 << 30;

/// What the arguments say.
#[derive(Default)]
struct Options {
    full: bool,
    exact: bool,
    list: bool,
    names: Vec<&'static str, 64>,
}

impl Options {
    fn read(environment: &Environment) -> Option<Options> {
        let mut options = Options::default();
        for word in environment.words() {
            match word {
                "--full" => options.full = true,
                "--exact" => options.exact = true,
                "--list" => options.list = true,
                option if option.starts_with('-') => return None,
                name => options.names.push(name).ok()?,
            }
        }
        Some(options)
    }

    fn wants(&self, name: &str) -> bool {
        let matches = |wanted: &&str| {
            if self.exact {
                name == *wanted
            } else {
                name.contains(wanted)
            }
        };
        self.names.is_empty() || self.names.iter().any(matches)
    }
}

fn run(environment: Environment) -> u8 {
    let Some(options) = Options::read(&environment) else {
        rt::eprintln!("usage: bench [--full] [--exact] [--list] [NAME...]");
        return 2;
    };
    if options.list {
        rows::each(options.full, |name, _| println!("{name}"));
        return 0;
    }
    print_head();
    let mut rows = 0;
    rows::each(options.full, |name, _| rows += usize::from(options.wants(name)));
    println!("bench rows {rows}");
    let mut region = Region::default();
    rows::each(options.full, |name, work| {
        if options.wants(name) {
            one(name, work, &mut region);
        }
    });
    println!("bench end");
    0
}

/// Says on what system and in what unit all is measured.
fn print_head() {
    if let Ok(system) = System::ask() {
        println!("bench system {} {}", system.name(), system.release());
    }
    match Clock::calibrate() {
        Clock::Instructions { per_tick } => println!("bench unit {per_tick}"),
        // Not instructions: whoever reads the figures has to know.
        Clock::Time { .. } => println!("bench unit 0"),
    }
}

/// Measures one row and prints its line.
fn one(name: &str, work: Work, region: &mut Region) {
    // Pages of 4 KiB everywhere but where blocks are what is measured.
    let huge = matches!(work, Work::Blocks { .. });
    // SAFETY: sets a flag of the process.
    unsafe { rt::syscall!(__NR_prctl, PR_SET_THP_DISABLE, u32::from(!huge), 0, 0, 0) }.ok();
    match work.measure(region) {
        Ok(samples) => samples.print(name),
        Err(Stopped::NotMeasured(reason)) => println!("bench {name} not measured: {reason}"),
        Err(stopped) => {
            println!("bench {name} not measured: {stopped}");
            // What the row has left behind is anybody's guess.
            region.forget();
        }
    }
}
