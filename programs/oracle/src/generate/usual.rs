//! The calls that every script has.

use rt::linux::general::*;

use super::{Maker, PAGE};
use crate::call::{Call, Kind};
use crate::places::Place;
use crate::random::Random;
use crate::world::OBJECT_PAGES;

/// The places where most of the calls go, as pages of the arena: across a border of leaf tables, across a border of the
/// tables above, well inside, and where a kernel that looks from the top finds its first room.
const PLACES: [u64; 7] = [502, 502, 502, 1014, 1014, 1620, 2030];
/// How far from such a place.
pub(super) const SPREAD: u64 = 18;
/// The greatest usual length, in pages.
const LENGTH: u64 = 10;

pub(super) const NONE: u64 = PROT_NONE as u64;
pub(super) const R: u64 = PROT_READ as u64;
pub(super) const W: u64 = PROT_WRITE as u64;
const X: u64 = PROT_EXEC as u64;
pub(super) const MAYMOVE: u64 = MREMAP_MAYMOVE as u64;
pub(super) const TO: u64 = MAYMOVE | MREMAP_FIXED as u64;
pub(super) const DONTUNMAP: u64 = MREMAP_DONTUNMAP as u64;
/// Private anonymous memory at a fixed place.
pub(super) const PRIVATE: u64 = (MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED) as u64;
/// No file.
pub(super) const NOTHING: u64 = u64::MAX;

/// The calls, and how often each comes.
pub(super) const CALLS: &[(u64, Maker)] = &[
    (7, mmap),
    (2, munmap),
    (4, mprotect),
    (3, madvise),
    (1, |random| {
        Call::new(Kind::Mincore, &[address(random), length(random)])
    }),
    (5, write),
    (1, |random| Call::new(Kind::Read, &[place(random)])),
    (9, mremap),
    (1, |_| Call::new(Kind::Look, &[])),
];

/// `MADV_*` that say how pages are used.
const ADVICE: [u32; 22] = [
    MADV_NORMAL,
    MADV_RANDOM,
    MADV_SEQUENTIAL,
    MADV_WILLNEED,
    MADV_DONTNEED,
    MADV_DONTNEED,
    MADV_DONTNEED,
    MADV_DONTNEED_LOCKED,
    MADV_DONTFORK,
    MADV_DOFORK,
    MADV_DONTDUMP,
    MADV_DODUMP,
    MADV_WIPEONFORK,
    MADV_KEEPONFORK,
    MADV_HUGEPAGE,
    MADV_NOHUGEPAGE,
    MADV_COLD,
    MADV_PAGEOUT,
    MADV_POPULATE_READ,
    MADV_POPULATE_WRITE,
    99,
    u32::MAX,
];

/// The address of a page.
pub(super) fn place(random: &mut Random) -> u64 {
    Place::Arena.page(random.one_of(&PLACES) + random.below(SPREAD))
}

/// The address of a page, seldom one inside it.
pub(super) fn address(random: &mut Random) -> u64 {
    place(random)
        + match random.once_in(60) {
            true => 1 + random.below(PAGE - 1),
            false => 0,
        }
}

/// A length in bytes: a few pages, seldom a table's worth, nothing, a part of a page, or one that wraps.
pub(super) fn length(random: &mut Random) -> u64 {
    match random.below(60) {
        0 => 0,
        1 => 512 * PAGE,
        2 => (500 + random.below(30)) * PAGE,
        3 | 4 => (1 + random.below(LENGTH)) * PAGE - random.below(PAGE),
        5 if random.once_in(4) => u64::MAX,
        5 if random.once_in(3) => u64::MAX - 2 * PAGE + 1,
        _ => pages(random),
    }
}

/// A length of a few pages.
pub(super) fn pages(random: &mut Random) -> u64 {
    (1 + random.below(LENGTH)) * PAGE
}

/// A protection.
pub(super) fn prot(random: &mut Random) -> u64 {
    random.one_of(&[R, R | W, R | W, R | W, NONE, R | X, R | W | X, W])
}

/// Writes to a page.
pub(super) fn write(random: &mut Random) -> Call {
    Call::new(Kind::Write, &[place(random), 1 + random.below(255)])
}

pub(super) fn munmap(random: &mut Random) -> Call {
    Call::new(Kind::Munmap, &[address(random), length(random)])
}

