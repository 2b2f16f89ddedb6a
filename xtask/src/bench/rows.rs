//! The rows: what each is about, and what is to be reached.

/// What a row is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    /// What is to be reached.
    Goals,
    /// What speaks against moving.
    Losing,
    /// What clears or copies memory, on a CPU that has no instruction for it.
    Copying,
    /// Calls about many mappings of which each may have to be looked at.
    Many,
    /// How the cost grows.
    Growth,
}

/// That CPU.
pub(super) const PLAIN_CPU: &str = "cortex-a72";
/// The rows that are measured on it, too; there their names end with it.
pub(super) const COPYING: [&str; 6] = [
    "fault",
    "mmap-16",
    "munmap-16",
    "copy-1-page",
    "blocks-1G-by-4K",
    "fork-512M",
];

impl Group {
    /// All, in the order of the report.
    pub(super) const ALL: [Group; 5] = [
        Group::Goals,
        Group::Losing,
        Group::Copying,
        Group::Many,
        Group::Growth,
    ];

    /// Its heading.
    pub(super) fn title(self) -> &'static str {
        match self {
            Group::Goals => "The calls, and what they are to cost",
            Group::Losing => "Where moving loses",
            Group::Copying => {
                "What clears or copies, on a Cortex-A72: no instruction of FEAT_MOPS, and 16 instructions to a tick"
            }
            Group::Many => "Many mappings of a page each, by 2 MiB where they move",
            Group::Growth => "How the cost grows",
        }
    }
}

/// What a row is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) group: Group,
    pub(super) title: String,
    /// The most that is good, in the row's unit.
    pub(super) reach: Option<u64>,
}

/// The row of the time from power-on to the program.
pub(super) const BOOT: &str = "boot";
/// The row of the kernel's size.
pub(super) const IMAGE: &str = "image";

const GOALS: [(&str, &str, Option<u64>); 26] = [
    ("move-1G-by-4K", "move 1 GiB by 4 KiB", Some(524_288)),
    ("move-1G-by-4K-back", "move 1 GiB by 4 KiB, back", None),
    ("move-1G-by-2M", "move 1 GiB by 2 MiB", Some(8_192)),
    ("move-1G-by-2M-back", "move 1 GiB by 2 MiB, back", None),
    ("move-1G-by-1G", "move 1 GiB by 1 GiB", Some(700)),
    ("move-1G-by-1G-back", "move 1 GiB by 1 GiB, back", None),
    ("move-2-pages", "move 2 pages", Some(900)),
    ("mappings-1-by-2M", "move 1 mapping of a page by 2 MiB", Some(900)),
    ("mappings-10-by-2M", "move 10 mappings by 2 MiB", Some(2_000)),
    ("mappings-100-by-2M", "move 100 mappings by 2 MiB", Some(4_000)),
    ("mappings-1000-by-2M", "move 1,000 mappings by 2 MiB", Some(8_000)),
    (
        "mappings-10000-by-2M",
        "move 10,000 mappings by 2 MiB",
        Some(12_000),
    ),
    (
        "mappings-10000-by-4K",
        "move 10,000 mappings by 4 KiB",
        Some(40_000),
    ),
    (
        "dontunmap-256M",
        "move 256 MiB by 2 MiB, source kept",
        Some(4_000),
    ),
    (
        "blocks-1G-by-4K",
        "move 1 GiB of 2 MiB blocks by 4 KiB",
        Some(655_360),
    ),
    ("blocks-1G-by-2M", "move 1 GiB of 2 MiB blocks by 2 MiB", None),
    ("mmap-16", "mmap of 16 pages", Some(600)),
    ("munmap-16", "munmap of 16 faulted pages", Some(1_500)),
    ("grow-16", "grow 16 faulted pages by moving", Some(1_200)),
    ("mprotect-split", "mprotect that splits", Some(900)),
    ("fault", "anonymous page fault", Some(500)),
    ("getppid", "getppid", Some(120)),
    ("fork-512M", "fork with 512 MiB resident", Some(1_500_000)),
    ("fork-0M", "fork with next to nothing", None),
    (BOOT, "power-on to the program", Some(5_000_000)),
    (IMAGE, "kernel image, in bytes", Some(1_000_000)),
];

const LOSING: [(&str, &str); 7] = [
    ("move-1-page", "move 1 page"),
    ("copy-1-page", "copy 1 page instead, in the program"),
    ("touch-1G", "touch 1 GiB"),
    ("move-1G-then-touch", "move 1 GiB by 4 KiB, then touch it"),
    ("touch-hot", "touch 4,096 pages in use"),
    ("flush-then-touch-hot", "touch them after a move that flushes all"),
    ("sparse-1G-by-4K", "move 1 GiB by 4 KiB, 1 page in 512 there"),
];

