//! The memory calls, raw: addresses and flags in, address or error out.
//!
//! For memory in which no Rust object can lie, [`scratch`](crate::scratch) has the same calls without `unsafe`.

use crate::{Errno, syscall};

/// `mmap(2)` of anonymous memory or, with `fd`, of a file from offset 0 on.
///
/// # Safety
/// A mapping that replaces another (`MAP_FIXED`) must not replace memory that a Rust object lies in.
pub unsafe fn mmap(at: usize, length: usize, prot: u32, flags: u32, fd: Option<i32>) -> Result<usize, Errno> {
    // SAFETY: as the caller vouches.
    unsafe { syscall!(__NR_mmap, at, length, prot, flags, fd.unwrap_or(-1) as isize, 0) }
}

/// `munmap(2)`.
///
/// # Safety
/// No Rust object lies in the range.
pub unsafe fn munmap(at: usize, length: usize) -> Result<(), Errno> {
    // SAFETY: as the caller vouches.
    unsafe { syscall!(__NR_munmap, at, length) }.map(drop)
}

/// `mprotect(2)`.
///
/// # Safety
/// No Rust object lies in the range that the new protection would shut out.
pub unsafe fn mprotect(at: usize, length: usize, prot: u32) -> Result<(), Errno> {
    // SAFETY: as the caller vouches.
    unsafe { syscall!(__NR_mprotect, at, length, prot) }.map(drop)
}

/// `mremap(2)`; gives the address of the new place.
///
/// # Safety
/// No Rust object lies in the old range, nor, with `MREMAP_FIXED`, in the new one.
#[inline(always)]
pub unsafe fn mremap(
    old: usize,
    old_length: usize,
    new_length: usize,
    flags: u32,
    new: usize,
) -> Result<usize, Errno> {
    // SAFETY: as the caller vouches.
    unsafe { syscall!(__NR_mremap, old, old_length, new_length, flags, new) }
}

/// `madvise(2)`.
///
/// # Safety
/// No Rust object lies in the range if the advice drops its contents.
pub unsafe fn madvise(at: usize, length: usize, advice: u32) -> Result<(), Errno> {
    // SAFETY: as the caller vouches.
    unsafe { syscall!(__NR_madvise, at, length, advice) }.map(drop)
}

/// `mincore(2)`: one byte a page into `pages`, whose lowest bit says that the page is resident.
pub fn mincore(at: usize, length: usize, pages: &mut [u8]) -> Result<(), Errno> {
    assert!(
        pages.len() >= length.div_ceil(crate::PAGE),
        "mincore needs a byte for each page"
    );
    // SAFETY: the kernel writes a byte for each page of the range, and there is room.
    unsafe { syscall!(__NR_mincore, at, length, pages.as_mut_ptr()) }.map(drop)
}

/// `mlock2(2)`.
pub fn mlock2(at: usize, length: usize, flags: u32) -> Result<(), Errno> {
    // SAFETY: brings pages in, and changes none.
    unsafe { syscall!(__NR_mlock2, at, length, flags) }.map(drop)
}

/// `munlock(2)`.
pub fn munlock(at: usize, length: usize) -> Result<(), Errno> {
    // SAFETY: changes no memory.
    unsafe { syscall!(__NR_munlock, at, length) }.map(drop)
}

/// `mlockall(2)`.
pub fn mlockall(flags: u32) -> Result<(), Errno> {
    // SAFETY: brings pages in, and changes none.
    unsafe { syscall!(__NR_mlockall, flags) }.map(drop)
}

/// `munlockall(2)`.
pub fn munlockall() -> Result<(), Errno> {
    // SAFETY: changes no memory.
    unsafe { syscall!(__NR_munlockall) }.map(drop)
}

/// `mseal(2)`.
pub fn mseal(at: usize, length: usize, flags: u32) -> Result<(), Errno> {
    // SAFETY: changes no memory.
    unsafe { syscall!(__NR_mseal, at, length, flags) }.map(drop)
}

/// `msync(2)`.
pub fn msync(at: usize, length: usize, flags: u32) -> Result<(), Errno> {
    // SAFETY: changes no memory.
    unsafe { syscall!(__NR_msync, at, length, flags) }.map(drop)
}
