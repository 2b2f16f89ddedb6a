//! Random calls. They depend on the seed alone, never on an answer, so that both systems get the same ones.
//!
//! Most arguments are such that the call can succeed, around a few places where mappings meet; some are wrong in a way
//! that the call must notice. A wrong argument never names memory outside the arena that is mapped.

use rt::linux::general::*;

use crate::arena::ARENA;
use crate::call::{Call, Kind};
use crate::random::Random;
use crate::world::OBJECT_PAGES;

const PAGE: u64 = rt::PAGE as u64;
/// The places where most of the calls go, as pages of the arena: across a border of leaf tables, across a border of the
/// tables above, well inside, and where a kernel that looks from the top finds its first room.
const PLACES: [u64; 7] = [502, 502, 502, 1014, 1014, 1620, 2030];
/// How far from such a place.
const SPREAD: u64 = 18;
/// The greatest usual length, in pages.
const LENGTH: u64 = 10;

const NONE: u64 = PROT_NONE as u64;
const R: u64 = PROT_READ as u64;
const W: u64 = PROT_WRITE as u64;
const X: u64 = PROT_EXEC as u64;
const MAYMOVE: u64 = MREMAP_MAYMOVE as u64;
const TO: u64 = MAYMOVE | MREMAP_FIXED as u64;
const DONTUNMAP: u64 = MREMAP_DONTUNMAP as u64;

/// `MADV_FREE` is not among them: when its pages go is no part of a contract. Nor is `MADV_MERGEABLE`, of which Inarch says
/// what a Linux without it says.
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

/// How many calls of a script only fill the arena.
const FILLING: u64 = 12;

/// Call number `index` of a script.
pub(crate) fn call(random: &mut Random, index: u64) -> Call {
    let (kind, words) = match random.below(32) {
        _ if index < FILLING => (Kind::Mmap, fill(random)),
        0..=6 => (Kind::Mmap, mmap(random)),
        7 | 8 => (Kind::Munmap, [address(random), length(random), 0, 0, 0, 0]),
        9..=12 => (Kind::Mprotect, mprotect(random)),
        13..=15 => (Kind::Madvise, madvise(random)),
        16 => (Kind::Mincore, [address(random), length(random), 0, 0, 0, 0]),
        17..=21 => (Kind::Write, [place(random), 1 + random.below(255), 0, 0, 0, 0]),
        22 => (Kind::Read, [place(random), 0, 0, 0, 0, 0]),
        _ => (Kind::Mremap, mremap(random)),
    };
    Call { kind, words }
}

/// The address of a page.
fn place(random: &mut Random) -> u64 {
    ARENA.start + (random.one_of(&PLACES) + random.below(SPREAD)) * PAGE
}

/// The address of a page, seldom one inside it.
fn address(random: &mut Random) -> u64 {
    place(random)
        + match random.once_in(60) {
            true => 1 + random.below(PAGE - 1),
            false => 0,
        }
}

/// A length in bytes: a few pages, seldom a table's worth, nothing, a part of a page, or one that wraps.
fn length(random: &mut Random) -> u64 {
    match random.below(60) {
        0 => 0,
        1 => 512 * PAGE,
        2 => (500 + random.below(30)) * PAGE,
        3 | 4 => (1 + random.below(LENGTH)) * PAGE - random.below(PAGE),
        5 if random.once_in(4) => u64::MAX,
        5 if random.once_in(3) => u64::MAX - 2 * PAGE + 1,
        _ => (1 + random.below(LENGTH)) * PAGE,
    }
}

/// A mapping that succeeds, of more pages than is usual.
fn fill(random: &mut Random) -> [u64; 6] {
    let (at, length) = (place(random), (1 + random.below(SPREAD)) * PAGE);
    let prot = random.one_of(&[R | W, R | W, R | W, R, NONE]);
    let kind = match random.below(8) {
        0 => MAP_SHARED | MAP_ANONYMOUS,
        1 | 2 => random.one_of(&[MAP_SHARED, MAP_PRIVATE].map(u64::from)) as u32,
        _ => MAP_PRIVATE | MAP_ANONYMOUS,
    };
    let offset = match kind & MAP_ANONYMOUS {
        0 => random.below(OBJECT_PAGES) * PAGE,
        _ => 0,
    };
    let populate = random.one_of(&[0, 0, 0, MAP_POPULATE].map(u64::from));
    let flags = u64::from(kind | MAP_FIXED) | populate;
    let object = if kind & MAP_ANONYMOUS == 0 {
        random.below(2)
    } else {
        u64::MAX
    };
    [at, length, prot, flags, object, offset]
}

fn mmap(random: &mut Random) -> [u64; 6] {
    let mut at = address(random);
    let mut length = length(random);
    let prot = random.one_of(&[R, R | W, R | W, R | W, NONE, NONE, R | X, R | W | X, W]);
    let mut flags = random.one_of(&[MAP_FIXED, MAP_FIXED, MAP_FIXED, MAP_FIXED_NOREPLACE, 0].map(u64::from));
    flags |= random.one_of(&[0, 0, 0, 0, 0, MAP_NORESERVE, MAP_POPULATE, MAP_STACK].map(u64::from));
    let (mut object, mut offset) = (u64::MAX, 0);
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
    [at, length, prot, flags, object, offset]
}

fn mprotect(random: &mut Random) -> [u64; 6] {
    let prot = match random.once_in(50) {
        true => 0x100,
        false => random.one_of(&[R, R | W, R | W, R | W, NONE, R | X, R | W | X, W]),
    };
    [address(random), length(random), prot, 0, 0, 0]
}

fn madvise(random: &mut Random) -> [u64; 6] {
    let advice = random.one_of(&ADVICE.map(u64::from));
    [address(random), length(random), advice, 0, 0, 0]
}

fn mremap(random: &mut Random) -> [u64; 6] {
    let (old, old_length) = (address(random), length(random));
    let new_length = match random.below(5) {
        0..=2 => old_length,
        _ => length(random),
    };
    let flags = random.one_of(&[
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
    let (mut old, mut old_length, mut flags) = (old, old_length, flags);
    // Half of the moves keep the place within a leaf table, so that whole tables can go.
    let mut new = match random.once_in(3) {
        true => ARENA.start + (old - ARENA.start + 512 * PAGE) % (2048 * PAGE),
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
        9 => return [old, old_length, 1 << 48, flags, new, 0],
        10 => return [old, old_length, (1 << 48) + PAGE, flags, new, 0],
        11 => return [old, old_length, 0, flags, new, 0],
        _ => {}
    }
    if old_length == 0 && old == new {
        // A duplicate onto itself loses the data on Linux, and is refused here.
        old += PAGE;
    }
    [old, old_length, new_length, flags, new, 0]
}
