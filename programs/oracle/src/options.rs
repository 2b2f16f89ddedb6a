//! What the arguments say.

use core::ffi::CStr;
use core::ops::Range;

use rt::Environment;

use crate::generate::{self, Plan};
use crate::output::Detail;

/// How many ranges of seeds there can be.
const RANGES: usize = 64;

/// The arguments.
pub(crate) struct Options {
    /// How much is printed.
    pub(crate) detail: Detail,
    /// Whether to tell what is missing.
    pub(crate) probe: bool,
    /// What scripts are made of.
    pub(crate) plan: Plan,
    /// The seeds to run.
    pub(crate) seeds: [Range<u64>; RANGES],
    /// The file of scripts to run.
    pub(crate) file: Option<&'static CStr>,
}

impl Options {
    /// Reads them; `None` if they make no sense.
    pub(crate) fn read(environment: Environment) -> Option<Options> {
        let mut options = Options {
            detail: Detail::Hash,
            probe: false,
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
        let mut arguments = environment.arguments().skip(1);
        while let Some(argument) = arguments.next() {
            let mut word = || arguments.next()?.to_str().ok();
            match argument.to_str().ok()? {
                "-v" => options.detail = Detail::All,
                "-b" => options.detail = Detail::Calls,
                "-p" => options.probe = true,
                "-o" => options.plan.older = true,
                "-w" => options.plan.hostile = true,
                "-n" => options.plan.calls = word()?.parse().ok()?,
                "-c" => options.plan.class = Some(generate::class(word()?)?),
                "-x" => options.plan.leave_out(word()?)?,
                "-s" => options.file = Some(arguments.next()?),
                from => {
                    let free = options.seeds.iter_mut().find(|seeds| seeds.is_empty());
                    *free? = from.parse().ok()?..word()?.parse().ok()?;
                }
            }
        }
        let has_work = options.file.is_some() || options.probe || !options.seeds[0].is_empty();
        has_work.then_some(options)
    }
}
