//! The answers as a page of tables.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::{Result, bail, ensure};

/// The heads of the columns: `MAYMOVE` is 1, `FIXED` 2, `DONTUNMAP` 4.
const FLAGS: [&str; 8] = ["0", "M", "F", "MF", "D", "MD", "FD", "MFD"];

/// What is above the tables.
const HEAD: &str = "\
# Conformance

What `mremap` answers to every combination of flags, sizes, kinds of mapping and shapes of what is mapped in the range. Written by
`cargo xtask conformance`, which makes the calls on Inarch and on Debian's newest Linux for arm64, and compares the answers and what is
mapped afterwards, page by page with its contents. `cargo xtask conformance --check` says whether Inarch still does what is written here.

The range is three pages, to be one or five where it shrinks or grows. The target is free but for a page in its middle. Columns are flags:
`M` is `MREMAP_MAYMOVE`, `F` `MREMAP_FIXED`, `D` `MREMAP_DONTUNMAP`. An answer is an error or a place: *stays*, the *target* that the call
names, or *elsewhere*, where the kernel has chosen. What differs from Linux stands as **Inarch's answer** (Linux's).

";

/// One line of the program: a kind of mapping, a shape, a size, and a cell for each combination of flags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    kind: String,
    shape: String,
    size: String,
    cells: Vec<String>,
}

impl Row {
    fn name(&self) -> (&str, &str, &str) {
        (&self.kind, &self.shape, &self.size)
    }
}

/// The rows in what the program has printed.
pub(super) fn parse(text: &str) -> Result<Vec<Row>> {
    let lines = text.lines().filter_map(|line| line.trim().strip_prefix("row "));
    let rows: Result<Vec<Row>> = lines.map(parse_row).collect();
    let rows = rows?;
    ensure!(!rows.is_empty(), "the program has printed no rows:\n{text}");
    Ok(rows)
}

fn parse_row(line: &str) -> Result<Row> {
    let parts: Vec<String> = line.split('|').map(str::to_owned).collect();
    let [kind, shape, size, cells @ ..] = &parts[..] else {
        bail!("not a row: {line}");
    };
    ensure!(
        cells.len() == FLAGS.len(),
        "a row of {} calls: {line}",
        cells.len()
    );
    Ok(Row {
        kind: kind.clone(),
        shape: shape.clone(),
        size: size.clone(),
        cells: cells.to_vec(),
    })
}

/// Two systems' answers.
pub(super) struct Table<'a> {
    /// In the order of Inarch's rows, each with Linux's.
    rows: Vec<(&'a Row, Option<&'a Row>)>,
}

impl<'a> Table<'a> {
    /// Lays them side by side.
    pub(super) fn new(inarch: &'a [Row], linux: &'a [Row]) -> Self {
        let theirs: BTreeMap<_, _> = linux.iter().map(|row| (row.name(), row)).collect();
        let rows = inarch.iter().map(|row| (row, theirs.get(&row.name()).copied()));
        Self { rows: rows.collect() }
    }

    /// A line for each call that went another way.
    pub(super) fn differences(&self) -> impl Iterator<Item = String> {
        self.rows.iter().flat_map(|(ours, theirs)| {
            ours.cells.iter().enumerate().filter_map(move |(flags, cell)| {
                let other = theirs.map_or("nothing", |row| row.cells[flags].as_str());
                let (kind, shape, size) = ours.name();
                (cell != other).then(|| {
                    format!(
                        "{kind}, {shape}, {size}, {}: {cell}; Linux: {other}",
                        FLAGS[flags]
                    )
                })
            })
        })
    }

    /// How many calls there were.
    pub(super) fn calls(&self) -> usize {
        self.rows.len() * FLAGS.len()
    }

    /// How many there were, and how many of them went another way.
    pub(super) fn summary(&self) -> String {
        format!("{} calls, {} differ", self.calls(), self.differences().count())
    }

