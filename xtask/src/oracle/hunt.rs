//! What is done with seeds that differ: what is known is left out, so that what comes after it is compared too; what is new is
//! shortened and told.

use anyhow::Result;

use super::account;
use super::difference::Difference;
use super::progress::Progress;
use super::report::Report;
use super::script::Kept;
use super::sides::{Detail, Sides};

/// How many seeds are looked at in one boot.
const SEEDS: usize = 30;
/// How many calls of one script are left out at most.
const ROUNDS: usize = 12;

/// The hunt.
pub(super) struct Hunt<'a> {
    /// What answers.
    pub(super) sides: &'a Sides,
    /// Differences that are known.
    pub(super) known: &'a [Kept],
    /// Whether new ones are shortened.
    pub(super) shrink: bool,
}

impl Hunt<'_> {
    /// Finds all differences of some seeds of a batch that began with `first`.
    pub(super) fn seeds(
        &self,
        first: u64,
        seeds: &[u64],
        report: &mut Report,
        progress: &mut Progress,
    ) -> Result<()> {
        for seeds in seeds.chunks(SEEDS) {
            let ranges: Vec<(u64, u64)> = seeds.iter().map(|&seed| (seed, seed + 1)).collect();
            let texts = self.sides.run_seeds(Detail::Calls, &ranges)?;
            let mut scripts = Vec::new();
            for seed in seeds {
                let name = seed.to_string();
                match Difference::find(&texts, &name) {
                    Some(difference) => {
                        let class = account::class(&texts.linux, &name);
                        let name = format!("seed {seed} ({class})");
                        scripts.extend(self.judge(difference, name, report, progress)?);
                    }
                    None => {
                        progress.hide();
                        report.troubles.extend(self.in_company(first, *seed)?);
                    }
                }
            }
            self.rest(scripts, report, progress)?;
        }
        Ok(())
    }

    /// Says in what a seed differs that does so only where others run before it, unless that is known.
    fn in_company(&self, first: u64, seed: u64) -> Result<Option<String>> {
        let texts = self.sides.run_seeds(Detail::Calls, &[(first, seed + 1)])?;
        let difference = Difference::find(&texts, &seed.to_string());
        Ok(match difference {
            Some(difference) => {
                println!(
                    "seed {seed}, after those from {first} on: {}",
                    difference.signature()
                );
                difference.print(false);
                Some(format!("seed {seed} differs only in company of others"))
            }
            None => Some(format!("seed {seed} differed once, and not again")),
        })
    }

    /// Compares what is left of scripts, until nothing differs any more.
    fn rest(
        &self,
        mut scripts: Vec<(String, Vec<String>)>,
        report: &mut Report,
        progress: &mut Progress,
    ) -> Result<()> {
        for _ in 0..ROUNDS {
            if scripts.is_empty() {
                break;
            }
            let calls: Vec<Vec<String>> = scripts.iter().map(|script| script.1.clone()).collect();
            let texts = self.sides.run_scripts(Detail::Calls, &calls)?;
            let mut next = Vec::new();
            for (number, (name, _)) in scripts.iter().enumerate() {
                if let Some(difference) = Difference::find(&texts, &number.to_string()) {
                    next.extend(self.judge(difference, name.clone(), report, progress)?);
                }
            }
            scripts = next;
        }
        Ok(())
    }

    /// Counts a difference, tells it if it is new, and gives what is to be compared yet: the script without it.
    fn judge(
        &self,
        difference: Difference,
        name: String,
        report: &mut Report,
        progress: &mut Progress,
    ) -> Result<Option<(String, Vec<String>)>> {
        let mut rest = difference.script.clone();
        rest.pop();
        rest.extend(difference.rest.iter().cloned());
        let ends = difference.inarch.is_none() || difference.linux.is_none();
        match self.known(&difference) {
            Some(known) => *report.known.entry(known.name.clone()).or_default() += 1,
            None => {
                let count = report.new.entry(difference.signature()).or_default();
                *count += 1;
                if *count == 1 {
                    self.tell(difference, &name, progress)?;
                }
            }
        }
        // A system that has ended answers nothing: what it did not answer is no difference of its own.
        Ok((!rest.is_empty() && !ends).then_some((name, rest)))
    }

    fn known(&self, difference: &Difference) -> Option<&Kept> {
        let [linux, inarch] = difference.answers();
        let fits = |kept: &&Kept| {
            let pattern = kept.pattern.as_ref();
            pattern.is_some_and(|pattern| pattern.fits(difference.call(), linux, inarch))
        };
        self.known.iter().find(fits)
    }

    fn tell(&self, difference: Difference, name: &str, progress: &mut Progress) -> Result<()> {
        progress.hide();
        println!("{name}: {}", difference.signature());
        let difference = match self.shrink {
            true => difference.shrink(self.sides, progress)?,
            false => difference.in_full(self.sides)?,
        };
        progress.hide();
        difference.print(self.shrink);
        Ok(())
    }
}
