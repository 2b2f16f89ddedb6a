//! The documentation says what is there: links lead somewhere, and the list of system calls is the kernel's.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The pages, as paths from the root.
fn pages() -> Vec<PathBuf> {
    let docs = fs::read_dir(root().join("docs"))
        .unwrap()
        .map(|entry| Path::new("docs").join(entry.unwrap().file_name()));
    ["README.md", "CONTRIBUTING.md"]
        .map(PathBuf::from)
        .into_iter()
        .chain(docs)
        .collect()
}

/// The targets of a page's links, `[text](target)`.
fn links(page: &str) -> impl Iterator<Item = &str> {
    page.split("](")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once(')')?.0))
}

/// A heading as the anchor that it gets: lower case, spaces as dashes, without punctuation.
fn anchor(heading: &str) -> String {
    let kept = heading
        .trim()
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() })
        .collect()
}

#[test]
fn links_lead_somewhere() {
    for page in pages() {
        let text = read(&page);
        for link in links(&text).filter(|link| !link.contains("://")) {
            let (file, place) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() {
                page.clone()
            } else {
                page.parent().unwrap().join(file)
            };
            assert!(
                root().join(&target).exists(),
                "{}: {link} leads nowhere",
                page.display()
            );
            let headings: Vec<String> = match place {
                "" => continue,
                _ => read(&target)
                    .lines()
                    .filter_map(|line| line.strip_prefix('#'))
                    .map(|h| anchor(h.trim_start_matches('#')))
                    .collect(),
            };
            assert!(
                headings.iter().any(|heading| heading == place),
                "{}: no heading for {link}",
                page.display()
            );
        }
    }
}

#[test]
fn the_list_of_system_calls_is_the_kernels() {
    let source = read("kernel/src/syscall/table.rs");
    let table = source.split("__NR_").skip(1);
    let names = table.map(|rest| {
        rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .next()
            .unwrap()
    });
    let implemented: BTreeSet<&str> = names.collect();
    let page = read("docs/syscalls.md");
    // The first cell of each row of the tables, `name`.
    let rows = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let documented: BTreeSet<&str> = rows.map(|(name, _)| name).collect();
    let differences: Vec<_> = implemented.symmetric_difference(&documented).collect();
    assert!(
        differences.is_empty(),
        "in only one of docs/syscalls.md and the kernel: {differences:?}"
    );
}

#[test]
fn what_keeps_a_boards_rule_is_there() {
    let page = read("docs/boards.md");
    let rows = page.lines().filter_map(|line| {
        let (_, rest) = line.strip_prefix("| ")?.split_once(" | `")?;
        let (file, rest) = rest.split_once("`: `")?;
        Some((file, rest.split_once('`')?.0))
    });
    let mut seen = 0;
    for (file, text) in rows {
        assert!(read(file).contains(text), "{file} has no `{text}`");
        seen += 1;
    }
    assert!(seen > 20, "the table has been read");
}
