//! How the cost grows, beside how it should: plots of instructions, and of the kernel's own counts.

use super::compare::{Compared, Comparison};
use super::output::Measured;
use super::promise::{self, Promise};
use super::rows::{self, Point};
use super::svg::{
    self, Anchor, GRID, INARCH, INK, LINUX, REACH, Scale, decade, decades, dot, line, path, spread, text,
};
use super::table::grouped;

/// Width of a plot.
pub(super) const HALF: f64 = 500.0;
/// Height of a plot.
pub(super) const PLOT: f64 = 340.0;
/// Room for a label below an axis.
const LABEL: f64 = 52.0;

/// A plot: a series, what is drawn of its rows, and how that should grow.
struct Plot {
    series: &'static str,
    title: &'static str,
    /// Whether Linux has such a figure, too.
    of_both: bool,
    figure: fn(&Measured) -> u64,
    promise: Promise,
    /// What the promise is called.
    promised: &'static str,
}

const PLOTS: [Plot; 6] = [
    Plot {
        series: "full",
        title: "Instructions by bytes moved, every page there",
        of_both: true,
        figure: Measured::least,
        promise: promise::instructions,
        promised: "goal",
    },
    Plot {
        series: "full",
        title: "Descriptors read and written, every page there",
        of_both: false,
        figure: descriptors,
        promise: promise::entries,
        promised: "entries",
    },
    Plot {
        series: "sparse",
        title: "Instructions by bytes moved, one page in 512 there",
        of_both: true,
        figure: Measured::least,
        promise: promise::instructions,
        promised: "goal",
    },
    Plot {
        series: "sparse",
        title: "Descriptors read and written, one page in 512 there",
        of_both: false,
        figure: descriptors,
        promise: promise::entries,
        promised: "entries",
    },
    Plot {
        series: "mappings",
        title: "Instructions by mappings moved, a page each",
        of_both: true,
        figure: Measured::least,
        promise: promise::mappings,
        promised: "goal",
    },
    Plot {
        series: "mappings",
        title: "Nodes of the tree visited by mappings moved",
        of_both: false,
        figure: nodes,
        promise: promise::nodes,
        promised: "log k",
    },
];

/// What the plots show, in two columns.
const NOTES: [[&str; 6]; 2] = [
    [
        "Each point is one call; both axes are logarithmic.",
        "4 KiB (solid), 2 MiB (dashed), 1 GiB (dotted): by how much source and",
        "target differ, beyond a multiple of 1 GiB. Where they agree modulo the",
        "size of an entry, the entry moves with all that is below it: 262,144",
        "of 4 KiB, 512 of 2 MiB or one of 1 GiB for each gibibyte.",
        "Green, without points: what is promised.",
    ],
    [
        "goal: 900 for the call, and 2 a page or 16 an entry of 2 MiB or 1 GiB;",
        "for mappings the goals above, and 2 a page by 4 KiB.",
        "entries: those of the level at which source and target agree. Each is",
        "read once at the source and written once at either end.",
        "log k: three times the binary logarithm of the number of mappings.",
        "",
    ],
];
/// Height of a line of them.
const NOTE: f64 = 18.0;

fn descriptors(measured: &Measured) -> u64 {
    measured.counter("read") + measured.counter("written")
}

fn nodes(measured: &Measured) -> u64 {
    measured.counter("nodes")
}

/// The plots of those series that were measured: drawings of [`HALF`] by [`PLOT`].
pub(super) fn plots(comparison: &Comparison) -> Vec<String> {
    let drawn = PLOTS.iter().map(|plot| (plot, plot.lines(comparison)));
    // A line of promises alone says nothing.
    let there = drawn.filter(|(_, lines)| lines.iter().any(|line| line.pointed));
    there.map(|(plot, lines)| plot.draw(&lines)).collect()
}

/// What the plots show, and its height.
pub(super) fn notes() -> (String, f64) {
    let mut drawing = String::new();
    for (column, notes) in NOTES.iter().enumerate() {
        for (line, note) in notes.iter().enumerate() {
            let (x, y) = (16.0 + HALF * column as f64, 24.0 + NOTE * line as f64);
            drawing.push_str(&text(x, y, Anchor::Start, INK, note));
        }
    }
    (drawing, 24.0 + NOTE * NOTES[0].len() as f64)
}

/// One line of a plot.
struct Line {
    label: String,
    colour: &'static str,
    dashes: &'static str,
    /// What it grows with, and the figure.
    points: Vec<(u64, u64)>,
    /// Whether its points are drawn: they were measured.
    pointed: bool,
}

