//! Blocks of 2 MiB: populated, then moved, cut and split.

use rt::linux::general::*;

use super::usual::{DONTUNMAP, NOTHING, PRIVATE, R, TO, W};
use super::{Maker, PAGE};
use crate::call::{Call, Kind};
use crate::places::Place;
use crate::random::Random;

/// Pages of a block.
const BLOCK: u64 = 512;
/// Blocks of the arena.
const BLOCKS: u64 = 4;

/// What happens to blocks.
pub(super) const CALLS: &[(u64, Maker)] = &[
    (2, block),
    (2, advise),
    (2, populate),
    (4, |random| random_move(random, BLOCK)),
    (4, |random| random_move(random, 1)),
    (2, |random| {
        let (at, length) = part(random);
        Call::new(Kind::Munmap, &[at, length])
    }),
    (2, |random| {
        let (at, length) = part(random);
        Call::new(Kind::Mprotect, &[at, length, random.one_of(&[R, R | W, 0])])
    }),
    (2, |random| {
        let (at, length) = part(random);
        let advice = [MADV_DONTNEED, MADV_NOHUGEPAGE, MADV_COLLAPSE, MADV_POPULATE_WRITE];
        Call::new(
            Kind::Madvise,
            &[at, length, random.one_of(&advice.map(u64::from))],
        )
    }),
    (3, write),
    (1, |_| Call::new(Kind::Look, &[])),
];

fn page(random: &mut Random) -> u64 {
    Place::Arena.page(random.below(BLOCK * BLOCKS))
}

/// A block's address, and the length of one or two.
fn blocks(random: &mut Random) -> (u64, u64) {
    let first = random.below(BLOCKS);
    let count = 1 + random.below((BLOCKS - first).min(2));
    (Place::Arena.page(first * BLOCK), count * BLOCK * PAGE)
}

/// A range that begins or ends inside a block, or at its border.
fn part(random: &mut Random) -> (u64, u64) {
    match random.below(3) {
        0 => blocks(random),
        1 => (blocks(random).0, (1 + random.below(BLOCK)) * PAGE),
        _ => (page(random), (1 + random.below(20)) * PAGE),
    }
}

/// Maps whole blocks.
pub(super) fn block(random: &mut Random) -> Call {
    let (at, length) = blocks(random);
    Call::new(Kind::Mmap, &[at, length, R | W, PRIVATE, NOTHING, 0])
}

/// Asks for huge pages.
pub(super) fn advise(_: &mut Random) -> Call {
    Call::new(
        Kind::Madvise,
        &[Place::Arena.page(0), BLOCKS * BLOCK * PAGE, MADV_HUGEPAGE.into()],
    )
}

/// Stores to a page.
fn write(random: &mut Random) -> Call {
    Call::new(Kind::Write, &[page(random), 1 + random.below(255)])
}

/// Populates everything.
fn populate(_: &mut Random) -> Call {
    let length = BLOCKS * BLOCK * PAGE;
    Call::new(
        Kind::Madvise,
        &[Place::Arena.page(0), length, MADV_POPULATE_WRITE.into()],
    )
}

/// What there is at the start: everything, or one page and what comes with it.
pub(super) fn begin(random: &mut Random) -> Call {
    match random.below(3) {
        0 => write(random),
        _ => populate(random),
    }
}

/// Makes no advice of one for which Linux cuts a huge page in pieces, and forgets those that hold zeros.
pub(super) fn keep_whole(call: &mut Call) {
    let advice = matches!(call.kind, Kind::Madvise | Kind::ProcessMadvise);
    if advice && matches!(call.words[2] as u32, MADV_COLD | MADV_PAGEOUT | MADV_FREE) {
        call.words[2] = MADV_NORMAL.into();
    }
}

/// A move by a multiple of `step` pages.
fn random_move(random: &mut Random, step: u64) -> Call {
    let (old, length) = part(random);
    let by = random.below(BLOCKS * BLOCK / step) * step * PAGE;
    let arena = Place::Arena.page(0);
    let new = arena + (old - arena + by) % (BLOCKS * BLOCK * PAGE);
    Call::new(
        Kind::Mremap,
        &[old, length, length, random.one_of(&[TO, TO, TO | DONTUNMAP]), new],
    )
}
