//! What the program `oracle` prints, read.

use std::collections::BTreeMap;

use super::sides::Texts;

/// One call, and what was seen after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// The call, as it stands in a script.
    pub(super) call: String,
    /// Its answer.
    pub(super) answer: String,
    /// The arena: a line for each mapping.
    pub(super) state: Vec<String>,
}

/// The hash of each script.
pub(super) fn hashes(text: &str) -> BTreeMap<String, String> {
    let words = text.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    words
        .filter_map(|words| match words[..] {
            ["script", name, "calls", _, "hash", hash] => Some((name.to_owned(), hash.to_owned())),
            _ => None,
        })
        .collect()
}

/// The names of scripts to which the two did not answer alike, one that did not answer at all among them.
pub(super) fn differing(texts: &Texts, names: impl Iterator<Item = String>) -> Vec<String> {
    let (linux, inarch) = (hashes(&texts.linux), hashes(&texts.inarch));
    names
        .filter(|name| !linux.contains_key(name) || linux.get(name) != inarch.get(name))
        .collect()
}

/// The steps of one script of a verbose account.
pub(super) fn steps(text: &str, name: &str) -> Vec<Step> {
    let (begin, end) = (format!("begin {name}"), format!("script {name} "));
    let lines = text.lines().skip_while(|line| *line != begin).skip(1);
    let mut steps: Vec<Step> = Vec::new();
    for line in lines.take_while(|line| !line.starts_with(&end)) {
        if let Some(state) = line.strip_prefix("  ") {
            if let Some(step) = steps.last_mut() {
                step.state.push(state.to_owned());
            }
        } else if let Some((call, answer)) = line.split_once(" = ") {
            steps.push(Step {
                call: call.to_owned(),
                answer: answer.to_owned(),
                state: Vec::new(),
            });
        }
    }
    steps
}

/// Adds the counts of answers, by call and answer.
pub(super) fn add_counts(text: &str, counts: &mut BTreeMap<String, u64>) {
    for line in text.lines().filter_map(|line| line.strip_prefix("count ")) {
        if let Some((what, Ok(count))) = line.rsplit_once(' ').map(|(what, n)| (what, n.parse::<u64>())) {
            *counts.entry(what.to_owned()).or_default() += count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "noise\nbegin 7\nmunmap a+0 1000 = 0\nread a+0 = EFAULT\n  0-1 rw-p 00000000 private 0=0\nscript 7 calls 2 hash 0f\ncount munmap ok 3\n";

    #[test]
    fn accounts_are_read() {
        let steps = steps(TEXT, "7");
        assert_eq!((steps.len(), steps[1].answer.as_str()), (2, "EFAULT"));
        assert_eq!(steps[1].state, ["0-1 rw-p 00000000 private 0=0"]);
        let mut counts = BTreeMap::new();
        add_counts(TEXT, &mut counts);
        assert_eq!(counts["munmap ok"], 3);
    }

    #[test]
    fn no_answer_is_a_difference() {
        let texts = |inarch: &str| Texts {
            linux: TEXT.to_owned(),
            inarch: inarch.to_owned(),
        };
        let names = || std::iter::once("7".to_owned());
        assert!(differing(&texts(TEXT), names()).is_empty());
        assert_eq!(differing(&texts("kernel panic"), names()), ["7"]);
        assert_eq!(differing(&texts("script 7 calls 2 hash 0e"), names()), ["7"]);
    }
}
