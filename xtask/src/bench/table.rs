//! The table on the terminal.

use owo_colors::OwoColorize;

use super::compare::{Compared, Comparison};
use super::losing;
use super::output::{Measured, Outcome};
use super::rows::Group;

/// Prints everything.
pub(super) fn print(comparison: &Comparison) {
    let with_linux = comparison.linux.is_some();
    println!(
        "Instructions of one call, seen by the program that makes it; the least of three, with ~ where they differ"
    );
    match &comparison.linux {
        Some(linux) => anstream::println!("{} beside {linux}", comparison.inarch),
        None => anstream::println!("{}", comparison.inarch),
    }
    for group in Group::ALL {
        let rows: Vec<&Compared> = comparison
            .rows
            .iter()
            .filter(|row| row.row.group == group)
            .collect();
        if !rows.is_empty() {
            print_group(group, &rows, with_linux);
        }
        if group == Group::Losing {
            losing::sentences(comparison)
                .iter()
                .for_each(|sentence| println!("{sentence}"));
        }
    }
    println!();
    for row in &comparison.rows {
        for (system, outcome) in [("Linux", row.linux.as_ref()), ("Inarch", Some(&row.inarch))] {
            if let Some(Outcome::NotMeasured(reason)) = outcome {
                println!("{} on {system} not measured: {reason}", row.name);
            }
        }
    }
    let (reached, aims) = comparison.score();
    println!("{reached} of {aims} reached");
}

/// Columns: left-aligned the first two, right-aligned the others.
fn print_group(group: Group, rows: &[&Compared], with_linux: bool) {
    let mut heads = vec!["row", "what"];
    if with_linux {
        heads.push("Linux");
    }
    heads.push("Inarch");
    if with_linux {
        heads.push("ratio");
    }
    heads.extend(["reach", "", "read", "written", "tables", "TLBI", "DSB", "nodes"]);
    let lines: Vec<Vec<String>> = rows.iter().map(|row| cells(row, with_linux)).collect();
    let used: Vec<usize> = (0..heads.len())
        .filter(|&column| lines.iter().any(|line| !line[column].is_empty()))
        .collect();
    let width = |column: usize| {
        let cells = lines.iter().map(|line| line[column].chars().count());
        cells.chain([heads[column].chars().count()]).max().unwrap_or(0)
    };
    let joined = |line: &[String]| {
        let cells = used.iter().map(|&column| match column {
            0 | 1 => format!("{:<1$}", line[column], width(column)),
            _ => format!("{:>1$}", line[column], width(column)),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    anstream::println!("\n{}", group.title().bold());
    let heads: Vec<String> = heads.iter().map(|head| (*head).to_owned()).collect();
    anstream::println!("{}", joined(&heads).dimmed());
    for (row, line) in rows.iter().zip(&lines) {
        let text = joined(line);
        match row.reached() {
            Some(true) => {
                anstream::println!("{}", text.replacen("reached", &"reached".green().to_string(), 1))
            }
            Some(false) => anstream::println!("{}", text.replacen("over", &"over".red().to_string(), 1)),
            None => anstream::println!("{text}"),
        }
    }
}

fn cells(row: &Compared, with_linux: bool) -> Vec<String> {
    let mut cells = vec![row.name.clone(), row.row.title.clone()];
    if with_linux {
        cells.push(row.linux.as_ref().map_or_else(String::new, figure));
    }
    cells.push(figure(&row.inarch));
    if with_linux {
        cells.push(row.ratio().map_or_else(String::new, ratio));
    }
    cells.push(row.row.reach.map_or_else(String::new, grouped));
    cells.push(match row.reached() {
        Some(true) => "reached".to_owned(),
        Some(false) => over(row),
        None => String::new(),
    });
    cells.extend(row.here().map_or_else(Default::default, counters));
    cells
}

/// By how much the figure is more than it should be.
pub(super) fn over(row: &Compared) -> String {
    match (row.here(), row.row.reach) {
        (Some(measured), Some(reach)) => {
            let times = measured.least() as f64 / reach as f64;
            if times < 1.1 {
                format!("over by {:.1} %", (times - 1.0) * 100.0)
            } else {
                format!("over {times:.1}x")
            }
        }
        _ => String::new(),
    }
}

/// A row's figure, with a mark where the repeats differ.
pub(super) fn figure(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Measured(measured) if measured.least() == measured.most() => grouped(measured.least()),
        Outcome::Measured(measured) => format!("{}~", grouped(measured.least())),
        Outcome::NotMeasured(_) => "-".to_owned(),
    }
}

/// How many times as much, in three digits.
pub(super) fn ratio(ratio: f64) -> String {
    match ratio {
        ratio if ratio >= 100.0 => format!("{}x", grouped(ratio.round() as u64)),
        ratio if ratio >= 10.0 => format!("{ratio:.1}x"),
        ratio => format!("{ratio:.2}x"),
    }
}

/// The kernel's counts, in the order of the columns.
pub(super) fn counters(measured: &Measured) -> [String; 6] {
    let count = |name: &str| match measured.counter(name) {
        0 => String::new(),
        count => grouped(count),
    };
    let tables = match (measured.counter("tables_taken"), measured.counter("tables_given")) {
        (0, 0) => String::new(),
        (taken, given) => format!("+{taken} -{given}"),
    };
    let kinds = [
        ("tlbi_page", "page"),
        ("tlbi_range", "range"),
        ("tlbi_asid", "asid"),
    ];
    let flushes = kinds
        .into_iter()
        .filter_map(|(name, kind)| match measured.counter(name) {
            0 => None,
            count => Some(format!("{count} {kind}")),
        });
    [
        count("read"),
        count("written"),
        tables,
        flushes.collect::<Vec<_>>().join(", "),
        count("dsb"),
        count("nodes"),
    ]
}

/// A number with its thousands apart.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        let texts = [0, 999, 1000, 1_234_567].map(grouped);
        assert_eq!(texts, ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([1234.5, 36.06, 4.09].map(ratio), ["1,235x", "36.1x", "4.09x"]);
    }

    #[test]
    fn counts_are_told_by_kind() {
        let measured = Measured {
            repeats: vec![5],
            counters: [
                ("read", 1234),
                ("tlbi_asid", 1),
                ("tlbi_page", 2),
                ("tables_given", 3),
            ]
            .map(|(name, count)| (name.to_owned(), count))
            .to_vec(),
        };
        assert_eq!(
            counters(&measured),
            ["1,234", "", "+0 -3", "2 page, 1 asid", "", ""]
        );
    }
}
