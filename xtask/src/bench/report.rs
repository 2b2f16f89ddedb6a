//! The report: one HTML file that needs no other.

use std::fmt::Write;

use super::compare::{Compared, Comparison};
use super::output::Outcome;
use super::rows::Group;
use super::svg::escaped;
use super::table::{counters, figure, grouped, over, ratio};
use super::{chart, losing, missed};

const STYLE: &str = "\
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1180px; margin: 2rem auto; padding: 0 1rem; color: #111827; background: #fff; }
h1 { font-size: 1.5rem; margin-bottom: .25rem; } h2 { font-size: 1.1rem; margin-top: 2.5rem; }
.scroll { overflow-x: auto; } svg { max-width: 100%; height: auto; }
table { border-collapse: collapse; font-size: 12px; font-variant-numeric: tabular-nums; white-space: nowrap; }
th, td { padding: .25rem .45rem; text-align: right; border-bottom: 1px solid #e5e7eb; }
th { color: #374151; font-weight: 600; } th:nth-child(-n+2), td:nth-child(-n+2) { text-align: left; }
td:first-child { font-family: ui-monospace, monospace; font-size: 11px; }
table.profile td:nth-child(-n+3), table.profile th:nth-child(-n+3) { text-align: right; } table.profile td:last-child { text-align: left; }
table.profile th:last-child { text-align: left; } table.profile .part td { color: #6b7280; } table.profile .part td:last-child { padding-left: 2rem; }
summary { cursor: pointer; margin: .4rem 0; }
.yes { color: #15803d; } .no { color: #b91c1c; } .dim { color: #6b7280; }
";

/// The heads of the columns.
const HEADS: [&str; 13] = [
    "row", "what", "Linux", "Inarch", "ratio", "reach", "", "read", "written", "tables", "TLBI", "DSB",
    "nodes",
];

/// The report as HTML.
pub(super) fn html(comparison: &Comparison) -> String {
    let (reached, aims) = comparison.score();
    let systems = match &comparison.linux {
        Some(linux) => format!("{} beside {linux}", comparison.inarch),
        None => comparison.inarch.clone(),
    };
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>What moving memory costs</title>\n<style>\n{STYLE}</style></head><body>\n\
         <h1>What moving memory costs</h1>\n\
         <p>{} on QEMU's <code>virt</code>, CPU <code>{}</code>. {reached} of {aims} rows reach what they are to reach.</p>\n\
         <p>Figures are instructions between two readings of the counter around one call, seen by the program that makes it: the least of \
         three, with ~ where the three differ. They prove work done, not time: a flush, a barrier and an atomic operation count as one like \
         all others. That is why the kernel's own counts stand beside them: page-table descriptors read and written, table pages taken and \
         given back, TLB invalidations by kind, barriers, nodes of the tree of mappings.</p>\n\
         <div class=\"scroll\">{}</div>\n",
        escaped(&systems),
        escaped(&comparison.cpu),
        chart::whole(comparison)
    );
    for group in Group::ALL {
        let rows: Vec<&Compared> = comparison
            .rows
            .iter()
            .filter(|row| row.row.group == group)
            .collect();
        if !rows.is_empty() {
            table(&mut page, group, &rows);
        }
        if group == Group::Losing {
            list(&mut page, &losing::sentences(comparison));
        }
    }
    missed::section(&mut page, comparison);
    notes(&mut page, comparison);
    page.push_str("</body></html>\n");
    page
}

fn table(page: &mut String, group: Group, rows: &[&Compared]) {
    let heads: String = HEADS.map(|head| format!("<th>{head}</th>")).concat();
    let lines: String = rows.iter().map(|row| line(row)).collect();
    // Writing to a string can't fail.
    let _ = write!(
        page,
        "<h2>{}</h2>\n<div class=\"scroll\"><table>\n<tr>{heads}</tr>\n{lines}</table></div>\n",
        group.title()
    );
}

fn line(row: &Compared) -> String {
    let verdict = match row.reached() {
        Some(true) => "<span class=\"yes\">reached</span>".to_owned(),
        Some(false) => format!("<span class=\"no\">{}</span>", over(row)),
        None => String::new(),
    };
    let mut cells = vec![
        escaped(&row.name),
        escaped(&row.row.title),
        row.linux.as_ref().map_or_else(String::new, figure),
        figure(&row.inarch),
        row.ratio().map_or_else(String::new, ratio),
        row.row.reach.map_or_else(String::new, grouped),
        verdict,
    ];
    cells.extend(row.here().map_or_else(Default::default, counters));
    let cells: String = cells.into_iter().map(|cell| format!("<td>{cell}</td>")).collect();
    format!("<tr>{cells}</tr>\n")
}

/// What could not be measured, and which runs were not equal.
fn notes(page: &mut String, comparison: &Comparison) {
    let mut notes = Vec::new();
    for row in &comparison.rows {
        for (system, outcome) in [("Linux", row.linux.as_ref()), ("Inarch", Some(&row.inarch))] {
            if let Some(Outcome::NotMeasured(reason)) = outcome {
                notes.push(format!("{} on {system} was not measured: {reason}.", row.name));
            }
        }
    }
    notes.extend(
        comparison
            .unequal()
            .map(|name| format!("The runs of {name} were not equal.")),
    );
    if !notes.is_empty() {
        page.push_str("<h2>Notes</h2>\n");
        list(page, &notes);
    }
}

fn list(page: &mut String, sentences: &[String]) {
    if sentences.is_empty() {
        return;
    }
    let items: String = sentences
        .iter()
        .map(|sentence| format!("<li>{}</li>\n", escaped(sentence)))
        .collect();
    // As above.
    let _ = write!(page, "<ul class=\"dim\">\n{items}</ul>\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::functions::Profile;
    use crate::bench::output::Run;
    use crate::bench::sides;

    const HEAD: &str = "bench system Linux 7.3.4\nbench unit 1\n";
    const INARCH: &str = "bench fault ticks 478 478 478 read=4\nbench fork-512M not measured: needs <fork>\n\
        bench full-4K-by-4K ticks 9 9 9\nbench full-1M-by-4K ticks 90 90 90\nbench end\n";
    const LINUX: &str =
        "bench fault ticks 3095 3100 3095\nbench full-4K-by-4K ticks 900 900 900\nbench end\n";

    fn side(lines: &str, unequal: &[&str]) -> sides::Result {
        sides::Result {
            run: Run::parse(&format!("{HEAD}{lines}")).unwrap(),
            unequal: unequal.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn the_report_tells_all_rows_and_what_is_wrong_with_them() {
        let comparison = Comparison::new("max", side(INARCH, &["fault"]), Some(side(LINUX, &[])));
        let page = html(&comparison);
        for part in [
            "<td>fault</td><td>anonymous page fault</td><td>3,095~</td><td>478</td><td>6.47x</td><td>500</td>",
            "fork-512M on Inarch was not measured: needs &lt;fork&gt;.",
            "full-1M-by-4K on Linux was not measured: only with --full.",
            "The runs of fault were not equal.",
            "1 of 2 rows reach",
        ] {
            assert!(page.contains(part), "{part} is not in {page}");
        }
        for tag in ["table", "tr", "svg", "g", "text", "ul", "body"] {
            let opened =
                page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
            assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
        }
    }

    #[test]
    fn a_missed_goal_has_its_profile() {
        let text = "bench move-2-pages ticks 1350 1350 1350\nbench fault ticks 400\nbench end\n";
        let mut comparison = Comparison::new("max", side(text, &[]), None);
        let symbols = crate::symbols::Symbols::load(&std::env::current_exe().unwrap()).unwrap();
        let profile = |row: &str| {
            assert_eq!(row, "move-2-pages");
            Ok(Profile::new(&[(0x1000, 1350)].into(), &symbols))
        };
        comparison.profile_missed(profile).unwrap();
        let page = html(&comparison);
        for part in [
            "Not reached",
            "450 more than 900",
            "the program, at EL0",
            "<td>100.0</td>",
        ] {
            assert!(page.contains(part), "{part} is not in {page}");
        }
    }

    #[test]
    fn what_was_not_measured_is_not_drawn() {
        let comparison = Comparison::new("max", side("bench fault ticks 1 1 1\nbench end\n", &[]), None);
        let drawing = chart::whole(&comparison);
        assert!(
            drawing.contains("anonymous page fault") && !drawing.contains("Bytes moved"),
            "{drawing}"
        );
    }
}
