//! Scripts that are kept, run: what is known must still differ, what is mended must not, and neither system may leave one unanswered.

use anyhow::{Result, bail};

use super::account;
use super::difference::Difference;
use super::report::Report;
use super::script::Kept;
use super::sides::{Detail, Sides, Texts};
use crate::say;

/// Runs scripts on both, by their numbers.
///
/// # Errors
/// A line that is no call.
pub(super) fn run(sides: &Sides, detail: Detail, scripts: &[&Kept]) -> Result<Texts> {
    let calls: Vec<Vec<String>> = scripts.iter().map(|kept| kept.calls.clone()).collect();
    let texts = sides.run_scripts(detail, &calls)?;
    for text in [&texts.linux, &texts.inarch] {
        if let Some((script, call)) = account::unread(text) {
            match scripts.get(script) {
                Some(kept) => bail!("this is no call: {}", kept.place(call)),
                None => bail!("the program names a script {script}, which there is not"),
            }
        }
    }
    Ok(texts)
}

/// Compares scripts whose difference is `known`, and some whose is `mended`.
pub(super) fn compare(sides: &Sides, known: &[Kept], mended: &[Kept], report: &mut Report) -> Result<Texts> {
    let all: Vec<&Kept> = known.iter().chain(mended).collect();
    let texts = run(sides, Detail::All, &all)?;
    for (number, kept) in all.iter().enumerate() {
        judge(&texts, number, kept, number < known.len(), report);
    }
    Ok(texts)
}

/// Says of one script whether both answered it, and as they should.
fn judge(texts: &Texts, number: usize, kept: &Kept, is_known: bool, report: &mut Report) {
    let (script, name) = (number.to_string(), &kept.name);
    let difference = Difference::find(texts, &script);
    for (system, text) in [("Linux", &texts.linux), ("Inarch", &texts.inarch)] {
        if !account::is_answered(text, &script, kept.calls.len()) {
            let last = text.trim_end().lines().next_back().unwrap_or("nothing");
            let trouble = format!("`{name}` was not answered by {system}, whose last words were: {last}");
            report.troubles.push(trouble);
        }
    }
    match difference {
        None if is_known => say::note(&format!(
            "known difference `{name}` is gone: move it to the regressions"
        )),
        Some(difference) if !is_known => {
            println!("`{name}`: {}", difference.signature());
            difference.print(true);
            *report.new.entry(difference.signature()).or_default() += 1;
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_neither_has_answered_is_trouble() {
        let mut kept = Kept::default();
        kept.calls.push("read a+0".to_owned());
        let told = |end: &str| {
            let text = format!("begin 0 file\nread a+0 = 0x0\n{end}");
            let texts = Texts {
                linux: text.clone(),
                inarch: text,
            };
            let mut report = Report::default();
            judge(&texts, 0, &kept, false, &mut report);
            (report.new.len(), report.troubles)
        };
        assert_eq!(told("script 0 calls 1 hash 0f\n"), (0, Vec::new()));
        let (differences, troubles) = told("oracle: a call that has to succeed gave ENOMEM\n");
        assert_eq!((differences, troubles.len()), (0, 2));
        assert!(
            troubles[0]
                .ends_with("Linux, whose last words were: oracle: a call that has to succeed gave ENOMEM")
        );
    }
}
