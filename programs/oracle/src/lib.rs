//! Random calls on an address space, and what each left behind: result or error, mappings, resident pages, contents.
//!
//! The same program runs on Inarch and on Linux, and prints the same on both; `cargo xtask oracle` compares.
//!
//! ```text
//! oracle [OPTION...] FROM TO...  scripts from the seeds FROM..TO, as many ranges as wanted
//! oracle [OPTION...] -s FILE     scripts of a file, of standard input with `-`: `script NAME`, then a call on each line
//! oracle -p                      what calls there are: those that are missing, a line each
//!
//! -v           everything that is seen, not only its hash
//! -b           calls with their answers, and hashes of what is seen
//! -n CALLS     how many calls a script has
//! -c CLASS     the class of all scripts
//! -x CALL      without this call
//! -m           the machine is the program's own: its settings may be changed
//! -w           wild arguments
//! -o           without what Linux 6.18 answers otherwise than 7.3
//! -e           for Linux: takes empty tables of pages away, as Inarch does itself
//! ```
//!
//! For each script it prints a line with its name and a hash of all that was seen. In the end it prints how often each call gave
//! each answer.
//!
//! On Inarch it prints before the first script and after the last who has the machine's memory.
//!
//! What the scripts run on is a [`system::System`]: a kernel, by its system calls ([`world::World`]); or the crate `mm` alone, in the
//! program `oracle-crate`.
#![no_std]

pub mod call;
mod empty;
mod fence;
mod generate;
mod lines;
mod look;
pub mod maps;
mod memory;
mod names;
pub mod observe;
pub mod options;
mod outcome;
pub mod output;
pub mod places;
mod probe;
mod process;
mod random;
mod run;
mod sealed;
mod snapshot;
pub mod system;
mod tally;
pub mod world;

use call::Call;
use observe::Trouble;
use options::Options;
use run::Run;
use system::System;

/// Runs what the options say: seeds, and the scripts of a file's text.
///
/// # Errors
/// What can't be looked at or printed.
pub fn run(system: impl System, options: &Options<'_>, scripts: Option<&str>) -> Result<(), Trouble> {
    let mut run = Run::new(system, options.detail, options.drop_tables);
    memory::tell();
    if options.probe {
        run.tell_missing()?;
    }
    for seed in options.seeds.iter().cloned().flatten() {
        let script = options.plan.script(seed);
        run.script(seed, script.class.name, script)?;
    }
    for script in scripts.unwrap_or("").split("script ").skip(1) {
        let mut lines = script.lines();
        let name = lines.next().unwrap_or("").trim();
        if let Some(at) = lines.clone().position(is_unread) {
            run.tell_unread(name, at + 1)?;
            return Err(Trouble::Unread(at + 1));
        }
        run.script(name, "file", lines.filter_map(Call::parse))?;
    }
    run.end()
}

/// Whether a line of a script is neither a call nor a note on one: it would be left out in silence.
fn is_unread(line: &str) -> bool {
    let is_note = ["#", "hash ", "like "].iter().any(|note| line.starts_with(note));
    !line.trim().is_empty() && !is_note && Call::parse(line).is_none()
}