/// What happens to many mappings, by the first part of a row's name.
const FATES: [(&str, &str); 7] = [
    ("passing", "moved past another one"),
    ("filling", "moved into a reserve without access"),
    ("replacing", "moved onto as many others"),
    ("cut", "moved, the first and the last cut in halves"),
    ("kept", "moved, the source kept"),
    ("unmapped", "unmapped"),
    ("shrunk", "cut off by a shrink"),
];

/// What the row is about. Those of the growth series tell by their names.
pub(super) fn row(name: &str) -> Row {
    let row = |group, title: &str, reach| Row {
        group,
        title: title.to_owned(),
        reach,
    };
    if let Some((base, _cpu)) = name.split_once('@') {
        return Row {
            group: Group::Copying,
            ..self::row(base)
        };
    }
    if let Some((_, title, reach)) = GOALS.iter().find(|(known, ..)| *known == name) {
        return row(Group::Goals, title, *reach);
    }
    if let Some((_, title)) = LOSING.iter().find(|(known, _)| *known == name) {
        return row(Group::Losing, title, None);
    }
    if let Some((fate, count)) = name.split_once('-')
        && let Some((_, title)) = FATES.iter().find(|(known, _)| *known == fate)
        && let Ok(count) = count.parse()
    {
        return row(Group::Many, &format!("{} {title}", mappings(count)), None);
    }
    row(Group::Growth, &series_title(name), None)
}

/// So many mappings, in words.
fn mappings(count: u64) -> String {
    match count {
        1 => "1 mapping".to_owned(),
        _ => format!("{} mappings", super::table::grouped(count)),
    }
}

/// Where the row stands among those of its group; the growth series keep the program's order.
pub(super) fn position(name: &str) -> usize {
    let goals = GOALS.iter().map(|(known, ..)| *known);
    let names = goals.chain(LOSING.iter().map(|(known, _)| *known));
    names.take_while(|known| *known != name).count()
}

/// `full-16M-by-4K` and so on, in words.
fn series_title(name: &str) -> String {
    let Some(point) = Point::of(name) else {
        return name.to_owned();
    };
    match point.series {
        "mappings" => format!("{}, by {}", mappings(point.x), bytes(point.by)),
        "full" => format!("{}, every page there, by {}", bytes_of(point.x), bytes(point.by)),
        _ => format!(
            "{}, 1 page in 512 there, by {}",
            bytes_of(point.x),
            bytes(point.by)
        ),
    }
}

/// A row as a point of a growth series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Point<'a> {
    /// `mappings`, `full` or `sparse`.
    pub(super) series: &'a str,
    /// Mappings, or bytes.
    pub(super) x: u64,
    /// By how much the places differ: `4K`, `2M`, `1G`.
    pub(super) by: &'a str,
}

impl<'a> Point<'a> {
    /// Reads `SERIES-X-by-DISTANCE`.
    pub(super) fn of(name: &'a str) -> Option<Self> {
        let (rest, by) = name.split_once("-by-")?;
        let (series, x) = rest.rsplit_once('-')?;
        let x = match x.strip_suffix(['K', 'M', 'G']) {
            Some(number) => number.parse::<u64>().ok()? << shift(x)?,
            None => x.parse().ok()?,
        };
        let known = ["mappings", "full", "sparse"].contains(&series) && ["4K", "2M", "1G"].contains(&by);
        known.then_some(Point { series, x, by })
    }
}

fn shift(size: &str) -> Option<u32> {
    Some(match size.chars().last()? {
        'K' => 10,
        'M' => 20,
        'G' => 30,
        _ => return None,
    })
}

/// `4K` as it is written for people.
pub(super) fn bytes(size: &str) -> String {
    let (number, unit) = size.split_at(size.len() - 1);
    format!("{number} {unit}iB")
}

/// A number of bytes in the largest unit that divides it.
pub(super) fn bytes_of(size: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let unit = units
        .into_iter()
        .find(|(shift, _)| size.is_multiple_of(1 << shift));
    unit.map_or_else(
        || format!("{size} B"),
        |(shift, name)| format!("{} {name}", size >> shift),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_told_by_their_names() {
        let point = Point::of("full-16M-by-4K").unwrap();
        assert_eq!((point.series, point.x, point.by), ("full", 16 << 20, "4K"));
        assert_eq!(Point::of("mappings-100000-by-2M").unwrap().x, 100_000);
        for other in [
            "move-1G-by-4K",
            "full-16M",
            "fault",
            "full-X-by-4K",
            "full-1G-by-4K-back",
        ] {
            assert_eq!(Point::of(other), None, "{other}");
        }
        assert_eq!(
            row("sparse-64G-by-1G").title,
            "64 GiB, 1 page in 512 there, by 1 GiB"
        );
        assert_eq!(row("passing-1").title, "1 mapping moved past another one");
        assert_eq!(row("kept-10000").group, Group::Many);
        assert_eq!(row("move-2-pages").reach, Some(900));
        assert_eq!(
            (row("fault@cortex-a72").group, row("fault@cortex-a72").reach),
            (Group::Copying, Some(500))
        );
    }
}
