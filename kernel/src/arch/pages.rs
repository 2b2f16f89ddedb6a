//! Work on whole pages: clear, copy, and move runs of descriptors.
//!
//! All of it is assembly: pages are shared with programs, which may write to them at any time, and runs of descriptors are what a move
//! of memory costs.

use super::cpu;
use core::arch::asm;
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

/// Clears bit 0 of descriptors that agree with `like` in the bits of `look`, from the first on, eight a round; answers how many there
/// were.
///
/// # Safety
/// The run is aligned to 8 and valid for `count` descriptors, and nothing but a walker accesses it. The hardware updates none that
/// agrees.
#[inline(always)]
pub(crate) unsafe fn detach_descriptors(start: *mut u64, count: usize, like: u64, look: u64) -> usize {
    let mut end = start;
    // SAFETY: as the caller says. Each half of a pair is written whole.
    unsafe {
        asm!(
            "subs   {left}, {left}, #8",
            "b.lo   3f",
            "2:",
            "ldp    {a}, {b}, [{end}]",
            "ldp    {c}, {d}, [{end}, #16]",
            "ldp    {e}, {f}, [{end}, #32]",
            "ldp    {g}, {h}, [{end}, #48]",
            "eor    {t}, {a}, {like}",
            "eor    {u}, {b}, {like}",
            "orr    {t}, {t}, {u}",
            "eor    {u}, {c}, {like}",
            "orr    {t}, {t}, {u}",
            "eor    {u}, {d}, {like}",
            "orr    {t}, {t}, {u}",
            "eor    {u}, {e}, {like}",
            "orr    {t}, {t}, {u}",
            "eor    {u}, {f}, {like}",
            "orr    {t}, {t}, {u}",
            "eor    {u}, {g}, {like}",
            "orr    {t}, {t}, {u}",
            "eor    {u}, {h}, {like}",
            "orr    {t}, {t}, {u}",
            "tst    {t}, {look}",
            "b.ne   3f",
            "and    {a}, {a}, #~1",
            "and    {b}, {b}, #~1",
            "and    {c}, {c}, #~1",
            "and    {d}, {d}, #~1",
            "and    {e}, {e}, #~1",
            "and    {f}, {f}, #~1",
            "and    {g}, {g}, #~1",
            "and    {h}, {h}, #~1",
            "stp    {a}, {b}, [{end}], #16",
            "stp    {c}, {d}, [{end}], #16",
            "stp    {e}, {f}, [{end}], #16",
            "stp    {g}, {h}, [{end}], #16",
            "subs   {left}, {left}, #8",
            "b.hs   2b",
            "3:",
            left = inout(reg) count => _,
            end = inout(reg) end,
            like = in(reg) like,
            look = in(reg) look,
            a = out(reg) _, b = out(reg) _, c = out(reg) _, d = out(reg) _,
            e = out(reg) _, f = out(reg) _, g = out(reg) _, h = out(reg) _,
            t = out(reg) _, u = out(reg) _,
            options(nostack),
        );
    }
    (end.addr() - start.addr()) / size_of::<u64>()
}

/// Moves descriptors, sets the bits of `set` in each, and fills where they were with zeros; answers whether there were zeros where
/// they are now.
///
/// # Safety
/// Both runs are aligned to 8, valid for `count` descriptors and apart, and nothing but a walker accesses them, which updates none.
#[inline(always)]
pub(crate) unsafe fn attach_descriptors(from: *mut u64, to: *mut u64, count: usize, set: u64) -> bool {
    let mut found: u64 = 0;
    // SAFETY: as the caller says. Each half of a pair is written whole.
    unsafe {
        asm!(
            "subs   {left}, {left}, #8",
            "b.lo   3f",
            "2:",
            "ldp    {a}, {b}, [{to}]",
            "ldp    {c}, {d}, [{to}, #16]",
            "ldp    {e}, {f}, [{to}, #32]",
            "ldp    {g}, {h}, [{to}, #48]",
            "orr    {a}, {a}, {b}",
            "orr    {c}, {c}, {d}",
            "orr    {e}, {e}, {f}",
            "orr    {g}, {g}, {h}",
            "orr    {a}, {a}, {c}",
            "orr    {e}, {e}, {g}",
            "orr    {found}, {found}, {a}",
            "orr    {found}, {found}, {e}",
            "ldp    {a}, {b}, [{from}]",
            "ldp    {c}, {d}, [{from}, #16]",
            "ldp    {e}, {f}, [{from}, #32]",
            "ldp    {g}, {h}, [{from}, #48]",
            "stp    xzr, xzr, [{from}], #16",
            "stp    xzr, xzr, [{from}], #16",
            "stp    xzr, xzr, [{from}], #16",
            "stp    xzr, xzr, [{from}], #16",
            "orr    {a}, {a}, {set}",
            "orr    {b}, {b}, {set}",
            "orr    {c}, {c}, {set}",
            "orr    {d}, {d}, {set}",
            "orr    {e}, {e}, {set}",
            "orr    {f}, {f}, {set}",
            "orr    {g}, {g}, {set}",
            "orr    {h}, {h}, {set}",
            "stp    {a}, {b}, [{to}], #16",
            "stp    {c}, {d}, [{to}], #16",
            "stp    {e}, {f}, [{to}], #16",
            "stp    {g}, {h}, [{to}], #16",
            "subs   {left}, {left}, #8",
            "b.hs   2b",
            "3:",
            "adds   {left}, {left}, #8",
            "b.eq   5f",
            "4:",
            "ldr    {a}, [{to}]",
            "ldr    {b}, [{from}]",
            "str    xzr, [{from}], #8",
            "orr    {found}, {found}, {a}",
            "orr    {b}, {b}, {set}",
            "str    {b}, [{to}], #8",
            "subs   {left}, {left}, #1",
            "b.ne   4b",
            "5:",
            left = inout(reg) count => _,
            from = inout(reg) from => _,
            to = inout(reg) to => _,
            set = in(reg) set,
            found = inout(reg) found,
            a = out(reg) _, b = out(reg) _, c = out(reg) _, d = out(reg) _,
            e = out(reg) _, f = out(reg) _, g = out(reg) _, h = out(reg) _,
            options(nostack),
        );
    }
    found == 0
}

#[cfg(feature = "ktest")]
mod tests;
