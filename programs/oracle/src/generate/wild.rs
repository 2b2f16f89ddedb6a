//! Calls with wild arguments: numbers around all the limits that there are, and numbers without any sense.

use rt::linux::general::{
    MADV_HWPOISON, MADV_MERGEABLE, MADV_SOFT_OFFLINE, MADV_UNMERGEABLE, MAP_HUGETLB, MAP_NORESERVE,
};

use super::PAGE;
use super::clip::{self, untag};
use super::usual;
use crate::call::{Call, Format, Kind};
use crate::places::Place;
use crate::random::Random;

/// The calls of the family.
const KINDS: [Kind; 18] = [
    Kind::Mmap,
    Kind::Mmap,
    Kind::Munmap,
    Kind::Mprotect,
    Kind::Mremap,
    Kind::Mremap,
    Kind::Mremap,
    Kind::Madvise,
    Kind::Mincore,
    Kind::Mlock,
    Kind::Mlock2,
    Kind::Munlock,
    Kind::Msync,
    Kind::RemapFilePages,
    Kind::PkeyMprotect,
    Kind::ProcessMadvise,
    Kind::Mbind,
    Kind::Raw,
];

/// Numbers around which rules change.
const EDGES: [u64; 16] = [
    0,
    PAGE,
    0x1_0000,
    1 << 21,
    1 << 31,
    1 << 32,
    1 << 39,
    1 << 47,
    1 << 48,
    1 << 52,
    1 << 55,
    1 << 56,
    1 << 63,
    0xffff << 48,
    u64::MAX << 12,
    u64::MAX,
];

/// The end of the address space.
const TOP: u64 = 1 << 48;
/// Numbers of system calls that there are not, and will not be soon.
const NO_CALLS: [u64; 6] = [244, 600, 4095, 1 << 31, u32::MAX as u64, u64::MAX];

/// A call with wild arguments.
pub(super) fn call(random: &mut Random) -> Call {
    let kind = KINDS[random.below(KINDS.len() as u64) as usize];
    let mut call = Call::new(kind, &[]);
    for (word, format) in call.words.iter_mut().zip(kind.formats()) {
        *word = match format {
            Format::Address => wild_address(random),
            Format::Hex | Format::Number => wild_length(random),
            Format::Bits(names) | Format::Value(names) | Format::Half(names) => {
                let named = names[random.below(names.len() as u64) as usize].1;
                let other = names[random.below(names.len() as u64) as usize].1;
                match random.below(8) {
                    0 => wild_number(random),
                    1 => named | 1 << random.below(64),
                    2 => named,
                    _ => named | other,
                }
            }
        };
    }
    if kind == Kind::Raw {
        call.words[0] = NO_CALLS[random.below(NO_CALLS.len() as u64) as usize];
    }
    if matches!(kind, Kind::Madvise | Kind::ProcessMadvise) && is_answered_otherwise(call.words[2]) {
        call.words[2] = 0;
    }
    if kind == Kind::Mmap && call.words[3] & u64::from(MAP_HUGETLB) != 0 {
        // Linux would map huge pages that can never be there.
        call.words[3] &= !u64::from(MAP_NORESERVE);
    }
    clip::to_arena(&mut call);
    match is_harmless(&call) {
        true => call,
        false => usual::mremap(random),
    }
}

/// Whether it is advice to merge equal pages, or to feign errors of the machine's memory: Inarch answers as a Linux that was built without.
/// The kernel looks at the lower half only.
fn is_answered_otherwise(advice: u64) -> bool {
    matches!(
        advice as u32,
        MADV_MERGEABLE | MADV_UNMERGEABLE | MADV_HWPOISON | MADV_SOFT_OFFLINE
    )
}

fn wild_number(random: &mut Random) -> u64 {
    match random.below(4) {
        0 => random.next(),
        1 => random.next() >> random.below(64),
        _ => {
            let distance =
                random.one_of(&[0, 0, 1, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE, usual::SPREAD * PAGE]);
            let edge = random.one_of(&EDGES);
            match random.once_in(2) {
                true => edge.wrapping_add(distance),
                false => edge.wrapping_sub(distance),
            }
        }
    }
}

fn wild_address(random: &mut Random) -> u64 {
    match random.below(6) {
        0 | 1 => wild_number(random),
        2 => usual::place(random) | random.below(256) << 56,
        3 => usual::place(random) | 1 << random.below(64),
        4 => usual::address(random),
        _ => usual::place(random),
    }
}

fn wild_length(random: &mut Random) -> u64 {
    match random.below(3) {
        0 => wild_number(random),
        // Behind the last address, from somewhere in the arena.
        1 if random.once_in(3) => 0u64
            .wrapping_sub(usual::place(random))
            .wrapping_add(random.below(3) * PAGE),
        _ => usual::length(random),
    }
}

/// Whether the call leaves alone whatever lies outside of the arena.
fn is_harmless(call: &Call) -> bool {
    let [first, second, third, fourth, fifth, ..] = call.words;
    match call.kind {
        Kind::Raw => true,
        // What these do to the fence does no harm, and is put back; but whoever looks at the program finds it elsewhere on each system.
        Kind::Mincore | Kind::Mlock | Kind::Mlock2 | Kind::Munlock | Kind::Msync => is_far(first, second),
        Kind::Mremap => {
            is_ours(first, second)
                && (is_ours(fifth, third) || fourth & usual::TO != usual::TO)
                && !is_onto_itself(untag(first), second, fifth, third)
        }
        _ => is_ours(first, second),
    }
}

/// Whether a move is onto its own source, and its length is none, or wraps, so that the kernel does not see that: Linux then unmaps the
/// source with the target, and finds it no more. Here the call is refused before, and the source stays.
fn is_onto_itself(old: u64, old_length: u64, new: u64, new_length: u64) -> bool {
    let end = old.wrapping_add(old_length.wrapping_add(PAGE - 1) & !(PAGE - 1));
    end <= new.max(old) && new <= old && old - new <= new_length
}

/// Whether a range is no range of anybody's, or lies in the arena or the fence, far from both ends of the address space, where the
/// program itself is. A length whose rounding wraps is that of a page or of none.
fn is_far(at: u64, length: u64) -> bool {
    const NEAR: u64 = 1 << 40;
    let at = untag(at);
    let start = at & !(PAGE - 1);
    let rounded = (at - start).wrapping_add(length).wrapping_add(PAGE - 1) & !(PAGE - 1);
    let end = start.wrapping_add(rounded);
    start >= TOP || start >= NEAR && (end < start || end <= TOP - NEAR)
}

/// Whether a range lies in the arena, or is no range of anybody's.
fn is_ours(at: u64, length: u64) -> bool {
    let arena = Place::Arena.range();
    [at, untag(at)].into_iter().all(|at| {
        let start = at & !(PAGE - 1);
        let Some(end) = at
            .checked_add(length)
            .and_then(|end| end.checked_next_multiple_of(PAGE))
        else {
            // It wraps, or the rounding does: some calls take that for no length at all.
            return start >= TOP || arena.contains(&start);
        };
        start >= TOP || length == 0 || arena.start <= start && end <= arena.end
    })
}
