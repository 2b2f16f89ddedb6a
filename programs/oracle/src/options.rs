//! What the arguments say.

use core::ops::Range;

use crate::generate::{self, Plan};
use crate::output::Detail;

/// How the programs are called.
pub const USAGE: &str = "usage: oracle [-v | -b] [-n CALLS] [-c CLASS] [-x CALL]... [-w] [-o] [-e] [-m] (FROM TO... | -s FILE | -p)";

/// How many ranges of seeds there can be.
const RANGES: usize = 64;

/// Linux's own limit on locked memory.
const USUAL_LOCKED: u64 = 8 << 20;

/// The arguments.
pub struct Options<'a> {
    /// How much is printed.
    pub detail: Detail,
    /// Whether to tell what is missing.
    pub probe: bool,
    /// Whether nobody else uses the machine, so that its settings may be changed.
    pub own_machine: bool,
    /// Whether empty tables of pages are to be taken away where huge pages are allowed.
    pub drop_tables: bool,
    /// What scripts are made of.
    pub plan: Plan,
    /// The seeds to run.
    pub seeds: [Range<u64>; RANGES],
    /// The file of scripts to run.
    pub file: Option<&'a str>,
}

impl<'a> Options<'a> {
    /// Reads them; `None` if they make no sense.
    pub fn read(mut arguments: impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut options = Options {
            detail: Detail::Hash,
            probe: false,
            own_machine: false,
            drop_tables: false,
            plan: Plan {
                calls: 100,
                class: None,
                without: 0,
                hostile: false,
                older: false,
            },
            seeds: [const { 0..0 }; RANGES],
            file: None,
        };
        while let Some(argument) = arguments.next() {
            let mut word = || arguments.next();
            match argument {
                "-v" => options.detail = Detail::All,
                "-b" => options.detail = Detail::Calls,
                "-m" => options.own_machine = true,
                "-e" => options.drop_tables = true,
                "-p" => options.probe = true,
                "-o" => options.plan.older = true,
                "-w" => options.plan.hostile = true,
                "-n" => options.plan.calls = word()?.parse().ok()?,
                "-c" => options.plan.class = Some(generate::class(word()?)?),
                "-x" => options.plan.leave_out(word()?)?,
                "-s" => options.file = Some(word()?),
                from => {
                    let free = options.seeds.iter_mut().find(|seeds| seeds.is_empty());
                    *free? = from.parse().ok()?..word()?.parse().ok()?;
                }
            }
        }
        let has_work = options.file.is_some() || options.probe || !options.seeds[0].is_empty();
        has_work.then_some(options)
    }

    /// How many bytes a user may lock (`RLIMIT_MEMLOCK`) where the script says nothing: on a computer that others use no more than everybody has there,
    /// and any number otherwise.
    pub fn locked_limit(&self) -> u64 {
        match self.plan.older {
            true => USUAL_LOCKED,
            false => u64::MAX,
        }
    }
}
