//! The oracle's regressions: scripts to which this kernel once gave other answers than Linux, against what Linux answered then.

use std::path::Path;

use anyhow::{Context, Result};

use super::program::{Case, Expected};
use crate::oracle::script;
use crate::workspace;

/// The test, whose program lies in `folder`.
pub(crate) fn case(folder: &Path) -> Result<Case> {
    let kept = script::read_file(&workspace::root().join(script::REGRESSIONS))?;
    let scripts: Vec<Vec<String>> = kept.iter().map(|kept| kept.calls.clone()).collect();
    let account = |(number, kept): (usize, &script::Kept)| {
        let hash = kept.hash.as_ref().with_context(|| {
            format!(
                "`{}` has no answer of Linux's: cargo xtask oracle --record",
                kept.name
            )
        })?;
        Ok(format!("script {number} calls {} hash {hash}", kept.calls.len()))
    };
    Ok(Case {
        arguments: ["-s", "-"].map(Into::into).to_vec(),
        input: script::text(&scripts).into_bytes(),
        expected: Expected {
            output_holds: kept.iter().enumerate().map(account).collect::<Result<_>>()?,
            ..Expected::default()
        },
        ..Case::new("program::oracle::regressions", folder.join("oracle"), 0)
    })
}
