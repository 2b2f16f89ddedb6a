//! One difference: where it is, what it looks like, and the shortest script that shows it.

use anyhow::Result;

use super::account::{Step, differing, steps};
use super::sides::{Sides, Texts};

/// The first step at which the two differ.
#[derive(Clone, Debug)]
pub(super) struct Difference {
    /// The calls up to it and including it.
    pub(super) script: Vec<String>,
    /// What Linux did; `None` if it did nothing any more.
    linux: Option<Step>,
    /// What Inarch did.
    inarch: Option<Step>,
}

impl Difference {
    /// Finds it in two verbose accounts.
    pub(super) fn find(texts: &Texts, name: &str) -> Option<Difference> {
        let (linux, inarch) = (steps(&texts.linux, name), steps(&texts.inarch, name));
        let at = (0..linux.len().max(inarch.len())).find(|&at| linux.get(at) != inarch.get(at))?;
        let longer = if linux.len() > at { &linux } else { &inarch };
        Some(Difference {
            script: longer[..=at].iter().map(|step| step.call.clone()).collect(),
            linux: linux.get(at).cloned(),
            inarch: inarch.get(at).cloned(),
        })
    }

    /// What is alike in two differences with the same reason: the call, its words that are no addresses or lengths, and
    /// what kind of answer each gave.
    pub(super) fn signature(&self) -> String {
        let call = self.script.last().map_or("", String::as_str);
        let words: Vec<&str> = call.split(' ').collect();
        let choice = match words[..] {
            ["mmap", _, _, _, flags, ..] => flags,
            ["mremap", _, _, _, flags, _] => flags,
            ["madvise", _, _, advice] => advice,
            _ => "",
        };
        let answer = |step: &Option<Step>| match step {
            None => "nothing".to_owned(),
            Some(step) if step.answer.starts_with('E') => step.answer.clone(),
            Some(_) => "ok".to_owned(),
        };
        let (linux, inarch) = (answer(&self.linux), answer(&self.inarch));
        format!("{} {choice}: {linux} here {inarch}", words[0])
    }

    /// Prints it.
    pub(super) fn print(&self) {
        for call in &self.script {
            println!("    {call}");
        }
        for (name, step) in [("Linux", &self.linux), ("Inarch", &self.inarch)] {
            match step {
                None => println!("  {name} says nothing any more"),
                Some(step) => {
                    println!("  {name}: {}", step.answer);
                    // Only the lines that the other hasn't got.
                    let other = if name == "Linux" {
                        &self.inarch
                    } else {
                        &self.linux
                    };
                    let others = other.as_ref().map_or(&[][..], |other| &other.state);
                    for line in step.state.iter().filter(|line| !others.contains(line)) {
                        println!("      {line}");
                    }
                }
            }
        }
    }

    /// The same difference with as few calls as can be found by leaving out: chunks first, single calls last.
    pub(super) fn shrink(self, sides: &Sides) -> Result<Difference> {
        let mut calls = self.script.clone();
        let mut size = calls.len().div_ceil(4);
        while size > 0 {
            let chunks: Vec<usize> = (0..calls.len().div_ceil(size)).collect();
            let without = |left_out: &[usize]| -> Vec<String> {
                let kept = calls
                    .iter()
                    .enumerate()
                    .filter(|(at, _)| !left_out.contains(&(at / size)));
                kept.map(|(_, call)| call.clone()).collect()
            };
            let single: Vec<Vec<String>> = chunks.iter().map(|&chunk| without(&[chunk])).collect();
            let removable = still_differing(sides, &single)?;
            // Which of them can go together: the longest list, from the front, that can.
            let lists: Vec<Vec<String>> = (1..=removable.len()).map(|n| without(&removable[..n])).collect();
            match still_differing(sides, &lists)?.last() {
                Some(&best) if lists[best].len() < calls.len() => calls = lists[best].clone(),
                _ if size == 1 => break,
                _ => size = (size / 3).max(1),
            }
        }
        let texts = sides.run_scripts(true, std::slice::from_ref(&calls))?;
        Ok(Difference::find(&texts, "0").unwrap_or(self))
    }
}

/// The numbers of the scripts to which the two answer differently.
fn still_differing(sides: &Sides, scripts: &[Vec<String>]) -> Result<Vec<usize>> {
    if scripts.is_empty() {
        return Ok(Vec::new());
    }
    let texts = sides.run_scripts(false, scripts)?;
    let names = differing(&texts, (0..scripts.len()).map(|number| number.to_string()));
    Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
}
