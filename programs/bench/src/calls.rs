//! The calls around a move, and what a program pays for any call.

use rt::linux::general::{
    __NR_clone, __NR_getppid, __NR_mmap, __NR_mprotect, __NR_mremap, __NR_munmap, MREMAP_MAYMOVE, PROT_READ,
    SIGCHLD,
};
use rt::syscall::raw;
use rt::{Errno, PAGE, scratch};

use crate::measure::{Samples, measure};
use crate::region::{ANONYMOUS, RW, Region, find_room, map, touch, unmap};
use crate::stopped::{Stopped, by};

/// Pages of the small rows.
const PAGES: usize = 16;

/// What the kernel answered, or its error.
pub(crate) fn answered(call: &'static str, answer: isize) -> Result<usize, Stopped> {
    match answer {
        -4095..=-1 => Err(Stopped::Call(call, Errno(-answer as u16))),
        _ => Ok(answer as usize),
    }
}

/// Measures a call on the range of `pages` pages at `at`, in which no Rust object lies.
macro_rules! measured_call {
    ($number:ident, $at:expr, $pages:expr, $($more:expr),*) => {{
        if !rt::scratch::is_raw($at, $pages * rt::PAGE) {
            return Err($crate::stopped::Stopped::Wrong("the program itself is in the way"));
        }
        let mut arguments = [0; 6];
        let given = [$at, $pages * rt::PAGE, $($more as usize),*];
        arguments[..given.len()].copy_from_slice(&given);
        // SAFETY: no Rust object lies in the range, and the call is about nothing else.
        let call = || unsafe { rt::syscall::raw($number as usize, arguments) };
        let (sample, answer) = $crate::measure::measure(call);
        (sample, $crate::calls::answered(stringify!($number), answer)?)
    }};
}
pub(crate) use measured_call;

/// `mmap` of memory anywhere.
pub(crate) fn map_anywhere() -> Result<Samples, Stopped> {
    Samples::take(|| {
        let (sample, at) = measured_call!(__NR_mmap, 0, PAGES, RW, ANONYMOUS, usize::MAX, 0);
        unmap(at, PAGES)?;
        Ok(sample)
    })
}

/// `munmap` of pages that are all there.
pub(crate) fn unmap_pages() -> Result<Samples, Stopped> {
    Samples::take(|| {
        let at = scratch::mmap(0, PAGES * PAGE, RW, ANONYMOUS, None).map_err(by("mmap"))?;
        touch(at, PAGES * PAGE, PAGE);
        let (sample, _) = measured_call!(__NR_munmap, at, PAGES,);
        Ok(sample)
    })
}

/// Growing a mapping that has a neighbour behind it, so that it must move.
pub(crate) fn grow() -> Result<Samples, Stopped> {
    Samples::take(|| {
        let home = scratch::mmap(0, (PAGES + 1) * PAGE, RW, ANONYMOUS, None).map_err(by("mmap"))?;
        touch(home, (PAGES + 1) * PAGE, PAGE);
        let (sample, to) = measured_call!(__NR_mremap, home, PAGES, 2 * PAGES * PAGE, MREMAP_MAYMOVE, 0);
        if to == home {
            return Err(Stopped::Wrong("the mapping did not move"));
        }
        unmap(home, PAGES + 1)?;
        unmap(to, 2 * PAGES)?;
        Ok(sample)
    })
}

/// `mprotect` of a page in the middle of a mapping, which becomes three.
pub(crate) fn protect() -> Result<Samples, Stopped> {
    Samples::take(|| {
        let home = scratch::mmap(0, PAGES * PAGE, RW, ANONYMOUS, None).map_err(by("mmap"))?;
        touch(home, PAGES * PAGE, PAGE);
        let (sample, _) = measured_call!(__NR_mprotect, home + PAGES / 2 * PAGE, 1, PROT_READ);
        unmap(home, PAGES)?;
        Ok(sample)
    })
}

/// The first write to a page of anonymous memory, beside pages that are there.
pub(crate) fn fault() -> Result<Samples, Stopped> {
    Samples::take(|| {
        let home = scratch::mmap(0, PAGES * PAGE, RW, ANONYMOUS, None).map_err(by("mmap"))?;
        touch(home, PAGES / 2 * PAGE, PAGE);
        let page = home + PAGES / 2 * PAGE;
        // SAFETY: freshly mapped, so that no Rust object lies there.
        let (sample, ()) =
            measure(|| unsafe { core::ptr::with_exposed_provenance_mut::<u64>(page).write_volatile(1) });
        unmap(home, PAGES)?;
        Ok(sample)
    })
}

/// A call that does nothing.
pub(crate) fn get_parent() -> Result<Samples, Stopped> {
    Samples::take(|| {
        // SAFETY: touches no memory.
        let (sample, _) = measure(|| unsafe { raw(__NR_getppid as usize, [0; 6]) });
        Ok(sample)
    })
}

/// `fork` of a process with `length` bytes resident.
pub(crate) fn fork(region: &mut Region, length: usize) -> Result<Samples, Stopped> {
    region.clear()?;
    let home = find_room(length)?;
    map(home, length)?;
    touch(home, length, PAGE);
    let samples = Samples::take(|| {
        let arguments = [SIGCHLD as usize, 0, 0, 0, 0, 0];
        // SAFETY: the child has a copy of all memory, and ends right below.
        let (sample, answer) = measure(|| unsafe { raw(__NR_clone as usize, arguments) });
        match answer {
            0 => rt::process::exit(0),
            -4095..=-1 if Errno(-answer as u16) == Errno::ENOSYS => Err(Stopped::NotMeasured("needs fork")),
            child => {
                let child = answered("clone", child)?;
                // SAFETY: the kernel writes nothing: there is no room for a status.
                unsafe { rt::syscall!(__NR_wait4, child, 0, 0, 0) }.map_err(by("wait4"))?;
                Ok(sample)
            }
        }
    });
    scratch::munmap(home, length).map_err(by("munmap"))?;
    samples
}
