//! No call reaches out of the arena into what keeps the address space shut.

use super::PAGE;
use super::usual::TO;
use crate::call::{Call, Format, Kind};
use crate::places::Place;

/// Lengths from which on a range is no range at all, wherever it begins: such calls fail.
const SENSELESS: u64 = 1 << 48;

/// Shortens what would reach behind the arena's end.
pub(super) fn to_arena(call: &mut Call) {
    let words = &mut call.words;
    match (call.kind, call.kind.formats()) {
        (Kind::Mremap, _) => {
            let same = words[1] == words[2];
            words[1] = clip(untag(words[0]), words[1]);
            if same {
                words[2] = words[1];
            }
            if words[3] & TO == TO {
                words[4] = home(words[4]);
                words[2] = clip(words[4], words[2]);
            }
            if same {
                words[1] = words[2];
            }
            let is_empty = words[1].wrapping_add(PAGE - 1) < PAGE;
            if is_empty && untag(words[0]) == words[4] {
                // A duplicate onto itself loses the data on Linux, and is refused here.
                words[4] = home(words[4].wrapping_add(PAGE));
            }
            let (old, new) = (untag(words[0]), words[4]);
            let end = old.wrapping_add(words[1]);
            if end < old && end <= new && (new..new.saturating_add(words[2])).contains(&old) {
                // The same for a length that wraps, so that the kernel does not see that the two overlap.
                words[1] = words[2];
            }
        }
        (Kind::Stripes, _) => words[1] = clip(words[0], words[1] * PAGE) / PAGE,
        (_, [Format::Address, Format::Hex, ..]) => words[1] = clip(untag(words[0]), words[1]),
        _ => {}
    }
}

/// The address; one that lies beside the arena, at most as far as the arena is long, as far behind its start or before its end.
fn home(at: u64) -> u64 {
    let arena = Place::Arena.range();
    let size = arena.end - arena.start;
    match (arena.start - size..arena.end + size).contains(&at) {
        true => arena.start + at.wrapping_sub(arena.start) % size,
        false => at,
    }
}

/// The length, or as much of it as the arena has, or the first page of all, which is free for each script.
fn clip(at: u64, length: u64) -> u64 {
    let (arena, first) = (Place::Arena.range(), 0..PAGE);
    match [arena, first].into_iter().find(|place| place.contains(&at)) {
        Some(place) if length < SENSELESS => length.min(place.end - at),
        _ => length,
    }
}

/// Without a tag, which arm64 ignores.
pub(super) fn untag(address: u64) -> u64 {
    match address & 1 << 55 {
        0 => address & !(0xff << 56),
        _ => address,
    }
}
