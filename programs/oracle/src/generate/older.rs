//! Calls that Linux 6.18 on another processor answers as 7.3 on arm64 does.

use rt::linux::general::{MADV_COLD, MADV_PAGEOUT};

use super::PAGE;
use super::usual::DONTUNMAP;
use crate::call::{Call, Format, Kind};

/// From here on addresses and lengths are beyond what other processors have, or tags.
const LIMIT: u64 = 1 << 46;

/// Makes a call one of these.
pub(super) fn make(call: &mut Call) {
    match call.kind {
        // What merges behind it is another matter there.
        Kind::Mremap => call.words[3] &= !DONTUNMAP,
        // Shared pages that nobody has written go on Linux: here that is known.
        Kind::Madvise | Kind::ProcessMadvise if call.words[2] == MADV_PAGEOUT.into() => {
            call.words[2] = MADV_COLD.into();
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
