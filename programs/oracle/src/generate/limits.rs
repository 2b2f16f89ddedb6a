//! Locks, seals, limits, the heap, and memory that there is not.

use rt::linux::general::*;

use super::PAGE;
use super::usual::{self, DONTUNMAP, MAYMOVE, NOTHING, PRIVATE, R, TO, W, address, length};
use crate::call::{Call, Kind};
use crate::places::Place;
use crate::random::Random;

/// Locks or unlocks some pages.
pub(super) fn lock(random: &mut Random) -> Call {
    let (at, length) = (address(random), length(random));
    match random.below(6) {
        0 | 1 => Call::new(Kind::Mlock, &[at, length]),
        2 | 3 => {
            let on_fault = u64::from(MLOCK_ONFAULT);
            Call::new(
                Kind::Mlock2,
                &[at, length, random.one_of(&[0, on_fault, on_fault, on_fault, 2])],
            )
        }
        _ => Call::new(Kind::Munlock, &[at, length]),
    }
}

/// Locks or unlocks everything, now or from now on.
pub(super) fn lock_all(random: &mut Random) -> Call {
    let flags = [MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT].map(u64::from);
    match random.below(3) {
        0 => Call::new(Kind::Munlockall, &[]),
        1 => Call::new(Kind::Mlockall, &[flags[1] | random.one_of(&[0, flags[2]])]),
        _ => Call::new(Kind::Mlockall, &[random.below(9)]),
    }
}

/// Limits locked memory.
pub(super) fn locked_limit(random: &mut Random) -> Call {
    let pages = random.one_of(&[0, 4, 8, 16, 32, 1 << 40]);
    Call::new(Kind::Limit, &[RLIMIT_MEMLOCK.into(), pages])
}

/// Limits the address space or the data.
pub(super) fn limit(random: &mut Random) -> Call {
    let resource = random.one_of(&[RLIMIT_AS, RLIMIT_AS, RLIMIT_DATA].map(u64::from));
    Call::new(
        Kind::Limit,
        &[resource, random.one_of(&[0, 2, 4, 8, 16, 1 << 40])],
    )
}

/// Seals some pages.
pub(super) fn seal(random: &mut Random) -> Call {
    let flags = u64::from(random.once_in(20));
    let length = match random.once_in(3) {
        true => length(random),
        false => (1 + random.below(2)) * PAGE,
    };
    Call::new(Kind::Mseal, &[address(random), length, flags])
}

/// Leaves room for a few mappings more.
pub(super) fn room(random: &mut Random) -> Call {
    Call::new(
        Kind::Room,
        &[random.one_of(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 1000])],
    )
}

/// Moves the heap's end.
pub(super) fn brk(random: &mut Random) -> Call {
    let inside = match random.once_in(5) {
        true => 1 + random.below(PAGE - 1),
        false => 0,
    };
    let at = match random.below(20) {
        0 => 0,
        1 => Place::Heap.page(0) - PAGE,
        2 => Place::Heap.page(300),
        _ => Place::Heap.page(random.below(20)) + inside,
    };
    Call::new(Kind::Brk, &[at])
}

/// Something that happens to a part of the heap.
pub(super) fn in_heap(random: &mut Random) -> Call {
    let (at, length) = (Place::Heap.page(random.below(20)), usual::pages(random));
    match random.below(5) {
        0 => Call::new(Kind::Munmap, &[at, length]),
        1 => Call::new(Kind::Mlock, &[at, length]),
        2 => {
            let advice = random.one_of(&[MADV_DONTNEED, MADV_DONTDUMP, MADV_POPULATE_WRITE].map(u64::from));
            Call::new(Kind::Madvise, &[at, length, advice])
        }
        _ => Call::new(Kind::Mprotect, &[at, length, usual::prot(random)]),
    }
}

/// Calls on more memory than the machine has, or nearly; none of them touches any.
pub(super) fn vast(random: &mut Random) -> Call {
    const GIB: u64 = 1 << 30;
    let size = |random: &mut Random| random.one_of(&[16 * PAGE, GIB, GIB, 5 * GIB, 6 * GIB]);
    let at = |random: &mut Random| Place::Annex.page(0) + random.below(14) * GIB;
    let noreserve = u64::from(MAP_NORESERVE);
    match random.below(6) {
        0..=2 => {
            let flags = PRIVATE | random.one_of(&[0, noreserve]);
            let shared = u64::from(MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED);
            let flags = random.one_of(&[flags, flags, flags, shared]);
            let length = size(random).min(2 * GIB) + random.below(2) * size(random);
            let prot = random.one_of(&[R | W, R | W, R, 0]);
            Call::new(
                Kind::Mmap,
                &[at(random), length.min(2 * GIB), prot, flags, NOTHING, 0],
            )
        }
        3 | 4 => {
            let old_length = size(random);
            let new_length = if random.once_in(3) {
                old_length
            } else {
                size(random)
            };
            let flags = random.one_of(&[0, MAYMOVE, TO, MAYMOVE | DONTUNMAP, TO | DONTUNMAP]);
            Call::new(
                Kind::Mremap,
                &[at(random), old_length, new_length, flags, at(random)],
            )
        }
        _ => Call::new(
            Kind::Mprotect,
            &[
                at(random),
                size(random).min(2 * GIB),
                random.one_of(&[R | W, R, 0]),
            ],
        ),
    }
}