    /// The page.
    pub(super) fn markdown(&self) -> String {
        let mut page = HEAD.to_owned();
        writeln!(page, "In all {}.", self.summary()).ok();
        let mut kinds: Vec<&str> = Vec::new();
        for (row, _) in &self.rows {
            if kinds.last() != Some(&row.kind.as_str()) {
                kinds.push(&row.kind);
            }
        }
        let Some((first, others)) = kinds.split_first() else {
            return page;
        };
        page += &section(first, "", self.of_kind(first));
        for kind in others {
            let new: Vec<_> = self
                .of_kind(kind)
                .filter(|&(ours, theirs)| cells(ours, theirs) != self.cells_of(first, ours))
                .collect();
            let note = match new.is_empty() {
                true => format!("\nAll as `{first}`.\n"),
                false => format!("\nAs `{first}`, but for:\n"),
            };
            page += &section(kind, &note, new.into_iter());
        }
        page
    }

    fn of_kind(&self, kind: &str) -> impl Iterator<Item = (&'a Row, Option<&'a Row>)> {
        self.rows.iter().copied().filter(move |(row, _)| row.kind == kind)
    }

    /// The cells of the row like `row` of another kind.
    fn cells_of(&self, kind: &str, row: &Row) -> Vec<String> {
        let mut rows = self.of_kind(kind);
        rows.find(|(other, _)| (&other.shape, &other.size) == (&row.shape, &row.size))
            .map_or_else(Vec::new, |(ours, theirs)| cells(ours, theirs))
    }
}

fn section<'a>(kind: &str, note: &str, rows: impl Iterator<Item = (&'a Row, Option<&'a Row>)>) -> String {
    let mut text = format!("\n## {kind}\n{note}");
    let mut rows = rows.peekable();
    if rows.peek().is_none() {
        return text;
    }
    writeln!(text, "\n| shape | size | {} |", FLAGS.join(" | ")).ok();
    writeln!(text, "|{}", " --- |".repeat(FLAGS.len() + 2)).ok();
    for (ours, theirs) in rows {
        let line = cells(ours, theirs).join(" | ");
        writeln!(text, "| {} | {} | {line} |", ours.shape, ours.size).ok();
    }
    text
}

/// What the page shows of a row.
fn cells(ours: &Row, theirs: Option<&Row>) -> Vec<String> {
    let answer = |cell: &str| cell.split(' ').next().unwrap_or("").to_owned();
    let both = ours.cells.iter().enumerate();
    both.map(|(flags, cell)| match theirs.map(|row| &row.cells[flags]) {
        Some(other) if other == cell => answer(cell),
        Some(other) if answer(other) == answer(cell) => {
            format!("**{}** (leaves something else)", answer(cell))
        }
        Some(other) => format!("**{}** ({})", answer(cell), answer(other)),
        None => answer(cell),
    })
    .collect()
}

/// A page without what it says of Linux.
pub(super) fn inarchs_side(page: &str) -> Vec<String> {
    let is_row = |line: &&str| line.starts_with('|');
    let without_linux = |cell: &str| {
        cell.split(" (")
            .next()
            .unwrap_or("")
            .trim_matches(['*', ' '])
            .to_owned()
    };
    page.lines()
        .filter(is_row)
        .map(|line| line.split('|').map(without_linux).collect::<Vec<_>>().join("|"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(kind: &str, last: &str) -> String {
        format!(
            "row {kind}|inside one|equal|{}{last}\n",
            "EINVAL ab ..|".repeat(7)
        )
    }

    #[test]
    fn what_differs_is_marked_and_what_is_alike_said_once() {
        let text = row("a", "target .. ab") + &row("b", "target .. ab") + &row("c", "stays ab ..");
        let inarch = parse(&("noise\n".to_owned() + &text)).unwrap();
        let same = Table::new(&inarch, &inarch);
        assert_eq!(same.summary(), "24 calls, 0 differ");
        let page = same.markdown();
        assert!(page.contains("## b\n\nAll as `a`."), "{page}");
        assert_eq!(page.matches("| inside one |").count(), 2);

        let linux = parse(&text.replace("stays ab", "stays a.")).unwrap();
        let table = Table::new(&inarch, &linux);
        assert_eq!(table.summary(), "24 calls, 1 differ");
        assert!(table.markdown().contains("**stays** (leaves something else)"));
        assert_eq!(inarchs_side(&table.markdown()), inarchs_side(&page));
    }

    #[test]
    fn half_a_row_is_an_error() {
        assert!(parse("row a|b|c|EINVAL").is_err());
        assert!(parse("nothing").is_err());
    }
}
