//! Work on whole pages: clear, copy, and move runs of descriptors.
//!
//! All of it is assembly: pages are shared with programs, which may write to them at any time, and runs of descriptors are what a move
//! of memory costs.

use super::cpu;
use core::sync::atomic::AtomicU32;
use mm::machine::{FrameWords, SharedDescriptors};

core::arch::global_asm!(include_str!("pages.s"));

unsafe extern "C" {
    fn page_clear_zva(start: *mut u8, end: *mut u8, line: usize);
    fn page_clear_plain(start: *mut u8, end: *mut u8);
    fn page_copy(to: *mut u8, from: *const u8);
    fn page_copy_bytes(to: *mut u8, from: *const u8, len: usize);
    fn page_move_descriptors(from: *const u64, to: *mut u64, count: usize);
    fn page_clear_descriptors(start: *mut u64, count: usize);
    fn page_share_descriptors(from: *mut u64, to: *mut u64, count: usize, how: *const Sharing) -> *mut u64;
}

/// The longest DC ZVA that the routine for it takes.
const LONGEST_ZVA: usize = 256;

/// Fills `len` bytes from `start` with zeros.
///
/// # Safety
/// `start` is aligned to 4096, `len` a multiple of it and not zero; the bytes are valid for writes, in Normal memory.
pub(crate) unsafe fn clear(start: *mut u8, len: usize) {
    let end = start.wrapping_add(len);
    match cpu::features().zva_size {
        // SAFETY: as the caller says, and DC ZVA clears naturally aligned lines of `line` bytes, a power of two.
        Some(line) if line <= LONGEST_ZVA => unsafe { page_clear_zva(start, end, line) },
        // SAFETY: as the caller says.
        _ => unsafe { page_clear_plain(start, end) },
    }
}

/// Copies a page.
///
/// # Safety
/// Both are aligned to 4096; the page at `from` is valid for reads, that at `to` for writes; they are not the same.
pub(crate) unsafe fn copy(to: *mut u8, from: *const u8) {
    // SAFETY: as the caller says.
    unsafe { page_copy(to, from) }
}

/// Copies bytes.
///
/// # Safety
/// `from` is valid for reads of `len` bytes, `to` for writes; they do not overlap.
pub(crate) unsafe fn copy_bytes(to: *mut u8, from: *const u8, len: usize) {
    // SAFETY: as the caller says.
    unsafe { page_copy_bytes(to, from, len) }
}

/// Moves `count` descriptors from `from` to `to`, the last first.
///
/// # Safety
/// Both runs are aligned to 8 and valid, and nothing else accesses them. Where they overlap, `to` lies above `from`.
pub(crate) unsafe fn move_descriptors(from: *const u64, to: *mut u64, count: usize) {
    // SAFETY: as the caller says.
    unsafe { page_move_descriptors(from, to, count) }
}

/// Fills `count` descriptors from `start` with zeros.
///
/// # Safety
/// They are aligned to 8 and valid for writes, and nothing else accesses them.
pub(crate) unsafe fn clear_descriptors(start: *mut u64, count: usize) {
    // SAFETY: as the caller says.
    unsafe { page_clear_descriptors(start, count) }
}

/// What the routine is told; it knows the places.
#[repr(C)]
struct Sharing {
    /// The words of frames, and the number of the first of them.
    words: *const AtomicU32,
    first: u64,
    /// Numbers of frames count from `first`: four from one below this on have words.
    limit: u64,
    how: SharedDescriptors,
}

/// Copies and changes the usual descriptors at the beginning of a run, while the words of their frames are 1, which become 2.
/// Answers how many there were.
///
/// # Safety
/// Both runs are aligned to 8, valid for `count` descriptors and apart, and nothing else accesses them or the words of frames that
/// they are the only ones to refer to.
pub(crate) unsafe fn share_descriptors(
    from: *mut u64,
    to: *mut u64,
    count: usize,
    how: &SharedDescriptors,
    words: FrameWords<'_>,
) -> usize {
    let (first, words) = words.parts();
    let sharing = Sharing {
        words: words.as_ptr(),
        first,
        limit: words.len().saturating_sub(3) as u64,
        how: *how,
    };
    // SAFETY: as the caller says; the routine looks at no words but those from `first` up to three past `limit`.
    let end = unsafe { page_share_descriptors(from, to, count, &raw const sharing) };
    (end.addr() - from.addr()) / size_of::<u64>()
}

#[cfg(feature = "ktest")]
mod tests;
