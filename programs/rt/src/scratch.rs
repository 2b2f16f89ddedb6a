//! Memory calls and accesses on addresses where no Rust object can lie.
//!
//! Built for the board's target, a program has no heap: its objects lie in its image and on its stack. A range that
//! touches neither holds raw memory, so mapping, moving and unmapping it breaks no rule of Rust, and its words are
//! read and written by volatile accesses: at worst they fault, and end the program. Every function here checks that its
//! range is of that kind and panics where it isn't. On a host, where a C library has a heap, use [`crate::memory`].

#![cfg(target_os = "none")]

use core::ptr;

use crate::linux::general::{AT_FDCWD, CLOCK_MONOTONIC, MAP_FIXED, MREMAP_FIXED, O_PATH};
use crate::start::stack_top;
use crate::{Errno, PAGE, memory};

/// How far below its top the stack can reach: Linux's limit on it.
const STACK: usize = 8 << 20;

unsafe extern "C" {
    // Made by the linker: the image's first byte, and the byte after its last.
    static __executable_start: u8;
    static _end: u8;
}

/// Whether no Rust object can lie in the range.
pub fn is_raw(at: usize, length: usize) -> bool {
    let overlaps = |start: usize, end: usize| at < end && start < at.saturating_add(length);
    let image = (&raw const __executable_start).addr()..(&raw const _end).addr();
    let top = stack_top();
    !overlaps(image.start, image.end) && !overlaps(top - STACK, top)
}

fn check(at: usize, length: usize) {
    assert!(
        is_raw(at, length),
        "{at:#x}, {length:#x} bytes, may hold objects of the program"
    );
}

/// `mmap(2)` of anonymous memory or, with `fd`, of a file from offset 0 on.
pub fn mmap(at: usize, length: usize, prot: u32, flags: u32, fd: Option<i32>) -> Result<usize, Errno> {
    // Without MAP_FIXED the address is a hint, and the kernel takes a place where nothing is.
    if flags & MAP_FIXED != 0 {
        check(at, length);
    }
    // SAFETY: no Rust object lies in the range, see the module.
    unsafe { memory::mmap(at, length, prot, flags, fd) }
}

/// `munmap(2)`.
pub fn munmap(at: usize, length: usize) -> Result<(), Errno> {
    check(at, length);
    // SAFETY: no Rust object lies in the range, see the module.
    unsafe { memory::munmap(at, length) }
}

/// `mprotect(2)`.
pub fn mprotect(at: usize, length: usize, prot: u32) -> Result<(), Errno> {
    check(at, length);
    // SAFETY: no Rust object lies in the range, see the module.
    unsafe { memory::mprotect(at, length, prot) }
}

/// `mremap(2)`; gives the address of the new place.
pub fn mremap(
    old: usize,
    old_length: usize,
    new_length: usize,
    flags: u32,
    new: usize,
) -> Result<usize, Errno> {
    check(old, old_length);
    if flags & MREMAP_FIXED != 0 {
        check(new, new_length);
    }
    // SAFETY: no Rust object lies in either range, see the module.
    unsafe { memory::mremap(old, old_length, new_length, flags, new) }
}

/// `madvise(2)`.
pub fn madvise(at: usize, length: usize, advice: u32) -> Result<(), Errno> {
    check(at, length);
    // SAFETY: no Rust object lies in the range, see the module.
    unsafe { memory::madvise(at, length, advice) }
}

/// Reads the word at `at`.
pub fn read(at: usize) -> u64 {
    check(at, 8);
    assert!(at.is_multiple_of(8), "{at:#x} is not aligned");
    // SAFETY: aligned, and no Rust object lies there: the access gives a word or faults.
    unsafe { ptr::with_exposed_provenance::<u64>(at).read_volatile() }
}

/// Writes a word to `at`.
pub fn write(at: usize, value: u64) {
    check(at, 8);
    assert!(at.is_multiple_of(8), "{at:#x} is not aligned");
    // SAFETY: aligned, and no Rust object lies there: the access changes a word or faults.
    unsafe { ptr::with_exposed_provenance_mut::<u64>(at).write_volatile(value) }
}

/// The words of page `index` of a region: different in every page, and in its first and last word.
fn marks(index: usize, salt: u64) -> (u64, u64) {
    let mark = (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt;
    (mark, !mark)
}

/// Writes marks that depend on the page's index to the first and last word of every page.
pub fn fill(at: usize, pages: usize, salt: u64) {
    for index in 0..pages {
        let (first, last) = marks(index, salt);
        write(at + index * PAGE, first);
        write(at + index * PAGE + PAGE - 8, last);
    }
}

/// Counts the pages, from the first on, that hold the marks of [`fill`]; `pages` if all do.
pub fn marked(at: usize, pages: usize, salt: u64) -> usize {
    (0..pages)
        .take_while(|&index| is_marked(at + index * PAGE, index, salt))
        .count()
}

/// Whether the page at `at` holds the marks that [`fill`] gave to page `index` of its region.
pub fn is_marked(at: usize, index: usize, salt: u64) -> bool {
    (read(at), read(at + PAGE - 8)) == marks(index, salt)
}

/// Counts the pages, from the first on, whose first and last word are zero; `pages` if all are.
pub fn zero(at: usize, pages: usize) -> usize {
    (0..pages)
        .take_while(|index| read(at + index * PAGE) == 0 && read(at + index * PAGE + PAGE - 8) == 0)
        .count()
}

/// Whether the kernel can read the byte at `at` for this process: it is asked to take it for a path.
pub fn readable(at: usize) -> bool {
    // SAFETY: the kernel reads. `O_PATH` opens nothing that would be changed by it.
    match unsafe { crate::syscall!(__NR_openat, AT_FDCWD, at, O_PATH, 0) } {
        // SAFETY: closes what has just been opened.
        Ok(fd) => unsafe { crate::syscall!(__NR_close, fd) }.is_ok(),
        Err(error) => error != Errno::EFAULT,
    }
}

/// Whether the kernel can write the word at `at` for this process: it is asked to put the time there.
pub fn writable(at: usize) -> bool {
    check(at, 16);
    // SAFETY: no Rust object lies in the range, see the module.
    unsafe { crate::syscall!(__NR_clock_gettime, CLOCK_MONOTONIC, at) }.is_ok()
}
