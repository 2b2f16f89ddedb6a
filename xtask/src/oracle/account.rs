//! What the program `oracle` prints, read.

use std::collections::BTreeMap;
use std::ops::Range;

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

/// The line that the program ends with.
const DONE: &str = "oracle: done";

/// The last line of a script.
struct Summary<'a> {
    name: &'a str,
    calls: &'a str,
    hash: &'a str,
}

fn summaries(text: &str) -> impl Iterator<Item = Summary<'_>> {
    text.lines().filter_map(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["script", name, "calls", calls, "hash", hash] => Some(Summary { name, calls, hash }),
            _ => None,
        }
    })
}

/// The hash of each script.
pub(crate) fn hashes(text: &str) -> BTreeMap<String, String> {
    summaries(text)
        .map(|summary| (summary.name.to_owned(), summary.hash.to_owned()))
        .collect()
}

/// Whether the program came to its end.
pub(super) fn is_done(text: &str) -> bool {
    text.lines().any(|line| line == DONE)
}

/// Whether all of a script's calls were answered.
pub(super) fn is_answered(text: &str, name: &str, calls: usize) -> bool {
    summaries(text).any(|summary| summary.name == name && summary.calls.parse() == Ok(calls))
}

/// The call that the program could not read: its script's number, and its own.
pub(super) fn unread(text: &str) -> Option<(usize, usize)> {
    let line = text.lines().find_map(|line| line.strip_prefix("unread "))?;
    let (script, line) = line.split_once(' ')?;
    Some((script.parse().ok()?, line.parse::<usize>().ok()?.checked_sub(1)?))
}

/// The names of scripts to which the two did not answer alike, one that did not answer at all among them.
pub(super) fn differing(texts: &Texts, names: impl Iterator<Item = String>) -> Vec<String> {
    let (linux, inarch) = (hashes(&texts.linux), hashes(&texts.inarch));
    names
        .filter(|name| !linux.contains_key(name) || linux.get(name) != inarch.get(name))
        .collect()
}

/// The first seed to which one of the two has no answer: there its machine ended.
pub(super) fn first_unanswered(texts: &Texts, mut seeds: Range<u64>) -> Option<u64> {
    let answers = [hashes(&texts.linux), hashes(&texts.inarch)];
    seeds.find(|seed| {
        let name = seed.to_string();
        answers.iter().any(|answers| !answers.contains_key(&name))
    })
}

/// What Inarch told of its memory at one moment (`/proc/inarch/memory`), by names.
type Memory = BTreeMap<String, i64>;

/// What is lost after the last script of what there was before the first, in words; nothing where the kernel did not tell both times.
///
/// All frames are told, free or with whom they are, so that their sum stays the same. The heap keeps the frames that it has, and what is in
/// use of it beside the mappings is the same after each script: what a script leaves behind are mappings, where it has sealed them.
pub(super) fn lost_memory(text: &str) -> Option<String> {
    let [before, after] = &told_memory(text)[..] else {
        return None;
    };
    let frames = |memory: &Memory| -> i64 {
        let of_heap = |name: &str| name.starts_with("heap-");
        memory
            .iter()
            .filter(|(name, _)| !of_heap(name))
            .map(|(_, frames)| frames)
            .sum()
    };
    let others = |memory: &Memory| {
        memory
            .get("heap-used")?
            .checked_sub(*memory.get("heap-mappings")?)
    };
    let frames = frames(before) - frames(after);
    let bytes = others(after)? - others(before)?;
    (frames != 0 || bytes > 0).then(|| format!("{frames} pages and {bytes} bytes of the heap"))
}

/// The accounts of memory, each of which begins with what is free.
fn told_memory(text: &str) -> Vec<Memory> {
    let mut told: Vec<Memory> = Vec::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("memory ")) {
        let Some((name, Ok(number))) = line.split_once(' ').map(|(name, number)| (name, number.parse()))
        else {
            continue;
        };
        if name == "free" {
            told.push(Memory::new());
        }
        if let Some(memory) = told.last_mut() {
            memory.insert(name.to_owned(), number);
        }
    }
    told
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

    const TEXT: &str = "noise\nbegin 7 usual\nmunmap a+0 1000 = 0\nread a+0 = EFAULT\n  0-1 rw-p 00000000 private 0=0\nscript 7 calls 2 hash 0f\nscript 8 calls 2 hash 0f\ncount munmap ok 3\nmissing mseal\n";

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
    }

    #[test]
    fn what_was_not_read_or_answered_is_known() {
        assert!(is_answered(TEXT, "7", 2));
        assert!(!is_answered(TEXT, "7", 3) && !is_answered(TEXT, "9", 2));
        assert!(!is_done(TEXT) && is_done("count munmap ok 3\noracle: done\nmemory free 3\n"));
        assert_eq!(unread(TEXT), None);
        let text = TEXT.to_owned() + "unread 9 3\noracle: line 3 of a script is no call\n";
        assert_eq!(unread(&text), Some((9, 2)));
    }

    #[test]
    fn a_frame_that_nobody_has_is_lost() {
        let memory = |free: u32, heap: u32, pages: u32, used: u32, mappings: u32| {
            format!(
                "memory free {free}\nmemory heap {heap}\nmemory pages {pages}\nmemory heap-used {used}\nmemory heap-mappings {mappings}\n"
            )
        };
        let lost = |after: String| lost_memory(&(memory(100, 16, 5, 900, 400) + TEXT + &after));
        assert_eq!(lost(memory(70, 32, 19, 9900, 9400)), None);
        assert_eq!(
            lost(memory(100, 16, 5, 880, 400)),
            None,
            "what was the files' is the mappings' now"
        );
        let one = Some("1 pages and 0 bytes of the heap".to_owned());
        assert_eq!(lost(memory(69, 32, 19, 9900, 9400)), one);
        let bytes = Some("0 pages and 16 bytes of the heap".to_owned());
        assert_eq!(lost(memory(100, 16, 5, 916, 400)), bytes);
        assert_eq!(lost(String::new()), None, "another kernel tells nothing");
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

    #[test]
    fn the_rest_of_a_batch_is_known() {
        let texts = |linux: &str, inarch: &str| Texts {
            linux: linux.to_owned(),
            inarch: inarch.to_owned(),
        };
        assert_eq!(first_unanswered(&texts(TEXT, TEXT), 7..9), None);
        assert_eq!(first_unanswered(&texts(TEXT, TEXT), 7..12), Some(9));
        let seven = "script 7 calls 2 hash 0f\n";
        assert_eq!(first_unanswered(&texts(TEXT, seven), 7..9), Some(8));
    }
}
