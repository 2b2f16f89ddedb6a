//! The program's memory, byte by byte: what lies at an address is an allegation until it has been copied.
//!
//! A copy takes page faults like the program itself: the fault handler asks `process::resolve_user_access`, and where that says no the
//! routine ends early. So no lock that a page fault takes may be held around one.

use mm::TASK_SIZE;

core::arch::global_asm!(include_str!("user.s"));

unsafe extern "C" {
    fn user_copy_in(to: *mut u8, from: u64, len: usize) -> usize;
    fn user_copy_out(to: u64, from: *const u8, len: usize) -> usize;
    fn user_clear(to: u64, len: usize) -> usize;
    fn user_copy_string(to: *mut u8, from: u64, room: usize) -> isize;
    static __user_fixups_start: Fixup;
    static __user_fixups_end: Fixup;
}

/// Part of the program's memory can't be accessed as asked: `EFAULT`, unless a call gives what it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Inaccessible {
    /// How many bytes were copied before. Up to 31 more may have been accessible.
    pub(crate) done: usize,
}

/// Copies the program's bytes at `from` into `to`.
///
/// # Errors
/// Where some of them can't be read, or don't lie in the program's half.
pub(crate) fn copy_in(to: &mut [u8], from: u64) -> Result<(), Inaccessible> {
    check(from, to.len())?;
    // SAFETY: the routine writes `to.len()` bytes to `to` at most; it reads the program's memory only as EL0 may.
    let left = unsafe { user_copy_in(to.as_mut_ptr(), from, to.len()) };
    outcome(to.len(), left)
}

/// Copies `from` to the program's memory at `to`.
///
/// # Errors
/// Where some of it can't be written, or doesn't lie in the program's half.
pub(crate) fn copy_out(to: u64, from: &[u8]) -> Result<(), Inaccessible> {
    check(to, from.len())?;
    // SAFETY: the routine reads `from.len()` bytes of `from` at most; it writes the program's memory only as EL0 may.
    let left = unsafe { user_copy_out(to, from.as_ptr(), from.len()) };
    outcome(from.len(), left)
}

/// Fills `len` bytes of the program's memory at `to` with zeros.
///
/// # Errors
/// As [`copy_out`].
pub(crate) fn clear(to: u64, len: usize) -> Result<(), Inaccessible> {
    check(to, len)?;
    // SAFETY: the routine writes the program's memory only as EL0 may.
    let left = unsafe { user_clear(to, len) };
    outcome(len, left)
}

/// Copies the program's string at `from`, without its NUL, into `to`: the length, which is `to.len()` where there was no NUL
/// in so many bytes.
///
/// # Errors
/// Where a byte before the NUL can't be read.
pub(crate) fn copy_in_str(to: &mut [u8], from: u64) -> Result<usize, Inaccessible> {
    // Where the string ends is not known yet, so the program's half may end before the room does.
    check(from, 0)?;
    // SAFETY: the routine writes `to.len()` bytes to `to` at most; it reads the program's memory only as EL0 may.
    let length = unsafe { user_copy_string(to.as_mut_ptr(), from, to.len()) };
    usize::try_from(length).map_err(|_| Inaccessible { done: 0 })
}

fn check(address: u64, len: usize) -> Result<(), Inaccessible> {
    match address.checked_add(len as u64) {
        Some(end) if end <= TASK_SIZE => Ok(()),
        _ => Err(Inaccessible { done: 0 }),
    }
}

fn outcome(len: usize, left: usize) -> Result<(), Inaccessible> {
    if left == 0 {
        Ok(())
    } else {
        Err(Inaccessible { done: len - left })
    }
}

/// A stretch of code that touches the program's memory, and where it goes on if that fails: as user.s writes it.
#[repr(C)]
struct Fixup {
    start: u64,
    end: u64,
    resume: u64,
}

/// Where the code at `pc` goes on if its access to the program's memory fails; `None` for any code that makes none.
pub(super) fn fixup(pc: u64) -> Option<u64> {
    let start = &raw const __user_fixups_start;
    let count = ((&raw const __user_fixups_end).addr() - start.addr()) / size_of::<Fixup>();
    // SAFETY: the linker script puts the fixups, and nothing else, between the two symbols, in memory that is never written.
    let fixups = unsafe { core::slice::from_raw_parts(start, count) };
    fixups
        .iter()
        .find(|fixup| (fixup.start..fixup.end).contains(&pc))
        .map(|fixup| fixup.resume)
}

#[cfg(feature = "ktest")]
mod tests;
