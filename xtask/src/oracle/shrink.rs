//! The shortest script that shows a difference.

use anyhow::Result;

use super::difference::Difference;
use super::progress::Progress;
use super::sides::{Detail, Sides};

impl Difference {
    /// The same difference with as few calls as can be found by leaving out: chunks first, single calls last. A script counts
    /// only if its first difference has the same signature.
    pub(super) fn shrink(self, sides: &Sides, progress: &mut Progress) -> Result<Difference> {
        let signature = self.signature();
        let mut calls = self.script.clone();
        let first = calls.len();
        let mut size = calls.len().div_ceil(4);
        while size > 0 {
            progress.show(
                1.0 - calls.len() as f64 / first as f64,
                &format!("shortening {signature}: {} calls", calls.len()),
            );
            let chunks: Vec<usize> = (0..(calls.len() - 1).div_ceil(size)).collect();
            let single: Vec<Vec<String>> = chunks
                .iter()
                .map(|&chunk| without(&calls, size, &[chunk]))
                .collect();
            let removable = same_difference(sides, &single, &signature)?;
            // Which of them can go together: the longest list, from the front, that can.
            let lists: Vec<Vec<String>> = (1..=removable.len())
                .map(|count| without(&calls, size, &removable[..count]))
                .collect();
            match same_difference(sides, &lists, &signature)?.last() {
                Some(&best) => calls = lists[best].clone(),
                None if size == 1 => break,
                None => size = (size / 3).max(1),
            }
        }
        Difference {
            script: calls,
            ..self
        }
        .in_full(sides)
    }

    /// The same, with all that was seen.
    pub(super) fn in_full(self, sides: &Sides) -> Result<Difference> {
        let texts = sides.run_scripts(Detail::All, std::slice::from_ref(&self.script))?;
        Ok(Difference::find(&texts, "0").unwrap_or(self))
    }
}

/// The calls but those of some chunks; the last call, which differs, stays.
fn without(calls: &[String], size: usize, chunks: &[usize]) -> Vec<String> {
    let last = calls.len() - 1;
    let kept = calls
        .iter()
        .enumerate()
        .filter(|(at, _)| *at == last || !chunks.contains(&(at / size)));
    kept.map(|(_, call)| call.clone()).collect()
}

/// The numbers of the scripts whose first difference has a signature.
fn same_difference(sides: &Sides, scripts: &[Vec<String>], signature: &str) -> Result<Vec<usize>> {
    if scripts.is_empty() {
        return Ok(Vec::new());
    }
    let texts = sides.run_scripts(Detail::Calls, scripts)?;
    let is_same = |number: &usize| {
        Difference::find(&texts, &number.to_string())
            .is_some_and(|difference| difference.signature() == signature)
    };
    Ok((0..scripts.len()).filter(is_same).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_call_stays() {
        let calls: Vec<String> = ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec();
        assert_eq!(without(&calls, 2, &[0]), ["c", "d", "e"]);
        assert_eq!(without(&calls, 2, &[0, 1, 2]), ["e"]);
    }
}
