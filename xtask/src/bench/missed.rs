//! The report's section on goals that are not reached: by how much, and where the instructions go.

use std::fmt::Write;

use super::compare::{Compared, Comparison};
use super::functions::{Function, Profile};
use super::svg::escaped;
use super::table::grouped;

/// Appends the section, if there is such a goal.
pub(super) fn section(page: &mut String, comparison: &Comparison) {
    let missed: String = comparison.missed().map(goal).collect();
    if !missed.is_empty() {
        // Writing to a string can't fail.
        let _ = write!(page, "<h2>Not reached</h2>\n{missed}");
    }
}

fn goal(row: &Compared) -> String {
    let figure = row.here().map_or(0, |measured| measured.least());
    let reach = row.row.reach.unwrap_or(0);
    let mut text = format!(
        "<p><b>{}</b> (<code>{}</code>): {}, which is {} more than {}.",
        escaped(&row.row.title),
        escaped(&row.name),
        grouped(figure),
        grouped(figure.saturating_sub(reach)),
        grouped(reach)
    );
    text.push_str("</p>\n");
    if let Some(profile) = &row.profile {
        text.push_str(&table(profile));
    }
    text
}

/// The profile, folded up.
fn table(profile: &Profile) -> String {
    let lines: String = profile
        .functions
        .iter()
        .map(|function| lines(profile, function))
        .collect();
    format!(
        "<details><summary>By function: {} instructions, with those of the marks around the call</summary>\n\
         <table class=\"profile\">\n<tr><th>instructions</th><th>%</th><th>calls</th><th>function, and what was inlined there</th></tr>\n\
         {lines}</table></details>\n",
        grouped(profile.total)
    )
}

fn lines(profile: &Profile, function: &Function) -> String {
    let line = |class: &str, count: u64, calls: &str, name: &str| {
        format!(
            "<tr{class}><td>{}</td><td>{}</td><td>{calls}</td><td>{}</td></tr>\n",
            grouped(count),
            profile.percent(count),
            escaped(name)
        )
    };
    let whole = line("", function.instructions, &function.calls(), &function.name);
    let parts = function.parts().iter();
    let parts: String = parts
        .map(|(name, count)| line(" class=\"part\"", *count, "", name))
        .collect();
    whole + &parts
}
