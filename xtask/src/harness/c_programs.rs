//! Programs in C, statically linked with glibc and musl: what people bring along.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use libtest_mimic::Trial;

use super::bench::Bench;
use super::program::{Case, Expected};
use super::report;
use crate::setup::cross::{self, Linking};
use crate::{command, workspace};

/// Where the sources lie.
const SOURCES: &str = "programs/c";
/// The ways to link each of them.
const LINKINGS: [(&str, Linking); 4] = [
    ("glibc", Linking::Glibc),
    ("glibc-static-pie", Linking::GlibcPie),
    ("musl", Linking::Musl),
    ("musl-static-pie", Linking::MuslPie),
];

/// A test: a program with its arguments, what it must print and with what it must end.
struct Run {
    name: &'static str,
    source: &'static str,
    arguments: &'static [&'static str],
    output: &'static str,
    status: u8,
}

const RUNS: [Run; 7] = [
    Run {
        name: "arguments",
        source: "arguments.c",
        arguments: &["a", "b c", ""],
        output: "4 arguments\n[a]\n[b c]\n[]\n",
        status: 7,
    },
    Run {
        name: "library",
        source: "library.c",
        arguments: &[],
        output: "all is well\n",
        status: 0,
    },
    Run {
        name: "signals",
        source: "signals.c",
        arguments: &[],
        output: "all is well\n",
        status: 0,
    },
    ends("signals::overflow", &["overflow"], 139),
    ends("signals::overflow-handled", &["overflow-handled"], 3),
    ends("signals::no-frame", &["no-frame"], 139),
    ends("signals::terminate", &["terminate"], 143),
];

/// One of the ways in which a signal ends a program, which says nothing itself.
const fn ends(name: &'static str, way: &'static [&'static str], status: u8) -> Run {
    Run {
        name,
        source: "signals.c",
        arguments: way,
        output: "",
        status,
    }
}

/// The trials: each program with each library. Where the compiler or a library can't be had, they are skipped and say why.
pub(crate) fn trials(bench: &Arc<Bench>) -> Vec<Trial> {
    let compiler = cross::ensure();
    let mut trials = Vec::new();
    for (linking_name, linking) in LINKINGS {
        for run in &RUNS {
            let stem = run.source.trim_end_matches(".c");
            let name = format!("program::c::{linking_name}::{}", run.name);
            let program = match &compiler {
                Ok(compiler) => compiler.supports(linking),
                Err(error) => Err(format!("{error:#}")),
            };
            if let Err(reason) = program {
                trials.push(report::skipped(name, reason));
                continue;
            }
            let built = compiler.as_ref().map_err(|error| anyhow::anyhow!("{error:#}"));
            let built = built
                .and_then(|compiler| build(compiler, run.source, &format!("{stem}-{linking_name}"), linking));
            trials.push(match built {
                Ok(program) => run.case(name, &program).trial(bench),
                Err(error) => report::failing(name, format!("{error:#}")),
            });
        }
    }
    trials
}

impl Run {
    fn case(&self, name: String, program: &Path) -> Case {
        let expected = Expected {
            status: self.status,
            output: Some(self.output.to_owned()),
            ..Expected::default()
        };
        let arguments = self.arguments.iter().map(Into::into).collect();
        Case {
            arguments,
            expected,
            ..Case::new(name, program, self.status)
        }
    }
}

fn build(
    compiler: &cross::CrossCompiler,
    source: &str,
    name: &str,
    linking: Linking,
) -> Result<std::path::PathBuf> {
    let source = workspace::root().join(SOURCES).join(source);
    let program = workspace::scratch("c")?.join(name);
    let newer = |path: &Path| path.metadata().and_then(|data| data.modified());
    // Nothing else goes into it.
    if let (Ok(built), Ok(changed)) = (newer(&program), newer(&source))
        && built > changed
    {
        return Ok(program);
    }
    command::run(&mut compiler.command(&source, &program, linking)?)
        .with_context(|| format!("{} could not be built", source.display()))?;
    Ok(program)
}
