//! One difference: where it is, and what it looks like.

use super::account::{Step, steps};
use super::sides::Texts;

/// How many characters of a line are told.
const LINE: usize = 200;

/// The first step at which the two differ.
#[derive(Clone, Debug)]
pub(super) struct Difference {
    /// The calls up to it and including it.
    pub(super) script: Vec<String>,
    /// The calls after it.
    pub(super) rest: Vec<String>,
    /// What Linux did; `None` if it did nothing any more.
    pub(super) linux: Option<Step>,
    /// What Inarch did.
    pub(super) inarch: Option<Step>,
}

impl Difference {
    /// Finds it in two accounts.
    pub(super) fn find(texts: &Texts, name: &str) -> Option<Difference> {
        let (linux, inarch) = (steps(&texts.linux, name), steps(&texts.inarch, name));
        let at = (0..linux.len().max(inarch.len())).find(|&at| linux.get(at) != inarch.get(at))?;
        let longer = if linux.len() > at { &linux } else { &inarch };
        let calls = |steps: &[Step]| steps.iter().map(|step| step.call.clone()).collect();
        Some(Difference {
            script: calls(&longer[..=at]),
            rest: calls(&longer[at + 1..]),
            linux: linux.get(at).cloned(),
            inarch: inarch.get(at).cloned(),
        })
    }

    /// The call.
    pub(super) fn call(&self) -> &str {
        self.script.last().map_or("", String::as_str)
    }

    /// What kind of answer Linux gave and what Inarch.
    pub(super) fn answers(&self) -> [&str; 2] {
        [&self.linux, &self.inarch].map(|step| step.as_ref().map_or("nothing", Step::kind_of_answer))
    }

    /// What is alike in two differences with the same reason: the call, its words that are names, and what kind of answer each
    /// gave.
    pub(super) fn signature(&self) -> String {
        let mut words = self.call().split(' ');
        let mut signature = words.next().unwrap_or("").to_owned();
        for word in words.filter(|word| is_name(word)) {
            signature.push(' ');
            signature.push_str(word);
        }
        let [linux, inarch] = self.answers();
        format!("{signature} = {linux} / {inarch}")
    }

    /// Prints it, with all the calls or with the last one only.
    pub(super) fn print(&self, all: bool) {
        let first = if all {
            0
        } else {
            self.script.len().saturating_sub(1)
        };
        for call in &self.script[first..] {
            println!("    {call}");
        }
        for (name, step, other) in [
            ("Linux", &self.linux, &self.inarch),
            ("Inarch", &self.inarch, &self.linux),
        ] {
            let Some(step) = step else {
                println!("  {name} says nothing any more");
                continue;
            };
            println!("  {name}: {}", step.answer);
            // Only the lines that the other hasn't got.
            let others = other.as_ref().map_or(&[][..], |other| &other.state);
            for line in step.state.iter().filter(|line| !others.contains(line)) {
                println!("      {}", cut(line));
            }
        }
    }
}

/// A line, without the end of a very long one: a block has 512 pages.
fn cut(line: &str) -> String {
    match line.char_indices().nth(LINE) {
        Some((end, _)) => format!("{} ...", &line[..end]),
        None => line.to_owned(),
    }
}

/// Whether a word of a call is a name, and no address or number.
fn is_name(word: &str) -> bool {
    !word.starts_with(|c: char| c.is_ascii_digit()) && !word.contains('+')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(answer: &str) -> String {
        format!(
            "begin 7 usual\nread a+0 = 0x0\nmremap a+1000 0x1000 0x2000 MAYMOVE a+0 = {answer}\nread a+5 = 0x1\nscript 7 "
        )
    }

    #[test]
    fn the_first_difference_is_found() {
        let texts = Texts {
            linux: text("a+5000"),
            inarch: text("ENOMEM"),
        };
        let difference = Difference::find(&texts, "7").unwrap();
        assert_eq!((difference.script.len(), difference.rest.len()), (2, 1));
        assert_eq!(difference.signature(), "mremap MAYMOVE = ok / ENOMEM");
        let same = Texts {
            linux: text("0x0"),
            inarch: text("0x0"),
        };
        assert!(Difference::find(&same, "7").is_none());
    }
}
