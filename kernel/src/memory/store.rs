//! The memory that is kept for kernels that come over the serial line. Nobody else in this kernel has it.

use core::sync::atomic::{AtomicBool, Ordering::SeqCst};
use hardware::{PhysRange, RangeSet};
use mm::PhysAddr;

use super::{image, linear};
use crate::board;
use crate::sync::Once;

/// What it begins at and has: multiples of this, in bytes.
const ALIGNMENT: u64 = 2 << 20;
/// The least that is of use, and the most: 128 MiB take three hours at 115,200 baud.
const LEAST: u64 = 32 << 20;
const MOST: u64 = 128 << 20;

static STORE: Once<PhysRange> = Once::new();

/// How large a slot for a kernel is, in bytes: its image, what that needs behind its file, and a device tree. There are two, at the front
/// of the store: one may be this kernel's own.
const SLOT: u64 = 8 << 20;

/// The memory in its parts.
pub(crate) struct Store {
    /// All of it.
    pub(crate) range: PhysRange,
    /// Where the next kernel is to run.
    pub(crate) slot: Piece,
    /// The rest, with all that a kernel before has left there.
    pub(crate) rest: Piece,
}

/// A piece of the memory.
pub(crate) struct Piece {
    /// Where it is.
    pub(crate) start: PhysAddr,
    /// Its bytes.
    pub(crate) bytes: &'static mut [u8],
}

/// Chooses it, if the command line asks for any: what the kernel before has chosen, or the end of the first half of the first piece of
/// free memory that is large enough. On a Raspberry Pi that is where its firmware reaches.
pub(super) fn choose(mapped: &RangeSet, free: &RangeSet) -> Option<PhysRange> {
    let line = board::command_line();
    let store = match line.again {
        Some(again) => {
            let fits = mapped.covers(again) && again.narrowed(ALIGNMENT) == again && again.len() >= LEAST;
            fits.then_some(again)
        }
        None if line.push => free.iter().find_map(|piece| {
            let half = (piece.len() / 2).min(MOST) & !(ALIGNMENT - 1);
            let end = piece.end.get() & !(ALIGNMENT - 1);
            (half >= LEAST).then(|| PhysRange::new(end - half, end))
        }),
        None => return None,
    };
    match store {
        Some(store) => Some(*STORE.call_once(|| store)),
        None => {
            log::warn!("no memory is kept for the next kernel");
            None
        }
    }
}

/// Whether there is any.
pub(crate) fn has_store() -> bool {
    STORE.is_completed()
}

/// Takes it; `None` where there is none, and the second time.
///
/// # Safety
///
/// Nothing else of this kernel goes on, and nobody looks at the program's archive any more, which may lie in it.
pub(crate) unsafe fn take_store() -> Option<Store> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    let range = *STORE.get()?;
    if TAKEN.swap(true, SeqCst) {
        return None;
    }
    let (first, second) = (range.start, range.start + SLOT);
    let own = PhysRange::from_len(first.get(), SLOT).is_some_and(|slot| slot.overlaps(image()));
    let piece = |start: PhysAddr, end: PhysAddr| {
        // SAFETY: the piece is RAM in the linear map that `layout` gave to nobody else, this kernel doesn't run there, it is taken once, and
        // the two that are taken don't overlap. By the caller's promise nobody reads the archive in it.
        let bytes =
            unsafe { core::slice::from_raw_parts_mut(linear::address_of(start), (end - start) as usize) };
        Piece { start, bytes }
    };
    let slot = if own { second } else { first };
    Some(Store {
        range,
        slot: piece(slot, slot + SLOT),
        rest: piece(second + SLOT, range.end),
    })
}
