//! Drawings of what was measured: each goal beside Linux's figure, and how the cost grows.

use super::compare::{Compared, Comparison};
use super::output::Measured;
use super::rows::{self, Group, Point};
use super::svg::{
    self, Anchor, GRID, INARCH, INK, LINUX, REACH, Scale, decade, decades, dot, line, path, spread, text,
};
use super::table::grouped;

/// Width of the drawing, and of half of it.
const WIDTH: f64 = 1000.0;
const HALF: f64 = WIDTH / 2.0;
/// Height of a plot of growth.
const PLOT: f64 = 340.0;
/// Room for a label below an axis.
const LABEL: f64 = 52.0;
/// Height of a row of the goals.
const ROW: f64 = 20.0;

/// What the plots of growth show.
const NOTES: [&str; 5] = [
    "Each point is one call, in instructions; both axes are logarithmic.",
    "4 KiB, 2 MiB, 1 GiB: by how much source and target differ,",
    "beyond a multiple of 1 GiB. Where they agree modulo the size of",
    "an entry, the entry moves with all that is below it: 262,144 of",
    "4 KiB, 512 of 2 MiB or one of 1 GiB for each gibibyte.",
];

/// Everything in one drawing: the goals, and below them the plots of growth two by two, and what they show.
pub(super) fn whole(comparison: &Comparison) -> String {
    let (mut content, mut height) = goals(comparison);
    let mut cells = growths(comparison);
    if !cells.is_empty() {
        cells.push(notes());
    }
    for pair in cells.chunks(2) {
        for (column, cell) in pair.iter().enumerate() {
            content.push_str(&svg::moved(column as f64 * HALF, height, cell));
        }
        height += PLOT;
    }
    svg::document(WIDTH, height, &content)
}

fn notes() -> String {
    let notes = NOTES.iter().enumerate();
    notes
        .map(|(index, note)| text(64.0, 64.0 + 18.0 * index as f64, Anchor::Start, INK, note))
        .collect()
}

/// The goals: a line for each, from Inarch's figure to Linux's, and a mark at what is to be reached. With its height.
fn goals(comparison: &Comparison) -> (String, f64) {
    let is_goal =
        |row: &&Compared| row.row.group == Group::Goals && row.name != rows::IMAGE && row.here().is_some();
    let goals: Vec<&Compared> = comparison.rows.iter().filter(is_goal).collect();
    let (top, left, right) = (64.0, 270.0, WIDTH - 30.0);
    let bottom = top + goals.len() as f64 * ROW;
    let figures = goals.iter().flat_map(|row| figures(row));
    let (low, high) = extremes(figures);
    let marks = decades(low, high);
    let x = Scale::new(ends(&marks), (left, right));
    let mut drawing = svg::title(16.0, 24.0, "Instructions of one call");
    drawing.push_str(&legend(comparison, left, 24.0));
    for mark in marks {
        let at = x.at(mark as f64);
        drawing.push_str(&line((at, top - 8.0), (at, bottom), GRID, 1.0));
        drawing.push_str(&text(at, top - 14.0, Anchor::Middle, INK, &decade(mark)));
    }
    for (index, row) in goals.iter().enumerate() {
        let y = top + (index as f64 + 0.5) * ROW;
        drawing.push_str(&goal(row, y, &x, left));
    }
    (drawing, bottom + 24.0)
}

fn goal(row: &Compared, y: f64, x: &Scale, left: f64) -> String {
    let mut drawing = text(left - 12.0, y + 4.0, Anchor::End, INK, &row.row.title);
    let place = |measured: &Measured| (x.at(measured.least() as f64), y);
    if let (Some(here), Some(there)) = (row.here(), row.there()) {
        drawing.push_str(&line(place(here), place(there), "#9ca3af", 2.0));
    }
    if let Some(reach) = row.row.reach {
        let at = x.at(reach as f64);
        drawing.push_str(&line((at, y - 7.0), (at, y + 7.0), REACH, 3.0));
    }
    for (measured, colour) in [(row.there(), LINUX), (row.here(), INARCH)] {
        if let Some(measured) = measured {
            drawing.push_str(&dot(place(measured), 4.5, colour, &grouped(measured.least())));
        }
    }
    drawing
}

fn legend(comparison: &Comparison, left: f64, y: f64) -> String {
    let mut drawing =
        dot((left, y - 4.0), 4.5, INARCH, "") + &text(left + 10.0, y, Anchor::Start, INK, &comparison.inarch);
    if let Some(linux) = &comparison.linux {
        drawing.push_str(&dot((left + 130.0, y - 4.0), 4.5, LINUX, ""));
        drawing.push_str(&text(left + 140.0, y, Anchor::Start, INK, linux));
    }
    drawing.push_str(&line(
        (left + 360.0, y - 11.0),
        (left + 360.0, y + 3.0),
        REACH,
        3.0,
    ));
    drawing + &text(left + 370.0, y, Anchor::Start, INK, "to be reached")
}

