//! The report: one HTML file that needs no other.

use std::fmt::Write;

use super::compare::{Compared, Comparison};
use super::rows::Group;
use super::svg::escaped;
use super::table::Grid;
use super::{chart, losing, missed};

const STYLE: &str = "\
:root { color-scheme: light dark; --page: #fff; --text: #111827; --head: #374151; --dim: #6b7280; --rule: #e5e7eb; --yes: #15803d; --no: #b91c1c; }
@media (prefers-color-scheme: dark) {
  :root { --page: #0d1117; --text: #e6edf3; --head: #c9d1d9; --dim: #9198a1; --rule: #30363d; --yes: #3fb950; --no: #ff7b72; }
}
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1320px; margin: 2rem auto; padding: 0 1rem; color: var(--text); background: var(--page); }
h1 { font-size: 1.5rem; margin-bottom: .25rem; } h2 { font-size: 1.1rem; margin-top: 2.5rem; } p, ul { max-width: 75em; }
.scroll { overflow-x: auto; } svg { max-width: 100%; min-width: 720px; height: auto; }
table { border-collapse: collapse; font-size: 12px; font-variant-numeric: tabular-nums; white-space: nowrap; }
th, td { padding: .25rem .45rem; text-align: right; border-bottom: 1px solid var(--rule); }
th { color: var(--head); font-weight: 600; } th:nth-child(-n+2), td:nth-child(-n+2) { text-align: left; }
th:first-child, td:first-child { position: sticky; left: 0; background: var(--page); }
td:first-child { font-family: ui-monospace, monospace; font-size: 11px; }
table.profile td:nth-child(-n+3), table.profile th:nth-child(-n+3) { text-align: right; } table.profile td:last-child { text-align: left; }
table.profile th:last-child { text-align: left; } table.profile .part td { color: var(--dim); } table.profile .part td:last-child { padding-left: 2rem; }
summary { cursor: pointer; margin: .4rem 0; }
.yes { color: var(--yes); } .no { color: var(--no); } .dim { color: var(--dim); }
";

/// What "by 4 KiB" means in a title.
const DISTANCES: &str =
    "<p>By 4 KiB, by 2 MiB, by 1 GiB: so far source and target differ, beyond a multiple of 1 GiB.</p>\n";

/// The report as HTML.
pub(super) fn html(comparison: &Comparison) -> String {
    let (reached, goals) = comparison.score();
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>What moving memory costs</title>\n<style>\n{STYLE}</style></head><body>\n\
         <h1>What moving memory costs</h1>\n\
         <p>{} on QEMU's <code>virt</code>, CPU <code>{}</code>. {reached} of {goals} goals are reached.</p>\n\
         <p>Figures are instructions between two readings of the counter around one call, seen by the program that makes it: the least of \
         three, with ~ where the three differ. They prove work done, not time: a flush, a barrier and an atomic operation count as one like \
         all others. That is why the kernel's own counts stand beside them: page-table descriptors read and written, table pages taken and \
         given back, TLB invalidations by kind, barriers, nodes of the tree of mappings.</p>\n\
         {}\
         <div class=\"scroll\">{}</div>\n",
        escaped(&comparison.systems()),
        escaped(&comparison.cpu),
        if comparison.has_distances() { DISTANCES } else { "" },
        chart::whole(comparison)
    );
    for group in Group::ALL {
        let rows = comparison.of_group(group);
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
    let grid = Grid::new(rows);
    let heads: String = grid.heads.iter().map(|head| format!("<th>{head}</th>")).collect();
    let lines = grid.lines.iter().zip(rows);
    let lines: String = lines
        .map(|(line, row)| self::line(&grid.heads, line, row))
        .collect();
    // Writing to a string can't fail.
    let _ = write!(
        page,
        "<h2>{}</h2>\n<div class=\"scroll\"><table>\n<tr>{heads}</tr>\n{lines}</table></div>\n",
        group.title()
    );
}

fn line(heads: &[&str], cells: &[String], row: &Compared) -> String {
    let class = match row.reached() {
        Some(true) => " class=\"yes\"",
        Some(false) => " class=\"no\"",
        None => "",
    };
    let cell = |(head, text): (&&str, &String)| match head.is_empty() {
        true => format!("<td{class}>{}</td>", escaped(text)),
        false => format!("<td>{}</td>", escaped(text)),
    };
    let cells: String = heads.iter().zip(cells).map(cell).collect();
    format!("<tr>{cells}</tr>\n")
}

/// What could not be measured, and which runs were not equal.
fn notes(page: &mut String, comparison: &Comparison) {
    let mut notes = comparison.not_measured();
    let unequal = comparison.unequal();
    notes.extend(unequal.map(|name| format!("The runs of {name} were not equal.")));
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
            "Not measured on Inarch (needs &lt;fork&gt;): fork-512M",
            "Not measured on Linux (only with --full): fork-512M, full-1M-by-4K",
            "The runs of fault were not equal.",
            "1 of 2 goals are reached",
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
        let symbols = crate::elf::symbols::Symbols::load(&std::env::current_exe().unwrap()).unwrap();
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
