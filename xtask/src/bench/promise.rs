//! How the cost of a move is to grow: with the entries of the level at which source and target agree, and with the logarithm of
//! the number of mappings.

use super::rows::{self, Point};

/// What a point is to be, if that is said.
pub(super) type Promise = fn(&Point<'_>) -> Option<u64>;

/// What the call itself may cost, an entry of 4 KiB, and one of 2 MiB or 1 GiB.
const CALL: u64 = 900;
const PAGE: u64 = 2;
const TABLE: u64 = 16;

/// Entries that move: of the highest level whose size divides the distance and that lie in the range as a whole. Of leaf tables that
/// hold a single page all entries count: they are to be looked through.
pub(super) fn entries(point: &Point<'_>) -> Option<u64> {
    Some(point.x / entry_size(point))
}

/// Instructions of a move of one mapping.
pub(super) fn instructions(point: &Point<'_>) -> Option<u64> {
    let each = if entry_size(point) == 4 << 10 { PAGE } else { TABLE };
    Some(CALL + each * entries(point)?)
}

/// Instructions of a move of many mappings: what those by 2 MiB are to reach, and by 4 KiB two a page more.
pub(super) fn mappings(point: &Point<'_>) -> Option<u64> {
    let reach = rows::row(&format!("mappings-{}-by-2M", point.x)).reach?;
    Some(match point.by {
        "4K" => reach + PAGE * point.x,
        _ => reach,
    })
}

/// Nodes of the tree: the logarithm of the number of mappings to the base 2, three times over.
pub(super) fn nodes(point: &Point<'_>) -> Option<u64> {
    Some(3 * u64::from(point.x.max(2).ilog2()))
}

fn entry_size(point: &Point<'_>) -> u64 {
    let agrees = match point.by {
        "4K" => 4 << 10,
        "2M" => 2 << 20,
        _ => 1 << 30,
    };
    let sizes = [1 << 30, 2 << 20, 4 << 10];
    let fits = |size: &u64| *size <= agrees && *size <= point.x;
    sizes.into_iter().find(fits).unwrap_or(4 << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn promised(promise: Promise, name: &str) -> Option<u64> {
        promise(&Point::of(name).unwrap())
    }

    #[test]
    fn entries_are_those_of_the_level_of_agreement() {
        let of = |name| promised(entries, name).unwrap();
        assert_eq!(of("full-1G-by-4K"), 262_144);
        assert_eq!(of("full-1G-by-2M"), 512);
        assert_eq!(of("full-1G-by-1G"), 1);
        assert_eq!(of("sparse-64G-by-1G"), 64);
        // Less than a table is moved page by page wherever it goes.
        assert_eq!(of("full-64K-by-1G"), 16);
    }

    #[test]
    fn what_rows_are_to_reach_is_what_the_lines_promise() {
        let reach = |name: &str| rows::row(name).reach;
        for (point, row) in [
            ("full-1G-by-4K", "move-1G-by-4K"),
            ("full-1G-by-2M", "move-1G-by-2M"),
        ] {
            // The rows leave the call itself out.
            let promised = promised(instructions, point).unwrap() - CALL;
            assert_eq!(Some(promised), reach(row), "{point}");
        }
        assert_eq!(promised(mappings, "mappings-100-by-2M"), Some(4_000));
        assert_eq!(promised(mappings, "mappings-100-by-4K"), Some(4_200));
        assert_eq!(promised(mappings, "mappings-100000-by-2M"), None);
        assert_eq!(promised(nodes, "mappings-1000-by-2M"), Some(27));
    }
}
