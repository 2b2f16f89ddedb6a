//! Files of scripts that are kept: each with a name and the reason why it is there.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::workspace;

/// A script that is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    /// What it is called.
    pub(crate) name: String,
    /// What differences count as this one, if it is one that is known.
    pub(crate) pattern: Option<Pattern>,
    /// The hash of Linux's account of it, where that was recorded.
    pub(crate) hash: Option<String>,
    /// The calls.
    pub(crate) calls: Vec<String>,
    /// The file that it stands in ...
    file: PathBuf,
    /// ... and the line of each call there, from 1 on.
    lines: Vec<usize>,
}

impl Kept {
    /// Where a call stands, and the call: `FILE:LINE: CALL`.
    pub(super) fn place(&self, call: usize) -> String {
        let line = self.lines.get(call).copied().unwrap_or_default();
        let text = self.calls.get(call).map_or("", String::as_str);
        format!("{}:{line}: {text}", workspace::short(&self.file).display())
    }
}

/// Scripts that once differed.
pub(crate) const REGRESSIONS: &str = "programs/oracle/regressions.txt";

/// The text of scripts for the program, which calls them by their numbers.
pub(crate) fn text(scripts: &[Vec<String>]) -> String {
    let script = |(number, calls): (usize, &Vec<String>)| format!("script {number}\n{}\n", calls.join("\n"));
    scripts.iter().enumerate().map(script).collect()
}

/// A file's text with these hashes, one for each script.
pub(super) fn with_hashes(text: &str, hashes: &[String]) -> String {
    let mut hashes = hashes.iter();
    let mut lines = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with("hash ")) {
        lines.push(line.to_owned());
        if line.starts_with("script ") {
            lines.extend(hashes.next().map(|hash| format!("hash {hash}")));
        }
    }
    lines.join("\n") + "\n"
}

/// What a difference must be like: the words of its call, and both answers, where `*` stands for anything.
///
/// ```text
/// like madvise * * PAGEOUT = ok / ok
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    call: Vec<String>,
    answers: [String; 2],
}

impl Pattern {
    fn parse(text: &str) -> Option<Pattern> {
        let (call, answers) = text.split_once(" = ")?;
        let (linux, inarch) = answers.split_once(" / ")?;
        Some(Pattern {
            call: call.split(' ').map(str::to_owned).collect(),
            answers: [linux.trim().to_owned(), inarch.trim().to_owned()],
        })
    }

    /// Whether a call with these answers, `ok` or an error's name, is like that.
    pub(super) fn fits(&self, call: &str, linux: &str, inarch: &str) -> bool {
        let words: Vec<&str> = call.split(' ').collect();
        self.call.len() == words.len()
            && self
                .call
                .iter()
                .zip(words)
                .all(|(pattern, word)| fits_word(pattern, word))
            && fits_word(&self.answers[0], linux)
            && fits_word(&self.answers[1], inarch)
    }
}

/// Whether a word is the pattern's, or one of its alternatives between commas, of which one that ends with `*` stands for all that
/// begin like it.
fn fits_word(pattern: &str, word: &str) -> bool {
    pattern.split(',').any(|choice| match choice.strip_suffix('*') {
        Some(begin) => word.starts_with(begin),
        None => choice == word,
    })
}

/// Reads a file of them.
pub(crate) fn read_file(path: &Path) -> Result<Vec<Kept>> {
    let text = fs_err::read_to_string(path)?;
    parse(&text, path).with_context(|| format!("in {}", path.display()))
}

fn parse(text: &str, file: &Path) -> Result<Vec<Kept>> {
    let mut scripts: Vec<Kept> = Vec::new();
    for (number, line) in (1..).zip(text.lines().map(str::trim_end)) {
        if let Some(name) = line.strip_prefix("script ") {
            scripts.push(Kept {
                name: name.to_owned(),
                file: file.to_owned(),
                ..Kept::default()
            });
        } else if line.is_empty() || line.starts_with('#') {
        } else if let Some(script) = scripts.last_mut() {
            if let Some(hash) = line.strip_prefix("hash ") {
                script.hash = Some(hash.to_owned());
                continue;
            }
            match line.strip_prefix("like ") {
                Some(pattern) => {
                    script.pattern =
                        Some(Pattern::parse(pattern).with_context(|| format!("no pattern: {line}"))?);
                }
                None => {
                    script.calls.push(line.to_owned());
                    script.lines.push(number);
                }
            }
        } else {
            bail!("a call before the first script: {line}");
        }
    }
    Ok(scripts)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# All of them.\n\nscript one of them\n# Why.\nlike madvise * * COLD,PAGEOUT = ok / *\nmmap a\nmadvise b\n\nscript two\nread c\n";

    fn parse(text: &str) -> Result<Vec<Kept>> {
        super::parse(text, Path::new("some/file.txt"))
    }

    #[test]
    fn scripts_are_read() {
        let scripts = parse(TEXT).unwrap();
        assert_eq!(scripts.len(), 2);
        assert_eq!(scripts[0].name, "one of them");
        assert_eq!(scripts[0].calls, ["mmap a", "madvise b"]);
        assert_eq!(scripts[0].place(1), "some/file.txt:7: madvise b");
        assert_eq!((scripts[1].pattern.is_none(), scripts[1].calls.len()), (true, 1));
        assert!(parse("read c").is_err());
        assert!(parse("script one\nlike nothing").is_err());
    }

    #[test]
    fn hashes_are_written_behind_names() {
        let once = with_hashes(TEXT, &["0a".to_owned(), "0b".to_owned()]);
        let scripts = parse(&once).unwrap();
        assert_eq!(scripts[1].hash.as_deref(), Some("0b"));
        assert_eq!(scripts[0].calls, parse(TEXT).unwrap()[0].calls);
        assert_eq!(with_hashes(&once, &["0a".to_owned(), "0b".to_owned()]), once);
    }

    #[test]
    fn patterns_fit() {
        let pattern = Pattern::parse("madvise * * COLD,PAGEOUT = ok / *").unwrap();
        assert!(pattern.fits("madvise a+0 0x1000 COLD", "ok", "ENOMEM"));
        assert!(!pattern.fits("madvise a+0 0x1000 COLD", "EINVAL", "ok"));
        assert!(!pattern.fits("madvise a+0 0x1000 FREE", "ok", "ok"));
        assert!(!pattern.fits("madvise a+0 0x1000", "ok", "ok"));
        assert!(!pattern.fits("madvise a+0 0x1000 PAGEOUT|0x100000000", "ok", "ok"));
        let pattern = Pattern::parse("madvise * * PAGEOUT,PAGEOUT|* = ok / *").unwrap();
        assert!(pattern.fits("madvise a+0 0x1000 PAGEOUT|0x100000000", "ok", "ok"));
    }
}