/// The plots of those series that were measured: drawings of half the width.
fn growths(comparison: &Comparison) -> Vec<String> {
    let series = [
        ("full", "Bytes moved, every page there"),
        ("sparse", "Bytes moved, one page in 512 there"),
        ("mappings", "Mappings moved by one call, a page each"),
    ];
    let drawn = series
        .into_iter()
        .map(|(series, title)| (lines(comparison, series), series, title));
    let there = drawn.filter(|(lines, ..)| !lines.is_empty());
    there
        .map(|(lines, series, title)| growth(&lines, series, title))
        .collect()
}

/// One line of a plot.
struct Line {
    label: String,
    colour: &'static str,
    dashes: &'static str,
    /// What it grows with, and the figure.
    points: Vec<(u64, u64)>,
}

fn growth(lines: &[Line], series: &str, title: &str) -> String {
    let (left, right, top, bottom) = (64.0, HALF - 96.0, 48.0, PLOT - 44.0);
    let xs: Vec<u64> = lines
        .iter()
        .flat_map(|line| line.points.iter().map(|(x, _)| *x))
        .collect();
    let ys = lines.iter().flat_map(|line| line.points.iter().map(|(_, y)| *y));
    let (low, high) = extremes(ys);
    let marks = decades(low, high);
    let (first, last) = extremes(xs.iter().copied());
    let x = Scale::new((first as f64, last as f64), (left, right));
    let y = Scale::new(ends(&marks), (bottom, top));
    let mut drawing = svg::title(16.0, 24.0, title);
    for mark in marks {
        let at = y.at(mark as f64);
        drawing.push_str(&line((left, at), (right, at), GRID, 1.0));
        drawing.push_str(&text(left - 8.0, at + 4.0, Anchor::End, INK, &decade(mark)));
    }
    for mark in ticks(xs, &x) {
        let at = x.at(mark as f64);
        drawing.push_str(&line((at, bottom), (at, bottom + 5.0), INK, 1.0));
        let label = match series {
            "mappings" => grouped(mark),
            _ => rows::bytes_of(mark),
        };
        drawing.push_str(&text(at, bottom + 20.0, Anchor::Middle, INK, &label));
    }
    drawing.push_str(&line((left, bottom), (right, bottom), INK, 1.0));
    drawing + &curves(lines, &x, &y, right)
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
        for (place, (_, figure)) in places.iter().zip(&line.points) {
            drawing.push_str(&dot(*place, 2.5, line.colour, &grouped(*figure)));
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

/// The lines of a series: by how much the places differ, on each system.
fn lines(comparison: &Comparison, series: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    for (by, dashes) in [("4K", ""), ("2M", "6 4"), ("1G", "2 3")] {
        let of_line = |row: &&Compared| {
            Point::of(&row.name).is_some_and(|point| point.series == series && point.by == by)
        };
        let rows: Vec<&Compared> = comparison.rows.iter().filter(of_line).collect();
        let figures = |side: fn(&Compared) -> Option<&Measured>| -> Vec<(u64, u64)> {
            let points = rows
                .iter()
                .filter_map(|row| Some((Point::of(&row.name)?.x, side(row)?.least())));
            let mut points: Vec<_> = points.collect();
            points.sort_unstable();
            points
        };
        for (system, colour, points) in [
            ("Linux", LINUX, figures(Compared::there)),
            ("Inarch", INARCH, figures(Compared::here)),
        ] {
            if !points.is_empty() {
                lines.push(Line {
                    label: format!("{system}, {}", rows::bytes(by)),
                    colour,
                    dashes,
                    points,
                });
            }
        }
    }
    lines
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

fn figures(row: &Compared) -> Vec<u64> {
    let measured = [row.here(), row.there()]
        .into_iter()
        .flatten()
        .map(Measured::least);
    measured.chain(row.row.reach).collect()
}

fn extremes(values: impl Iterator<Item = u64>) -> (u64, u64) {
    let values: Vec<u64> = values.collect();
    (
        values.iter().copied().min().unwrap_or(1),
        values.iter().copied().max().unwrap_or(10),
    )
}

fn ends(marks: &[u64]) -> (f64, f64) {
    let end = |mark: Option<&u64>| mark.map_or(1.0, |mark| *mark as f64);
    (end(marks.first()), end(marks.last()))
}
