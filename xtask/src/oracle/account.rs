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
    /// The arena: a line for each mapping; or one with the hash of all.
    pub(super) state: Vec<String>,
}

impl Step {
    /// What kind of answer it is: an error's name, or `ok`.
    pub(super) fn kind_of_answer(&self) -> &str {
        match self.answer.starts_with('E') || self.answer.starts_with("errno") {
            true => &self.answer,
            false => "ok",
        }
    }
}

/// The last line of a script.
struct Summary<'a> {
    name: &'a str,
    hash: &'a str,
    /// Free pages of the machine after it.
    free: Option<u64>,
}

fn summaries(text: &str) -> impl Iterator<Item = Summary<'_>> {
    text.lines().filter_map(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["script", name, "calls", _, "hash", hash, "free", free] => Some(Summary {
                name,
                hash,
                free: free.parse().ok(),
            }),
            _ => None,
        }
    })
}

/// The hash of each script.
pub(super) fn hashes(text: &str) -> BTreeMap<String, String> {
    summaries(text)
        .map(|summary| (summary.name.to_owned(), summary.hash.to_owned()))
        .collect()
}

/// The names of scripts to which the two did not answer alike, one that did not answer at all among them.
pub(super) fn differing(texts: &Texts, names: impl Iterator<Item = String>) -> Vec<String> {
    let (linux, inarch) = (hashes(&texts.linux), hashes(&texts.inarch));
    names
        .filter(|name| !linux.contains_key(name) || linux.get(name) != inarch.get(name))
        .collect()
}

/// How many pages a machine has less after the last script than after the first.
pub(super) fn lost_pages(text: &str) -> i64 {
    let free: Vec<u64> = summaries(text).filter_map(|summary| summary.free).collect();
    match (free.first(), free.last()) {
        (Some(&first), Some(&last)) => first as i64 - last as i64,
        _ => 0,
    }
}

/// The steps of one script of an account that is more than hashes.
pub(super) fn steps(text: &str, name: &str) -> Vec<Step> {
    let (begin, end) = (format!("begin {name} "), format!("script {name} "));
    let lines = text.lines().skip_while(|line| !line.starts_with(&begin)).skip(1);
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

/// The class of a script of an account that is more than hashes.
pub(super) fn class<'a>(text: &'a str, name: &str) -> &'a str {
    let begin = format!("begin {name} ");
    text.lines()
        .find_map(|line| line.strip_prefix(&begin))
        .unwrap_or("")
}

/// Calls that a system does not have, by its answers to the question for them.
pub(super) fn missing(text: &str) -> Vec<String> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("missing "));
    lines.map(str::to_owned).collect()
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

    const TEXT: &str = "noise\nbegin 7 usual\nmunmap a+0 1000 = 0\nread a+0 = EFAULT\n  0-1 rw-p 00000000 private 0=0\nscript 7 calls 2 hash 0f free 100\nscript 8 calls 2 hash 0f free 98\ncount munmap ok 3\nmissing mseal\n";

    #[test]
    fn accounts_are_read() {
        let steps = steps(TEXT, "7");
        assert_eq!((steps.len(), steps[1].answer.as_str()), (2, "EFAULT"));
        assert_eq!(
            (steps[0].kind_of_answer(), steps[1].kind_of_answer()),
            ("ok", "EFAULT")
        );
        assert_eq!(steps[1].state, ["0-1 rw-p 00000000 private 0=0"]);
        let mut counts = BTreeMap::new();
        add_counts(TEXT, &mut counts);
        assert_eq!(counts["munmap ok"], 3);
        assert_eq!(
            (missing(TEXT), class(TEXT, "7")),
            (vec!["mseal".to_owned()], "usual")
        );
        assert_eq!(lost_pages(TEXT), 2);
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
        assert_eq!(
            differing(&texts("script 7 calls 2 hash 0e free 1"), names()),
            ["7"]
        );
    }
}
