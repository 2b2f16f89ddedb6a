//! The lines by which the in-kernel harness speaks, on QEMU's serial line or a board's.
//!
//! The kernel says `ktest: ready`, then obeys:
//!
//! | to the kernel | from the kernel |
//! |---|---|
//! | `list` | `ktest: test NAME` for each test, then `ktest: end` |
//! | `run NAME` | free text, then `ktest: ok NAME`, or `ktest: failed NAME at FILE:LINE: MESSAGE` and the machine ends |
//! | `exit` | the machine ends with status 0 |

use std::fmt;

/// How each line of the protocol begins. A test may have left its own text on the line before that.
const MARK: &str = "ktest: ";

/// A line from the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// The harness waits for commands.
    Ready,
    /// One test of the list.
    Test(String),
    /// The list is complete.
    End,
    /// A test has passed.
    Ok(String),
    /// A test has failed.
    Failed(Failure),
    /// Anything else: a log line, a test's own output.
    Text(String),
}

/// How a test failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// Which test.
    pub(crate) test: String,
    /// Source file and line, as `FILE:LINE`; empty if the kernel doesn't know.
    pub(crate) place: String,
    /// What the panic said.
    pub(crate) message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        f.write_str(&self.message)
    }
}

/// Reads one line.
pub(crate) fn parse(line: &str) -> Line {
    let line = line.trim_end_matches(['\r', '\n']);
    let text = || Line::Text(line.to_owned());
    let Some(at) = line.find(MARK) else { return text() };
    let rest = &line[at + MARK.len()..];
    let (word, argument) = rest.split_once(' ').unwrap_or((rest, ""));
    match (word, argument) {
        ("ready", "") => Line::Ready,
        ("end", "") => Line::End,
        ("test", name) if is_name(name) => Line::Test(name.to_owned()),
        ("ok", name) if is_name(name) => Line::Ok(name.to_owned()),
        ("failed", argument) => failure(argument).map_or_else(text, Line::Failed),
        _ => text(),
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(char::is_whitespace)
}

/// Reads `NAME at FILE:LINE: MESSAGE`.
fn failure(argument: &str) -> Option<Failure> {
    let (test, rest) = argument.split_once(' ').unwrap_or((argument, ""));
    if !is_name(test) {
        return None;
    }
    let (place, message) = match rest.strip_prefix("at ").and_then(|rest| rest.split_once(": ")) {
        Some((place, message)) => (place, message),
        None => ("", rest),
    };
    Some(Failure {
        test: test.to_owned(),
        place: place.to_owned(),
        message: message.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_read() {
        assert_eq!(parse("ktest: ready\r\n"), Line::Ready);
        assert_eq!(
            parse("ktest: test mm::table::moves"),
            Line::Test("mm::table::moves".into())
        );
        assert_eq!(parse("ktest: end"), Line::End);
        assert_eq!(
            parse("ktest: ok mm::table::moves"),
            Line::Ok("mm::table::moves".into())
        );
        let failed = parse("ktest: failed a::b at kernel/src/x.rs:12: assertion failed: 1: 2");
        let Line::Failed(failure) = failed else {
            panic!("{failed:?}")
        };
        assert_eq!(failure.to_string(), "kernel/src/x.rs:12: assertion failed: 1: 2");
        assert_eq!(failure.test, "a::b");
    }

    #[test]
    fn a_test_may_leave_text_before_the_verdict() {
        assert_eq!(parse("50 pages... ktest: ok a"), Line::Ok("a".into()));
    }

    #[test]
    fn everything_else_is_text() {
        for text in [
            "",
            "hello",
            "ktest:",
            "ktest: ",
            "ktest: test",
            "ktest: ok a b",
            "ktest: ready now",
            "ktest: failed ",
        ] {
            assert_eq!(parse(text), Line::Text(text.to_owned()));
        }
    }

    #[test]
    fn a_failure_without_a_place_keeps_its_message() {
        let Line::Failed(failure) = parse("ktest: failed a out of memory") else {
            panic!()
        };
        assert_eq!(
            (failure.to_string().as_str(), failure.place.as_str()),
            ("out of memory", "")
        );
    }
}
