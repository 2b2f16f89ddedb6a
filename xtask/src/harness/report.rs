//! What `libtest-mimic` doesn't print: the time that each test took, and the closing line.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::Result;
use libtest_mimic::{Arguments, Completion, Conclusion, Failed, FormatSetting, Trial};
use owo_colors::OwoColorize;

/// Whether the report is for people: not a list, not JSON, not one character per test.
pub(crate) fn is_for_people(arguments: &Arguments) -> bool {
    let plain = matches!(arguments.format, None | Some(FormatSetting::Pretty));
    plain && !arguments.quiet && !arguments.list && arguments.logfile.is_none()
}

/// A trial whose time is printed before its outcome: `test NAME ... (1.2 ms) ok`. Tests run one after the other, so that
/// this lands on the line of the test.
pub(crate) fn trial(
    name: impl Into<String>,
    print_times: bool,
    test: impl FnOnce() -> Result<()> + Send + 'static,
) -> Trial {
    Trial::test(name, move || {
        let start = Instant::now();
        let result = test();
        if print_times {
            let mut out = anstream::stdout();
            // A report that nobody reads any more is no reason to stop testing.
            let _ = write!(out, "{} ", format!("({})", human(start.elapsed())).dimmed());
            let _ = out.flush();
        }
        result.map_err(|error| Failed::from(format!("{error:#}")))
    })
}

/// A trial that is skipped, for a reason known beforehand.
pub(crate) fn skipped(name: impl Into<String>, reason: impl Into<String>) -> Trial {
    let reason = reason.into();
    Trial::ignorable_test(name, move || Ok(Completion::ignored_with(reason)))
}

/// A trial that fails, for a reason known beforehand: what it would have tested could not be built or started.
pub(crate) fn failing(name: impl Into<String>, reason: impl Into<String>) -> Trial {
    let reason = reason.into();
    Trial::test(name, move || Err(Failed::from(reason)))
}

/// A time with three digits.
fn human(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    let (number, unit) = match seconds {
        s if s >= 0.9995 => (s, "s"),
        s if s >= 0.000_999_5 => (s * 1e3, "ms"),
        s => (s * 1e6, "us"),
    };
    let decimals = match number {
        n if n >= 99.95 => 0,
        n if n >= 9.995 => 1,
        _ => 2,
    };
    format!("{number:.decimals$} {unit}")
}

/// The closing line.
pub(crate) fn closing_line(conclusion: &Conclusion) -> String {
    let mut line = format!(
        "{} passed, {} failed",
        conclusion.num_passed, conclusion.num_failed
    );
    if conclusion.num_ignored > 0 {
        line.push_str(&format!(", {} skipped", conclusion.num_ignored));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits() {
        for (nanoseconds, text) in [
            (1_234, "1.23 us"),
            (999_400, "999 us"),
            (999_600, "1.00 ms"),
            (12_345_678, "12.3 ms"),
            (999_700_000, "1.00 s"),
            (83_000_000_000, "83.0 s"),
            (123_000_000_000, "123 s"),
        ] {
            assert_eq!(human(Duration::from_nanos(nanoseconds)), text);
        }
    }

    #[test]
    fn the_closing_line_is_plain() {
        let quiet = Arguments {
            quiet: true,
            logfile: Some("/dev/null".to_owned()),
            ..Arguments::default()
        };
        let conclusion = libtest_mimic::run(
            &quiet,
            vec![
                Trial::test("a", || Ok(())),
                failing("b", "reason"),
                skipped("c", "reason"),
                Trial::test("d", || Ok(())),
            ],
        );
        assert_eq!(closing_line(&conclusion), "2 passed, 1 failed, 1 skipped");
        let conclusion = libtest_mimic::run(&quiet, vec![Trial::test("a", || Ok(()))]);
        assert_eq!(closing_line(&conclusion), "1 passed, 0 failed");
    }
}