/// A mapping that succeeds, of more pages than is usual.
pub(super) fn fill(random: &mut Random) -> Call {
    let (at, length) = (place(random), (1 + random.below(SPREAD)) * PAGE);
    let prot = random.one_of(&[R | W, R | W, R | W, R, NONE]);
    let kind = match random.below(8) {
        0 => MAP_SHARED | MAP_ANONYMOUS,
        1 | 2 => random.one_of(&[MAP_SHARED, MAP_PRIVATE].map(u64::from)) as u32,
        _ => MAP_PRIVATE | MAP_ANONYMOUS,
    };
    let (object, offset) = match kind & MAP_ANONYMOUS {
        0 => (random.below(2), random.below(OBJECT_PAGES) * PAGE),
        _ => (NOTHING, 0),
    };
    let populate = random.one_of(&[0, 0, 0, MAP_POPULATE].map(u64::from));
    let flags = u64::from(kind | MAP_FIXED) | populate;
    Call::new(Kind::Mmap, &[at, length, prot, flags, object, offset])
}

pub(super) fn mmap(random: &mut Random) -> Call {
    let mut at = address(random);
    let mut length = length(random);
    let prot = random.one_of(&[R, R | W, R | W, R | W, NONE, NONE, R | X, R | W | X, W]);
    let mut flags = random.one_of(&[MAP_FIXED, MAP_FIXED, MAP_FIXED, MAP_FIXED_NOREPLACE, 0].map(u64::from));
    flags |= random.one_of(&[0, 0, 0, 0, 0, MAP_NORESERVE, MAP_POPULATE, MAP_STACK].map(u64::from));
    let (mut object, mut offset) = (NOTHING, 0);
    match random.below(6) {
        0 => flags |= u64::from(MAP_SHARED | MAP_ANONYMOUS),
        1 | 2 => {
            flags |=
                random.one_of(&[MAP_SHARED, MAP_SHARED, MAP_PRIVATE, MAP_SHARED_VALIDATE].map(u64::from));
            (object, offset) = (random.below(2), random.below(OBJECT_PAGES + 2) * PAGE);
        }
        _ => flags |= u64::from(MAP_PRIVATE | MAP_ANONYMOUS),
    }
    match random.below(120) {
        0 => flags &= !u64::from(MAP_TYPE),
        1 => flags |= u64::from(MAP_TYPE),
        2 => object = 99,
        3 => offset += 1 + random.below(PAGE - 1),
        4 => at = 1 << 48,
        5 => at |= 0xffff << 48,
        6 => length = 1 << 48,
        7 => offset = 0u64.wrapping_sub(PAGE),
        8 => flags |= 1 << 27,
        _ => {}
    }
    Call::new(Kind::Mmap, &[at, length, prot, flags, object, offset])
}

pub(super) fn mprotect(random: &mut Random) -> Call {
    let prot = match random.once_in(50) {
        true => 0x100,
        false => prot(random),
    };
    Call::new(Kind::Mprotect, &[address(random), length(random), prot])
}

fn madvise(random: &mut Random) -> Call {
    let advice = random.one_of(&ADVICE.map(u64::from));
    Call::new(Kind::Madvise, &[address(random), length(random), advice])
}

/// Any `mremap`.
pub(super) fn mremap(random: &mut Random) -> Call {
    let (mut old, mut old_length) = (address(random), length(random));
    let mut new_length = match random.below(5) {
        0..=2 => old_length,
        _ => length(random),
    };
    let mut flags = random.one_of(&[
        0,
        0,
        MAYMOVE,
        MAYMOVE,
        TO,
        TO,
        TO,
        TO,
        TO | DONTUNMAP,
        TO | DONTUNMAP,
        MAYMOVE | DONTUNMAP,
    ]);
    // A third of the moves keep the place within a leaf table, so that whole tables can go.
    let arena = Place::Arena.page(0);
    let mut new = match random.once_in(3) {
        true => arena + (old - arena + 512 * PAGE) % (2048 * PAGE),
        false => address(random),
    };
    match random.below(100) {
        0 => flags |= 8 << random.below(20),
        1 => flags &= !MAYMOVE,
        2 => new = 1 << 48,
        3 => new |= 0x5 << 56,
        4 => old |= 0x5 << 56,
        5 => old |= 0xffff << 48,
        6 => old_length = 1 << 48,
        7 => old_length = 0,
        8 => new = old + random.below(4) * PAGE,
        9 => new_length = 1 << 48,
        10 => new_length = (1 << 48) + PAGE,
        11 => new_length = 0,
        _ => {}
    }
    Call::new(Kind::Mremap, &[old, old_length, new_length, flags, new])
}
