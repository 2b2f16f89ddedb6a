//! Pieces of a drawing, as SVG.

/// The colour of Linux's figures.
pub(super) const LINUX: &str = "#c2570c";
/// The colour of Inarch's figures.
pub(super) const INARCH: &str = "#1d4ed8";
/// The colour of what is to be reached.
pub(super) const REACH: &str = "#15803d";
/// The colour of axes and of what stands beside them.
pub(super) const INK: &str = "#374151";
/// The colour of a line from one system's figure to the other's.
pub(super) const BETWEEN: &str = "#9ca3af";
/// The colour of the lines behind all else.
pub(super) const GRID: &str = "#e5e7eb";

/// The colour of headings.
const HEADING: &str = "#111827";
/// The colour behind everything.
const PAGE: &str = "#fff";
/// What each colour is where the reader has chosen a dark page.
const DARK: [(&str, &str); 8] = [
    (LINUX, "#f0883e"),
    (INARCH, "#79a8ff"),
    (REACH, "#3fb950"),
    (INK, "#c9d1d9"),
    (GRID, "#30363d"),
    (BETWEEN, "#6e7681"),
    (HEADING, "#f0f6fc"),
    (PAGE, "#0d1117"),
];

/// Where a text is anchored.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A drawing of its own, light or dark as its reader's pages are.
pub(super) fn document(width: f64, height: f64, content: &str) -> String {
    let dark = DARK
        .map(|(light, dark)| {
            format!("[fill=\"{light}\"]{{fill:{dark}}}[stroke=\"{light}\"]{{stroke:{dark}}}")
        })
        .concat();
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"system-ui, 'DejaVu Sans', sans-serif\" font-size=\"12\">\n\
         <style>@media (prefers-color-scheme:dark){{{dark}}}</style>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"{PAGE}\"/>\n{content}</svg>\n"
    )
}

/// `content`, moved.
pub(super) fn moved(x: f64, y: f64, content: &str) -> String {
    format!("<g transform=\"translate({x:.1} {y:.1})\">\n{content}</g>\n")
}

/// A text whose baseline is at `y`.
pub(super) fn text(x: f64, y: f64, anchor: Anchor, colour: &str, text: &str) -> String {
    let anchor = match anchor {
        Anchor::Start => "start",
        Anchor::Middle => "middle",
        Anchor::End => "end",
    };
    format!(
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"{colour}\">{}</text>\n",
        escaped(text)
    )
}

/// A heading.
pub(super) fn title(x: f64, y: f64, text: &str) -> String {
    format!(
        "<text x=\"{x:.1}\" y=\"{y:.1}\" fill=\"{HEADING}\" font-size=\"14\" font-weight=\"600\">{}</text>\n",
        escaped(text)
    )
}

/// A straight line.
pub(super) fn line(from: (f64, f64), to: (f64, f64), colour: &str, width: f64) -> String {
    format!(
        "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"{colour}\" stroke-width=\"{width}\"/>\n",
        from.0, from.1, to.0, to.1
    )
}

/// A line through points; `dashes` as in `stroke-dasharray`, empty for none.
pub(super) fn path(points: &[(f64, f64)], colour: &str, dashes: &str) -> String {
    let points: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    format!(
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" stroke-dasharray=\"{dashes}\"/>\n",
        points.join(" ")
    )
}

/// A point, with what is shown to a pointer over it.
pub(super) fn dot((x, y): (f64, f64), radius: f64, colour: &str, tip: &str) -> String {
    format!(
        "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill=\"{colour}\"><title>{}</title></circle>\n",
        escaped(tip)
    )
}

/// Text for SVG and HTML.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// A logarithmic axis from pixels `start` to `end`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    start: f64,
    end: f64,
}

impl Scale {
    /// An axis that shows `low` to `high`.
    pub(super) fn new((low, high): (f64, f64), (start, end): (f64, f64)) -> Self {
        let low = low.max(1.0).ln();
        Scale {
            low,
            // An axis has a length.
            high: high.max(1.0).ln().max(low + 1.0),
            start,
            end,
        }
    }

    /// Where a value lies.
    pub(super) fn at(&self, value: f64) -> f64 {
        let share = (value.max(1.0).ln() - self.low) / (self.high - self.low);
        self.start + share * (self.end - self.start)
    }
}

/// The powers of ten around `low` to `high`.
pub(super) fn decades(low: u64, high: u64) -> Vec<u64> {
    let (first, last) = (
        low.max(1).ilog10(),
        high.max(1).saturating_sub(1).max(1).ilog10() + 1,
    );
    (first..=last.min(18)).map(|power| 10u64.pow(power)).collect()
}

/// The least and the greatest of some values; 1 and 10 where there are none.
pub(super) fn extremes(values: impl Iterator<Item = u64>) -> (u64, u64) {
    let values: Vec<u64> = values.collect();
    (
        values.iter().copied().min().unwrap_or(1),
        values.iter().copied().max().unwrap_or(10),
    )
}

/// The first and the last mark of an axis.
pub(super) fn ends(marks: &[u64]) -> (f64, f64) {
    let end = |mark: Option<&u64>| mark.map_or(1.0, |mark| *mark as f64);
    (end(marks.first()), end(marks.last()))
}

/// A power of ten in few letters.
pub(super) fn decade(value: u64) -> String {
    let units = [(1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")];
    let unit = units.into_iter().find(|(unit, _)| value >= *unit);
    unit.map_or_else(
        || value.to_string(),
        |(unit, name)| format!("{} {name}", value / unit),
    )
}

/// Moves labels, given by where they would like to be, so far apart that none covers another; the order is kept.
pub(super) fn spread(wishes: &[f64], least: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wishes.len()).collect();
    order.sort_by(|&a, &b| wishes[a].total_cmp(&wishes[b]));
    let mut places = wishes.to_vec();
    for pair in order.windows(2) {
        places[pair[1]] = places[pair[1]].max(places[pair[0]] + least);
    }
    // Pushed down only, they would lie too low: half of the push goes up.
    let pushed = order
        .iter()
        .map(|&index| places[index] - wishes[index])
        .fold(0.0, f64::max);
    places.iter().map(|place| place - pushed / 2.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_logarithmic() {
        let scale = Scale::new((10.0, 1000.0), (0.0, 200.0));
        assert!((scale.at(100.0) - 100.0).abs() < 1e-9);
        assert_eq!(
            decades(99, 18_600_000),
            [10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000]
        );
        assert_eq!(
            [10, 1_000, 100_000, 10_000_000].map(decade),
            ["10", "1 k", "100 k", "10 M"]
        );
    }

    #[test]
    fn labels_keep_their_distance_and_order() {
        let places = spread(&[10.0, 50.0, 11.0, 12.0], 12.0);
        assert!(places[0] + 12.0 <= places[2] && places[2] + 12.0 <= places[3] && places[3] <= places[1]);
    }
}
