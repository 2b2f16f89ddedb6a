//! Random calls on an address space, and what each left behind: result or error, mappings, resident pages, contents.
//!
//! The same program runs on Inarch and on Linux, and prints the same on both; `cargo xtask oracle` compares.
//!
//! ```text
//! oracle [OPTION...] FROM TO...  scripts from the seeds FROM..TO, as many ranges as wanted
//! oracle [OPTION...] -s FILE     scripts of a file: `script NAME`, then a call on each line
//! oracle -p                      what calls there are: those that are missing, a line each
//!
//! -v           everything that is seen, not only its hash
//! -b           calls with their answers, and hashes of what is seen
//! -n CALLS     how many calls a script has
//! -c CLASS     the class of all scripts
//! -x CALL      without this call
//! -w           wild arguments
//! -o           without what Linux 6.18 answers otherwise than 7.3
//! ```
//!
//! For each script it prints a line with its name and a hash of all that was seen. In the end it prints how often each call gave
//! each answer.
#![cfg_attr(target_os = "none", no_std)]
#![no_main]

mod call;
mod fence;
mod generate;
mod lines;
mod look;
mod maps;
mod names;
mod observe;
mod options;
mod outcome;
mod output;
mod places;
mod probe;
mod process;
mod random;
mod run;
mod sealed;
mod snapshot;
mod tally;
mod world;

use rt::Environment;
use rt::file::File;

use call::Call;
use observe::Trouble;
use options::Options;
use run::Run;

rt::main!(run_program);

/// Bytes that a file of scripts may have.
const FILE_ROOM: usize = 512 << 10;

fn run_program(environment: Environment) -> u8 {
    let Some(options) = Options::read(environment) else {
        rt::eprintln!(
            "usage: oracle [-v | -b] [-n CALLS] [-c CLASS] [-x CALL]... [-w] [-o] (FROM TO... | -s FILE | -p)"
        );
        return 2;
    };
    match go(&options) {
        Ok(()) => 0,
        Err(trouble) => {
            rt::println!("oracle: {trouble}");
            1
        }
    }
}

fn go(options: &Options) -> Result<(), Trouble> {
    let mut run = Run::new(options.detail)?;
    if options.probe {
        run.tell_missing()?;
    }
    for seed in options.seeds.iter().cloned().flatten() {
        let script = options.plan.script(seed);
        run.script(seed, script.class.name, script)?;
    }
    if let Some(path) = options.file {
        let mut text = [0; FILE_ROOM];
        let text = File::open(path)?.read_into(&mut text)?;
        let text = core::str::from_utf8(text).unwrap_or("");
        for script in text.split("script ").skip(1) {
            let mut lines = script.lines();
            let name = lines.next().unwrap_or("").trim();
            run.script(name, "file", lines.filter_map(Call::parse))?;
        }
    }
    run.end()
}
