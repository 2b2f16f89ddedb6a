//! Tables of pages that have become empty.
//!
//! Linux mostly keeps them, and even makes some: at the target of a move of nothing. Where one is, it brings in single pages of memory
//! that would else be huge. Inarch takes each away at once, so that the two would differ in what is resident from then on. Only one
//! call makes Linux take such a table away and changes nothing else: to drop all pages of the 2 MiB, of which there are none.

use rt::linux::general::MADV_DONTNEED_LOCKED;
use rt::{Errno, PAGE};

use crate::call::{Call, Kind};
use crate::places::Place;
use crate::snapshot::Snapshot;
use crate::system::System;

/// Pages under one table.
const PAGES: usize = 512;
/// Bytes under one table.
const BYTES: u64 = (PAGES * PAGE) as u64;

/// Drops the tables of the arena under which no page is resident, where they lie in one mapping of those in `snapshot`: huge pages come nowhere
/// else. Where the call is refused a table stays.
///
/// # Errors
/// What the calls say that look.
pub(crate) fn drop_tables(system: &mut impl System, snapshot: &Snapshot) -> Result<(), Errno> {
    let starts = system.starts();
    let arena = starts.range(Place::Arena);
    for piece in snapshot.within(arena.clone()) {
        let end = piece.end.min(arena.end);
        let mut at = piece.start.max(arena.start).next_multiple_of(BYTES);
        while at + BYTES <= end {
            let mut pages = [0; PAGES];
            system.resident(at, &mut pages)?;
            if pages.iter().all(|page| page & 1 == 0) {
                let words = [starts.nominal(at), BYTES, MADV_DONTNEED_LOCKED.into()];
                system.make(&Call::new(Kind::Madvise, &words)).ok();
            }
            at += BYTES;
        }
    }
    Ok(())
}
