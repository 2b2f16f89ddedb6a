//! Random calls on an address space, and what each left behind: result or error, mappings, resident pages, contents.
//!
//! The same program runs on Inarch and on Linux, and prints the same on both; `cargo xtask oracle` compares.
//!
//! ```text
//! oracle [-v] [-n CALLS] FROM TO     scripts from the seeds FROM..TO
//! oracle [-v] -s FILE                scripts of a file: `script NAME`, then a call on each line
//! ```
//!
//! For each script it prints a line with its name and a hash of all that was seen; with `-v` all that was seen, too. In
//! the end it prints how often each call gave each answer.
#![cfg_attr(target_os = "none", no_std)]
#![no_main]
#![cfg(target_os = "none")]

mod arena;
mod call;
mod generate;
mod maps;
mod observe;
mod output;
mod probe;
mod random;
mod tally;
mod world;

use core::fmt::{Display, Write};

use rt::Environment;
use rt::file::File;

use call::{Call, Word};
use observe::Trouble;
use output::Output;
use random::Random;
use tally::Tally;
use world::World;

rt::main!(run);

/// Bytes that a file of scripts may have.
const FILE_ROOM: usize = 512 << 10;

fn run(environment: Environment) -> u8 {
    let mut options = Options::default();
    if options.read(environment).is_none() {
        rt::eprintln!("usage: oracle [-v] [-n CALLS] (FROM TO | -s FILE)");
        return 2;
    }
    match go(&options) {
        Ok(()) => 0,
        Err(trouble) => {
            rt::println!("oracle: {trouble}");
            1
        }
    }
}

/// What the arguments say.
struct Options {
    verbose: bool,
    calls: u64,
    seeds: core::ops::Range<u64>,
    file: Option<&'static core::ffi::CStr>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            verbose: false,
            calls: 100,
            seeds: 0..0,
            file: None,
        }
    }
}

impl Options {
    fn read(&mut self, environment: Environment) -> Option<()> {
        let mut arguments = environment.arguments().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.to_str().ok()? {
                "-v" => self.verbose = true,
                "-n" => self.calls = arguments.next()?.to_str().ok()?.parse().ok()?,
                "-s" => self.file = Some(arguments.next()?),
                from => {
                    let to = arguments.next()?.to_str().ok()?;
                    self.seeds = from.parse().ok()?..to.parse().ok()?;
                }
            }
        }
        (self.file.is_some() || !self.seeds.is_empty()).then_some(())
    }
}

fn go(options: &Options) -> Result<(), Trouble> {
    let world = World::new()?;
    let mut run = Run {
        world: &world,
        out: Output::new(options.verbose),
        tally: Tally::default(),
    };
    for seed in options.seeds.clone() {
        let mut random = Random::new(seed);
        run.script(
            seed,
            (0..options.calls).map(|index| generate::call(&mut random, index)),
        )?;
    }
    if let Some(path) = options.file {
        let mut text = [0; FILE_ROOM];
        let text = File::open(path)?.read_into(&mut text)?;
        let text = core::str::from_utf8(text).unwrap_or("");
        for script in text.split("script ").skip(1) {
            let mut lines = script.lines();
            run.script(lines.next().unwrap_or("").trim(), lines.filter_map(Call::parse))?;
        }
    }
    run.tally.print(&mut run.out)?;
    run.out.print(format_args!("oracle: done\n"))?;
    run.out.flush()?;
    Ok(())
}

/// Scripts being run.
struct Run<'a> {
    world: &'a World,
    out: Output,
    tally: Tally,
}

impl Run<'_> {
    /// Runs one script in an empty arena.
    fn script(&mut self, name: impl Display, calls: impl Iterator<Item = Call>) -> Result<(), Trouble> {
        self.world.reset()?;
        if self.out.verbose {
            self.out.print(format_args!("begin {name}\n"))?;
        }
        let mut count = 0;
        for call in calls {
            let answer = self.world.make(&call);
            self.tally.add(&call, answer);
            match answer {
                Ok(value) => writeln!(self.out, "{call} = {}", Word(value))?,
                Err(errno) => writeln!(self.out, "{call} = {errno}")?,
            }
            observe::observe(&self.world.probe, &mut self.out)?;
            count += 1;
        }
        let hash = self.out.take_hash();
        self.out
            .print(format_args!("script {name} calls {count} hash {hash:016x}\n"))?;
        Ok(())
    }
}
