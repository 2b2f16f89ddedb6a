//! What speaks against moving: work that is as cheap without, or dearer after.

use core::arch::asm;
use core::hint::black_box;
use core::ptr;

use rt::{PAGE, scratch};

use crate::GIB;
use crate::measure::{Samples, measure};
use crate::moves::{just_move, measured_move};
use crate::region::{ANONYMOUS, RW, Region, away, find_room, map, touch, unmap};
use crate::stopped::{Stopped, by};

/// Pages that are in use while something else moves.
const HOT_PAGES: usize = 4096;

/// A page copied by the program itself: what the move of one page has to compete with.
pub(crate) fn copy_page() -> Result<Samples, Stopped> {
    Samples::take(|| {
        let from = scratch::mmap(0, 2 * PAGE, RW, ANONYMOUS, None).map_err(by("mmap"))?;
        touch(from, 2 * PAGE, PAGE);
        // SAFETY: both pages are freshly mapped, and no Rust object lies in them.
        let (sample, ()) = measure(|| unsafe { copy(from, from + PAGE) });
        unmap(from, 2)?;
        Ok(sample)
    })
}

/// Copies a page as fast as plain pairs of registers do.
///
/// # Safety
///
/// Both are whole pages in which no Rust object lies.
#[inline(always)]
unsafe fn copy(from: usize, to: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        asm!(
            "2: ldp {a}, {b}, [{from}], #16",
            "ldp {c}, {d}, [{from}], #16",
            "ldp {e}, {f}, [{from}], #16",
            "ldp {g}, {h}, [{from}], #16",
            "stp {a}, {b}, [{to}], #16",
            "stp {c}, {d}, [{to}], #16",
            "stp {e}, {f}, [{to}], #16",
            "stp {g}, {h}, [{to}], #16",
            "subs {lines}, {lines}, #1",
            "b.ne 2b",
            from = inout(reg) from => _, to = inout(reg) to => _, lines = inout(reg) PAGE / 64 => _,
            a = out(reg) _, b = out(reg) _, c = out(reg) _, d = out(reg) _,
            e = out(reg) _, f = out(reg) _, g = out(reg) _, h = out(reg) _,
            options(nostack),
        );
    }
}

/// Every page of `length` bytes read once; with `moved`, after a move by a page that is part of the figure.
pub(crate) fn touch_all(region: &mut Region, length: usize, moved: bool) -> Result<Samples, Stopped> {
    let home = region.filled(length, PAGE)?;
    let away = away(home, length, PAGE);
    Samples::take(|| {
        if !moved {
            return Ok(measure(|| read_pages(home, length)).0);
        }
        let (sample, answer) = measure(|| {
            let answer = scratch::mremap(home, length, length, 3, away);
            read_pages(away, length);
            answer
        });
        answer.map_err(by("mremap"))?;
        just_move(away, length, home)?;
        Ok(sample)
    })
}

/// Pages in use read again; with `flushed`, after the move of a range so large that the whole address space is flushed, which is
/// part of the figure.
pub(crate) fn touch_hot(region: &mut Region, flushed: bool) -> Result<Samples, Stopped> {
    let length = HOT_PAGES * PAGE;
    let hot = region.filled(length, PAGE)?;
    if !flushed {
        return Samples::take(|| Ok(measure(|| read_pages(hot, length)).0));
    }
    const SPAN: usize = 128 * GIB;
    let home = find_room(SPAN)?;
    map(home, SPAN)?;
    touch(home, PAGE, PAGE);
    let away = away(home, SPAN, 0);
    let samples = Samples::take(|| {
        let (sample, answer) = measure(|| {
            let answer = scratch::mremap(home, SPAN, SPAN, 3, away);
            read_pages(hot, length);
            answer
        });
        answer.map_err(by("mremap"))?;
        just_move(away, SPAN, home)?;
        Ok(sample)
    });
    scratch::munmap(home, SPAN).map_err(by("munmap"))?;
    samples
}

/// One page moved: the least there is to move.
pub(crate) fn move_pages(count: usize) -> Result<Samples, Stopped> {
    let length = count * PAGE;
    let home = find_room(length)?;
    map(home, length)?;
    touch(home, length, PAGE);
    let away = away(home, length, PAGE);
    let samples = Samples::take(|| {
        let sample = measured_move(home, length, away, 0)?;
        just_move(away, length, home)?;
        Ok(sample)
    });
    unmap(home, count)?;
    samples
}

/// Reads a word of each page.
#[inline(always)]
fn read_pages(at: usize, length: usize) {
    for page in (at..at + length).step_by(PAGE) {
        // SAFETY: the caller's memory, in which no Rust object lies.
        black_box(unsafe { ptr::with_exposed_provenance::<u64>(page).read_volatile() });
    }
}
