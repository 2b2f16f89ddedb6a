//! The drawing of what was measured: each goal beside Linux's figure, and below them how the cost grows.

use super::compare::{Compared, Comparison};
use super::growth::{self, HALF, PLOT};
use super::output::Measured;
use super::rows::{self, Group};
use super::svg::{
    self, Anchor, BETWEEN, GRID, INARCH, INK, LINUX, REACH, Scale, decade, decades, dot, line, text,
};
use super::table::grouped;

/// Width of the drawing.
const WIDTH: f64 = 2.0 * HALF;
/// Width of a letter, more or less.
const LETTER: f64 = 7.0;
/// Height of a row of the goals.
const ROW: f64 = 20.0;

/// Everything in one drawing: the goals, and below them the plots of growth two by two, and what they show.
pub(super) fn whole(comparison: &Comparison) -> String {
    let (mut content, mut height) = goals(comparison);
    let plots = growth::plots(comparison);
    for pair in plots.chunks(2) {
        for (column, cell) in pair.iter().enumerate() {
            content.push_str(&svg::moved(column as f64 * HALF, height, cell));
        }
        height += PLOT;
    }
    if !plots.is_empty() {
        let (notes, room) = growth::notes();
        content.push_str(&svg::moved(0.0, height, &notes));
        height += room;
    }
    svg::document(WIDTH, height, &content)
}

/// The goals: a line for each, from Inarch's figure to Linux's, and a mark at what is to be reached. With its height.
fn goals(comparison: &Comparison) -> (String, f64) {
    let is_goal =
        |row: &&Compared| row.row.group == Group::Goals && row.name != rows::IMAGE && row.here().is_some();
    let goals: Vec<&Compared> = comparison.rows.iter().filter(is_goal).collect();
    let (top, left, right) = (64.0, 270.0, WIDTH - 30.0);
    let bottom = top + goals.len() as f64 * ROW;
    let figures = goals.iter().flat_map(|row| figures(row));
    let (low, high) = svg::extremes(figures);
    let marks = decades(low, high);
    let x = Scale::new(svg::ends(&marks), (left, right));
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
        drawing.push_str(&line(place(here), place(there), BETWEEN, 2.0));
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

/// The systems and the goals, one behind the other.
fn legend(comparison: &Comparison, left: f64, y: f64) -> String {
    let systems = [
        (Some(&comparison.inarch), INARCH),
        (comparison.linux.as_ref(), LINUX),
    ];
    let (mut drawing, mut x) = (String::new(), left);
    for (name, colour) in systems {
        let Some(name) = name else { continue };
        drawing.push_str(&dot((x, y - 4.0), 4.5, colour, ""));
        drawing.push_str(&text(x + 10.0, y, Anchor::Start, INK, name));
        x += 34.0 + LETTER * name.chars().count() as f64;
    }
    drawing.push_str(&line((x, y - 11.0), (x, y + 3.0), REACH, 3.0));
    drawing + &text(x + 10.0, y, Anchor::Start, INK, "goal")
}

fn figures(row: &Compared) -> Vec<u64> {
    let measured = [row.here(), row.there()]
        .into_iter()
        .flatten()
        .map(Measured::least);
    measured.chain(row.row.reach).collect()
}
