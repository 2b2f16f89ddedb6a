//! How far a run has come: bars on standard error, where that is a terminal. Each vanishes in the end.

use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};

/// A bar whose length is told later, drawn as `template` says (the placeholders of `indicatif`).
pub(crate) fn bar(template: &str) -> ProgressBar {
    let bar = ProgressBar::no_length().with_finish(ProgressFinish::AndClear);
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        // Templates are constants: the usual style would only look different.
        Err(_) => bar,
    }
}

/// A bar of so many bytes, behind the word for what is done with them.
pub(crate) fn bytes(doing: &'static str, length: usize) -> ProgressBar {
    let bar = bar("{prefix} {bar:24} {bytes}/{total_bytes} {bytes_per_sec} {eta}").with_prefix(doing);
    bar.set_length(length as u64);
    bar
}
