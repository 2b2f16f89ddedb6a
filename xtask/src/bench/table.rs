//! The rows as a table, and its print on the terminal.

use owo_colors::OwoColorize;

use super::compare::{Compared, Comparison};
use super::losing;
use super::output::{Measured, Outcome};
use super::rows::Group;

/// The heads of the columns; the one without is whether the goal is reached.
const HEADS: [&str; 13] = [
    "row", "what", "Linux", "Inarch", "ratio", "goal", "", "read", "written", "tables", "TLBI", "DSB",
    "nodes",
];

/// Rows as texts, without the columns in which there is nothing.
pub(super) struct Grid {
    pub(super) heads: Vec<&'static str>,
    pub(super) lines: Vec<Vec<String>>,
}

impl Grid {
    /// Of these rows.
    pub(super) fn new(rows: &[&Compared]) -> Self {
        let all: Vec<[String; HEADS.len()]> = rows.iter().map(|row| cells(row)).collect();
        let is_used = |column: &usize| all.iter().any(|line| !line[*column].is_empty());
        let used: Vec<usize> = (0..HEADS.len()).filter(is_used).collect();
        Grid {
            heads: used.iter().map(|&column| HEADS[column]).collect(),
            lines: all
                .iter()
                .map(|line| used.iter().map(|&column| line[column].clone()).collect())
                .collect(),
        }
    }
}

fn cells(row: &Compared) -> [String; HEADS.len()] {
    let [read, written, tables, flushes, barriers, nodes] =
        row.here().map_or_else(Default::default, counters);
    [
        row.name.clone(),
        row.row.title.clone(),
        row.linux.as_ref().map_or_else(String::new, figure),
        figure(&row.inarch),
        row.ratio().map_or_else(String::new, ratio),
        row.row.reach.map_or_else(String::new, grouped),
        match row.reached() {
            Some(true) => "reached".to_owned(),
            Some(false) => over(row),
            None => String::new(),
        },
        read,
        written,
        tables,
        flushes,
        barriers,
        nodes,
    ]
}

/// Prints everything.
pub(super) fn print(comparison: &Comparison) {
    println!(
        "Instructions of one call, seen by the program that makes it; the least of three, with ~ where they differ"
    );
    if comparison.has_distances() {
        println!("By 4 KiB, 2 MiB, 1 GiB: so far source and target differ, beyond a multiple of 1 GiB");
    }
    println!("{}", comparison.systems());
    for group in Group::ALL {
        let rows = comparison.of_group(group);
        if !rows.is_empty() {
            print_group(group, &rows);
        }
        if group == Group::Losing {
            losing::sentences(comparison)
                .iter()
                .for_each(|sentence| println!("{sentence}"));
        }
    }
    println!();
    comparison
        .not_measured()
        .iter()
        .for_each(|note| println!("{note}"));
    let (reached, goals) = comparison.score();
    println!("{reached} of {goals} goals reached");
}

/// Columns: left-aligned the first two, right-aligned the others.
fn print_group(group: Group, rows: &[&Compared]) {
    let grid = Grid::new(rows);
    let width = |column: usize| {
        let cells = grid.lines.iter().map(|line| line[column].chars().count());
        cells.chain([grid.heads[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..grid.heads.len()).map(width).collect();
    let joined = |line: &[&str]| {
        let cells = line.iter().zip(&widths).enumerate();
        let cells = cells.map(|(column, (cell, width))| match column {
            0 | 1 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    anstream::println!("\n{}", group.title().bold());
    anstream::println!("{}", joined(&grid.heads).dimmed());
    for (row, line) in rows.iter().zip(&grid.lines) {
        let text = joined(&line.iter().map(String::as_str).collect::<Vec<_>>());
        match row.reached() {
            Some(true) => {
                anstream::println!("{}", text.replacen("reached", &"reached".green().to_string(), 1))
            }
            Some(false) => anstream::println!("{}", text.replacen("over", &"over".red().to_string(), 1)),
            None => anstream::println!("{text}"),
        }
    }
}

/// By how much the figure is more than it should be.
fn over(row: &Compared) -> String {
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
fn figure(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Measured(measured) if measured.least() == measured.most() => grouped(measured.least()),
        Outcome::Measured(measured) => format!("{}~", grouped(measured.least())),
        Outcome::NotMeasured(_) => "-".to_owned(),
    }
}

/// How many times as much, in three digits.
fn ratio(ratio: f64) -> String {
    match ratio {
        ratio if ratio >= 100.0 => format!("{}x", grouped(ratio.round() as u64)),
        ratio if ratio >= 10.0 => format!("{ratio:.1}x"),
        ratio => format!("{ratio:.2}x"),
    }
}

/// The kernel's counts, in the order of the columns.
fn counters(measured: &Measured) -> [String; 6] {
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
