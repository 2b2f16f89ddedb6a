//! What the rows that speak against moving come to, in sentences.

use super::compare::Comparison;
use super::output::Measured;
use super::table::grouped;

/// The sentences whose rows were measured.
pub(super) fn sentences(comparison: &Comparison) -> Vec<String> {
    let all = [one_page, cold_tlb, touched_after, sparse_tables];
    all.into_iter()
        .filter_map(|sentence| sentence(comparison))
        .collect()
}

fn figure(comparison: &Comparison, name: &str) -> Option<u64> {
    measured(comparison, name).map(Measured::least)
}

fn measured<'a>(comparison: &'a Comparison, name: &str) -> Option<&'a Measured> {
    comparison.rows.iter().find(|row| row.name == name)?.here()
}

/// From how many pages on a move is cheaper than a copy by the program.
fn one_page(comparison: &Comparison) -> Option<String> {
    let [one, two, copy] =
        ["move-1-page", "move-2-pages", "copy-1-page"].map(|name| figure(comparison, name));
    let (one, two, copy) = (one?, two?, copy?);
    let more = two.saturating_sub(one);
    let from = (1..1_000).find(|pages| one + more * (pages - 1) < copy * pages)?;
    Some(format!(
        "One page: to move it takes {}, to copy it in the program {}. A move is the cheaper one from {} on, if pages follow each other.",
        grouped(one),
        grouped(copy),
        match from {
            1 => "the first page".to_owned(),
            from => format!("{from} pages"),
        }
    ))
}

/// What a flush of everything does to pages that did not move.
fn cold_tlb(comparison: &Comparison) -> Option<String> {
    let (warm, flushed) = (
        figure(comparison, "touch-hot")?,
        measured(comparison, "flush-then-touch-hot")?,
    );
    Some(format!(
        "A cold TLB: after a move of 128 GiB, which flushes all translations of the program ({} by ASID), each of the 4,096 pages in use \
         has to be looked up in the tables again. The instructions don't tell: {} with the move, {} without.",
        flushed.counter("tlbi_asid"),
        grouped(flushed.least()),
        grouped(warm)
    ))
}

/// What a move does to the pages that moved.
fn touched_after(comparison: &Comparison) -> Option<String> {
    let (plain, moved) = (
        figure(comparison, "touch-1G")?,
        figure(comparison, "move-1G-then-touch")?,
    );
    Some(format!(
        "Move, then touch: {} for 262,144 pages where they were, {} with the move before. Each page misses the TLB once more; no page \
         faults.",
        grouped(plain),
        grouped(moved)
    ))
}

/// What a leaf table costs that holds one page, beside a full one.
fn sparse_tables(comparison: &Comparison) -> Option<String> {
    const TABLES: u64 = 512;
    let (full, sparse) = (
        figure(comparison, "move-1G-by-4K")?,
        figure(comparison, "sparse-1G-by-4K")?,
    );
    Some(format!(
        "Sparse tables: where places differ by 4 KiB, a leaf table with one page costs {}, all of it for that page; a full one costs {}, \
         or {:.1} a page.",
        grouped(sparse / TABLES),
        grouped(full / TABLES),
        full as f64 / (TABLES * 512) as f64
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::output::Run;
    use crate::bench::sides;

    #[test]
    fn a_copy_wins_up_to_a_number_of_pages() {
        let text = "bench unit 1\nbench move-1-page ticks 1300\nbench move-2-pages ticks 1320\n\
            bench copy-1-page ticks 640\nbench end\n";
        let run = Run::parse(text).unwrap();
        let side = sides::Result {
            run,
            unequal: Vec::new(),
        };
        let said = sentences(&Comparison::new("max", side, None));
        assert_eq!(said.len(), 1);
        assert!(said[0].contains("from 3 pages on"), "{said:?}");
    }
}
