//! Advice of all kinds, and mappings of kinds that are seldom.

use rt::linux::general::*;

use super::PAGE;
use super::usual::{self, NOTHING, PRIVATE, R, W, address, length, place};
use crate::call::{Call, Kind};
use crate::places::Place;
use crate::random::Random;
use crate::world::OBJECT_PAGES;

/// All that there is. `MADV_MERGEABLE` is not among it: Inarch says what a Linux without it says.
const ADVICE: [u32; 30] = [
    MADV_NORMAL,
    MADV_RANDOM,
    MADV_SEQUENTIAL,
    MADV_WILLNEED,
    MADV_DONTNEED,
    MADV_DONTNEED,
    MADV_FREE,
    MADV_FREE,
    MADV_REMOVE,
    MADV_DONTFORK,
    MADV_DOFORK,
    MADV_HUGEPAGE,
    MADV_NOHUGEPAGE,
    MADV_DONTDUMP,
    MADV_DODUMP,
    MADV_WIPEONFORK,
    MADV_KEEPONFORK,
    MADV_COLD,
    MADV_PAGEOUT,
    MADV_POPULATE_READ,
    MADV_POPULATE_WRITE,
    MADV_POPULATE_WRITE,
    MADV_DONTNEED_LOCKED,
    MADV_COLLAPSE,
    MADV_GUARD_INSTALL,
    MADV_GUARD_INSTALL,
    MADV_GUARD_REMOVE,
    5,
    26,
    u32::MAX,
];

/// Any advice.
pub(super) fn any_advice(random: &mut Random) -> Call {
    let advice = random.one_of(&ADVICE.map(u64::from));
    Call::new(Kind::Madvise, &[address(random), length(random), advice])
}

/// Pages that nobody may touch, or may again.
pub(super) fn guard(random: &mut Random) -> Call {
    let advice = random.one_of(&[MADV_GUARD_INSTALL, MADV_GUARD_INSTALL, MADV_GUARD_REMOVE].map(u64::from));
    Call::new(Kind::Madvise, &[place(random), usual::pages(random), advice])
}

/// Advice by way of a descriptor of the process.
pub(super) fn advise_oneself(random: &mut Random) -> Call {
    let advice = random.one_of(&ADVICE.map(u64::from));
    let flags = u64::from(random.once_in(10));
    Call::new(
        Kind::ProcessMadvise,
        &[address(random), length(random), advice, flags],
    )
}

/// What a machine with one node and without keys answers.
pub(super) fn policy(random: &mut Random) -> Call {
    let (at, length) = (address(random), length(random));
    match random.below(2) {
        0 => {
            let mode = random.one_of(&[0, 0, 1, 2, 3, 4, 4, 5, 6, 7, 0x8000, 0x4000]);
            Call::new(
                Kind::Mbind,
                &[at, length, mode, random.one_of(&[0, 0, 1, 2, 4, 8])],
            )
        }
        _ => {
            let key = random.one_of(&[u64::MAX, u64::MAX, 0, 1, 16]);
            Call::new(Kind::PkeyMprotect, &[at, length, usual::prot(random), key])
        }
    }
}

/// Mappings with flags of which a program seldom makes use.
pub(super) fn special_mmap(random: &mut Random) -> Call {
    let (at, length) = (place(random), usual::pages(random));
    let droppable = u64::from(MAP_DROPPABLE | MAP_ANONYMOUS | MAP_FIXED);
    let kind = random.one_of(&[
        PRIVATE,
        PRIVATE,
        droppable,
        u64::from(MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED),
    ]);
    let extra = [
        0,
        MAP_LOCKED,
        MAP_LOCKED,
        MAP_NORESERVE,
        MAP_POPULATE,
        MAP_POPULATE | MAP_NONBLOCK,
        MAP_SYNC,
    ];
    let flags = kind | random.one_of(&extra.map(u64::from));
    Call::new(Kind::Mmap, &[at, length, usual::prot(random), flags, NOTHING, 0])
}

/// A mapping that grows downwards.
pub(super) fn stack(random: &mut Random) -> Call {
    let flags = PRIVATE | u64::from(MAP_GROWSDOWN);
    let flags = flags | random.one_of(&[0, 0, 0, MAP_LOCKED, MAP_STACK].map(u64::from));
    // The guard below a stack is 256 pages: most of them lie above the other places.
    let at = match random.once_in(3) {
        true => place(random),
        false => Place::Arena.page(1300 + random.below(40)),
    };
    Call::new(
        Kind::Mmap,
        &[
            at,
            usual::pages(random),
            random.one_of(&[R | W, R | W, R]),
            flags,
            NOTHING,
            0,
        ],
    )
}

/// Changes an object's length.
pub(super) fn truncate(random: &mut Random) -> Call {
    let inside = match random.once_in(4) {
        true => random.below(PAGE),
        false => 0,
    };
    let length = random.below(OBJECT_PAGES + 8) * PAGE + inside;
    Call::new(Kind::Truncate, &[random.below(2), length])
}

/// Asks that pages are written out.
pub(super) fn sync(random: &mut Random) -> Call {
    Call::new(Kind::Msync, &[address(random), length(random), random.below(9)])
}

/// A mapping of `/dev/zero`.
pub(super) fn zero(random: &mut Random) -> Call {
    let kind = random.one_of(&[MAP_PRIVATE, MAP_PRIVATE, MAP_SHARED].map(u64::from)) | u64::from(MAP_FIXED);
    let offset = random.below(4) * PAGE;
    Call::new(
        Kind::Mmap,
        &[place(random), usual::pages(random), R | W, kind, 2, offset],
    )
}

/// Maps another part of an object at a place, the old way.
pub(super) fn remap(random: &mut Random) -> Call {
    let prot = if random.once_in(5) { R } else { 0 };
    let page = random.below(OBJECT_PAGES + 4);
    let flags = if random.once_in(8) {
        u64::from(MAP_NONBLOCK)
    } else {
        0
    };
    Call::new(
        Kind::RemapFilePages,
        &[address(random), length(random), prot, page, flags],
    )
}
