//! Calls to `mremap` of particular sorts.

use rt::linux::general::*;

use super::PAGE;
use super::usual::{self, DONTUNMAP, MAYMOVE, NONE, PRIVATE, R, SPREAD, TO, W, place};
use crate::call::{Call, Kind};
use crate::places::Place;
use crate::random::Random;

fn mremap(old: u64, old_length: u64, new_length: u64, flags: u64, new: u64) -> Call {
    Call::new(Kind::Mremap, &[old, old_length, new_length, flags, new])
}

/// A move of as many pages as several mappings have.
pub(super) fn several(random: &mut Random) -> Call {
    let (old, length) = (place(random), (2 + random.below(SPREAD + 10)) * PAGE);
    let arena = Place::Arena.page(0);
    let new = match random.below(4) {
        // Beside it.
        0 => old + length,
        1 => old - length,
        // At the same place of another table.
        2 => arena + (old - arena + 512 * PAGE) % (2048 * PAGE),
        _ => place(random),
    };
    let flags = random.one_of(&[TO, TO, TO | DONTUNMAP]);
    mremap(old, length, length, flags, new)
}

/// Grows in place, or by moving.
pub(super) fn grow(random: &mut Random) -> Call {
    let (old, length) = (place(random), usual::pages(random));
    let more = usual::pages(random);
    let flags = random.one_of(&[0, MAYMOVE, MAYMOVE, TO, TO]);
    mremap(old, length, length + more, flags, place(random))
}

/// What Linux refuses by its arguments alone, rows 1 to 9.
pub(super) fn wrong(random: &mut Random) -> Call {
    let (old, new, length) = (place(random), place(random), usual::pages(random));
    match random.below(9) {
        0 => mremap(old, length, length, TO | 8 << random.below(60), new),
        1 => mremap(old + 1 + random.below(PAGE - 1), length, length, TO, new),
        2 => mremap(old, length, random.one_of(&[0, u64::MAX]), TO, new),
        3 => mremap(
            old,
            length,
            random.one_of(&[(1 << 48) + PAGE, 1 << 52, 1 << 63]),
            TO,
            new,
        ),
        4 => mremap(
            old,
            length,
            length,
            TO,
            random.one_of(&[1 << 48, (1 << 48) - PAGE, new | 5 << 56]) + PAGE,
        ),
        5 => mremap(
            old,
            length,
            length,
            random.one_of(&[TO, MAYMOVE | DONTUNMAP]),
            new + 1 + random.below(PAGE - 1),
        ),
        6 => mremap(
            old,
            length,
            length,
            random.one_of(&[TO, TO | DONTUNMAP, DONTUNMAP]) & !MAYMOVE,
            new,
        ),
        7 => mremap(
            old,
            length,
            length + PAGE,
            random.one_of(&[TO, MAYMOVE]) | DONTUNMAP,
            new,
        ),
        _ => mremap(old, length, length, TO, old + random.below(length / PAGE) * PAGE),
    }
}

/// The vdso may neither grow nor be doubled.
pub(super) fn vdso(random: &mut Random) -> Call {
    let old = Place::Vdso.page(0);
    let more = (1 + random.below(20)) * PAGE;
    match random.below(3) {
        0 => mremap(
            old,
            PAGE,
            PAGE,
            random.one_of(&[TO, MAYMOVE]) | DONTUNMAP,
            place(random),
        ),
        // More than it has, to where there is room: what is cut off at the arena's end would be no growth.
        _ => {
            let flags = random.one_of(&[0, MAYMOVE, TO]);
            mremap(old, PAGE, 0x20000 + more, flags, Place::Arena.page(1000))
        }
    }
}

/// To the first page, which only root may have.
pub(super) fn low(random: &mut Random) -> Call {
    mremap(place(random), PAGE, PAGE, TO, 0)
}

/// A second mapping of the same memory.
pub(super) fn duplicate(random: &mut Random) -> Call {
    let (old, new) = (place(random), place(random));
    let flags = random.one_of(&[0, MAYMOVE, TO, TO]);
    mremap(old, 0, usual::pages(random), flags, new)
}

/// Where runs of small mappings lie: they are longer than what lies between the usual places.
const STRIPES: [u64; 4] = [30, 480, 900, 1400];

fn stripe_place(random: &mut Random) -> u64 {
    Place::Arena.page(random.one_of(&STRIPES) + random.below(40))
}

/// Many mappings of one page.
pub(super) fn stripes(random: &mut Random) -> Call {
    let count = 20 + random.below(120);
    let shared = u64::from(MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED);
    let flags = random.one_of(&[PRIVATE, PRIVATE, PRIVATE | u64::from(MAP_POPULATE), shared]);
    let first = random.one_of(&[R | W, R | W, R]);
    let second = random.one_of(&[R, NONE, R | W]);
    Call::new(
        Kind::Stripes,
        &[stripe_place(random), count, first, second, flags],
    )
}

/// A move of such a run, or of a part of it.
pub(super) fn many(random: &mut Random) -> Call {
    let (old, length) = (stripe_place(random), (10 + random.below(200)) * PAGE);
    let arena = Place::Arena.page(0);
    let new = match random.below(3) {
        0 => arena + (old - arena + 512 * PAGE) % (1536 * PAGE),
        1 => old + length,
        _ => stripe_place(random),
    };
    mremap(
        old,
        length,
        length,
        random.one_of(&[TO, TO, TO, TO | DONTUNMAP]),
        new,
    )
}
