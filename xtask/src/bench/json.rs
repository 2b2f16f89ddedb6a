//! All that was measured, as JSON.

use std::collections::HashMap;

use tinyjson::JsonValue;

use super::compare::{Compared, Comparison};
use super::functions::Profile;
use super::output::{Measured, Outcome};

/// One object: the systems, and an array of rows.
pub(super) fn of(comparison: &Comparison) -> JsonValue {
    let (reached, aims) = comparison.score();
    object([
        ("inarch", text(&comparison.inarch)),
        ("linux", comparison.linux.as_deref().map_or(JsonValue::Null, text)),
        ("cpu", text(&comparison.cpu)),
        ("reached", number(reached as u64)),
        ("aims", number(aims as u64)),
        (
            "rows",
            JsonValue::from(comparison.rows.iter().map(row).collect::<Vec<_>>()),
        ),
    ])
}

fn row(row: &Compared) -> JsonValue {
    object([
        ("name", text(&row.name)),
        ("what", text(&row.row.title)),
        ("inarch", outcome(&row.inarch)),
        ("linux", row.linux.as_ref().map_or(JsonValue::Null, outcome)),
        ("ratio", row.ratio().map_or(JsonValue::Null, JsonValue::from)),
        ("reach", row.row.reach.map_or(JsonValue::Null, number)),
        ("reached", row.reached().map_or(JsonValue::Null, JsonValue::from)),
        ("runs_equal", JsonValue::from(row.equal)),
        ("profile", row.profile.as_ref().map_or(JsonValue::Null, profile)),
    ])
}

/// Instructions by function of the kernel, the most first.
fn profile(profile: &Profile) -> JsonValue {
    let functions = profile.functions.iter().map(|function| {
        object([
            ("function", text(&function.name)),
            ("instructions", number(function.instructions)),
            ("calls", number(function.calls)),
        ])
    });
    JsonValue::from(functions.collect::<Vec<_>>())
}

fn outcome(outcome: &Outcome) -> JsonValue {
    match outcome {
        Outcome::NotMeasured(reason) => object([("not_measured", text(reason))]),
        Outcome::Measured(measured) => figures(measured),
    }
}

fn figures(measured: &Measured) -> JsonValue {
    let repeats: Vec<JsonValue> = measured.repeats.iter().copied().map(number).collect();
    let counters = measured
        .counters
        .iter()
        .map(|(name, count)| (name.clone(), number(*count)));
    object([
        ("least", number(measured.least())),
        ("most", number(measured.most())),
        ("repeats", JsonValue::from(repeats)),
        ("counters", JsonValue::from(counters.collect::<HashMap<_, _>>())),
    ])
}

fn object<const N: usize>(fields: [(&str, JsonValue); N]) -> JsonValue {
    let fields = fields.map(|(name, value)| (name.to_owned(), value));
    JsonValue::from(HashMap::from(fields))
}

fn text(text: &str) -> JsonValue {
    JsonValue::from(text.to_owned())
}

/// JSON's numbers are exact up to 2^53, which no count here comes near.
fn number(number: u64) -> JsonValue {
    JsonValue::from(number as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_whole_numbers() {
        let measured = Measured {
            repeats: vec![137_500_000_000, 5],
            counters: vec![("read".to_owned(), 3)],
        };
        let text = figures(&measured).stringify().unwrap();
        assert!(text.contains("\"most\":137500000000"), "{text}");
        assert!(text.contains("\"counters\":{\"read\":3}"), "{text}");
    }
}
