//! Calls that Linux 6.18 on another processor answers as 7.3 on arm64 does.

use rt::linux::general::*;

use super::PAGE;
use super::usual::DONTUNMAP;
use crate::call::{Call, Format, Kind};

/// From here on addresses and lengths are beyond what other processors have, or tags.
const LIMIT: u64 = 1 << 46;

/// How many objects are files; `/dev/zero` comes behind them.
const OBJECTS: u64 = 2;
/// What `MADV_COLLAPSE` makes.
const BLOCK: u64 = 2 << 20;

/// Makes a call one of these.
pub(super) fn make(call: &mut Call) {
    match call.kind {
        // What merges behind it is another matter there.
        Kind::Mremap => call.words[3] &= !DONTUNMAP,
        // And so is whether private mappings of a file merge in which pages were copied.
        Kind::Mmap if is_private_file(call) => call.words[3] ^= u64::from(MAP_PRIVATE | MAP_SHARED),
        // A limit of 0 is none as long as no data is in use, and a program for that computer always has some.
        Kind::Limit if call.words[..2] == [RLIMIT_DATA.into(), 0] => call.words[1] = 1,
        // Shared pages that nobody has written go on Linux: here that is known. After advice on a part of a block that it is cold, 6.18 tells
        // less of it in `smaps`; and blocks where there is room for none are an error there.
        Kind::Madvise | Kind::ProcessMadvise if is_cold(call) || is_collapse_of_less(call) => {
            call.words[2] = MADV_WILLNEED.into();
        }
        // Whether advice on nothing is looked at.
        Kind::ProcessMadvise if call.words[1] == 0 => call.words[1] = PAGE,
        _ => {}
    }
    for (word, format) in call.words.iter_mut().zip(call.kind.formats()) {
        let is_size = matches!(format, Format::Address | Format::Hex);
        // Lengths that wrap are the same everywhere.
        if is_size && *word >= LIMIT && *word < 1 << 62 {
            *word &= LIMIT - 1;
        }
    }
}

fn is_private_file(call: &Call) -> bool {
    let flags = call.words[3] as u32;
    call.words[4] < OBJECTS && flags & MAP_ANONYMOUS == 0 && flags & MAP_SHARED_VALIDATE == MAP_PRIVATE
}

fn is_cold(call: &Call) -> bool {
    matches!(call.words[2] as u32, MADV_COLD | MADV_PAGEOUT)
}

fn is_collapse_of_less(call: &Call) -> bool {
    let [start, length, advice, ..] = call.words;
    let first = start.checked_next_multiple_of(BLOCK);
    let has_block = first.is_some_and(|first| start.saturating_add(length).saturating_sub(first) >= BLOCK);
    advice as u32 == MADV_COLLAPSE && !has_block
}