impl Plot {
    /// The lines: by how much the places differ, on each system, and what is promised.
    fn lines(&self, comparison: &Comparison) -> Vec<Line> {
        let mut lines = Vec::new();
        for (by, dashes) in [("4K", ""), ("2M", "6 4"), ("1G", "2 3")] {
            let of_line = |row: &&Compared| {
                Point::of(&row.name).is_some_and(|point| point.series == self.series && point.by == by)
            };
            let rows: Vec<&Compared> = comparison.rows.iter().filter(of_line).collect();
            let there = match self.of_both {
                true => points(&rows, |_, row| row.there().map(self.figure)),
                false => Vec::new(),
            };
            let here = points(&rows, |_, row| row.here().map(self.figure));
            let promised = points(&rows, |point, _| (self.promise)(point));
            for (name, colour, points) in [
                ("Linux", LINUX, there),
                ("Inarch", INARCH, here),
                (self.promised, REACH, promised),
            ] {
                if !points.is_empty() {
                    lines.push(Line {
                        label: format!("{name}, {}", rows::bytes(by)),
                        colour,
                        dashes,
                        points,
                        pointed: colour != REACH,
                    });
                }
            }
        }
        lines
    }

    fn draw(&self, lines: &[Line]) -> String {
        let (left, right, top, bottom) = (64.0, HALF - 96.0, 48.0, PLOT - 44.0);
        let points = || lines.iter().flat_map(|line| &line.points);
        let xs: Vec<u64> = points().map(|(x, _)| *x).collect();
        let (low, high) = svg::extremes(points().map(|(_, y)| *y));
        let marks = decades(low, high);
        let (first, last) = svg::extremes(xs.iter().copied());
        let x = Scale::new((first as f64, last as f64), (left, right));
        let y = Scale::new(svg::ends(&marks), (bottom, top));
        let mut drawing = svg::title(16.0, 24.0, self.title);
        for mark in marks {
            let at = y.at(mark as f64);
            drawing.push_str(&line((left, at), (right, at), GRID, 1.0));
            drawing.push_str(&text(left - 8.0, at + 4.0, Anchor::End, INK, &decade(mark)));
        }
        for mark in ticks(xs, &x) {
            let at = x.at(mark as f64);
            drawing.push_str(&line((at, bottom), (at, bottom + 5.0), INK, 1.0));
            let label = match self.series {
                "mappings" => grouped(mark),
                _ => rows::bytes_of(mark),
            };
            drawing.push_str(&text(at, bottom + 20.0, Anchor::Middle, INK, &label));
        }
        drawing.push_str(&line((left, bottom), (right, bottom), INK, 1.0));
        drawing + &curves(lines, &x, &y, right)
    }
}

/// The points of some rows, by what they grow with.
fn points(rows: &[&Compared], figure: impl Fn(&Point<'_>, &Compared) -> Option<u64>) -> Vec<(u64, u64)> {
    let points = rows.iter().filter_map(|row| {
        let point = Point::of(&row.name)?;
        Some((point.x, figure(&point, row)?))
    });
    let mut points: Vec<_> = points.collect();
    points.sort_unstable();
    points
}

/// The lines with their points, and their names where they end.
fn curves(lines: &[Line], x: &Scale, y: &Scale, right: f64) -> String {
    let mut drawing = String::new();
    let places = |line: &Line| -> Vec<(f64, f64)> {
        let points = line.points.iter();
        points
            .map(|&(at, figure)| (x.at(at as f64), y.at(figure as f64)))
            .collect()
    };
    let ends: Vec<f64> = lines
        .iter()
        .map(|line| places(line).last().map_or(0.0, |end| end.1))
        .collect();
    for (line, label) in lines.iter().zip(spread(&ends, 14.0)) {
        let places = places(line);
        drawing.push_str(&path(&places, line.colour, line.dashes));
        if line.pointed {
            for (place, (_, figure)) in places.iter().zip(&line.points) {
                drawing.push_str(&dot(*place, 2.5, line.colour, &grouped(*figure)));
            }
        }
        drawing.push_str(&text(
            right + 8.0,
            label + 4.0,
            Anchor::Start,
            line.colour,
            &line.label,
        ));
    }
    drawing
}

/// The values that get a mark on the axis: few enough to be read.
fn ticks(mut values: Vec<u64>, x: &Scale) -> Vec<u64> {
    values.sort_unstable();
    values.dedup();
    let mut ticks: Vec<u64> = Vec::new();
    // From the last one on, which says how far it goes.
    for value in values.into_iter().rev() {
        let is_clear = |last: &u64| x.at(*last as f64) - x.at(value as f64) > LABEL;
        if ticks.last().is_none_or(is_clear) {
            ticks.push(value);
        }
    }
    ticks
}
