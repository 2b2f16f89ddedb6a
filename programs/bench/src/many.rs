//! Calls about many mappings.

use rt::file::{File, write_all};
use rt::linux::general::{
    __NR_mremap, __NR_munmap, AT_FDCWD, MAP_FIXED, MAP_NORESERVE, MREMAP_DONTUNMAP, O_WRONLY, PROT_NONE,
    PROT_READ,
};
use rt::{PAGE, scratch};

use crate::MIB;
use crate::calls::measured_call;
use crate::measure::Samples;
use crate::moves::{just_move, measured_move};
use crate::region::{ANONYMOUS, Region, away, find_room, is_touched, map, map_with, touch, unmap};
use crate::stopped::{Stopped, by};

/// Where Linux says how many mappings a process may have, and lets root say otherwise.
const LIMIT: &core::ffi::CStr = c"/proc/sys/vm/max_map_count";

/// What happens to many mappings.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// They move to an empty place, and nothing lies on the way.
    Moved,
    /// They move past another mapping.
    Passing,
    /// They move into memory without any access that is there to be filled, and goes on before them and behind.
    Filling,
    /// They move to where as many others are, each with its page.
    Replacing,
    /// They move, and the first and the last of them are cut in halves.
    Cut,
    /// They move, and stay where they were without their pages.
    Kept,
    /// They are unmapped.
    Unmapped,
    /// A shrink cuts them off.
    Shrunk,
}

/// Measures a call about `count` neighbouring mappings of a page each, alternately `rw-` and `r--`, every page there. If they move,
/// it is to a place that differs by `distance` mod 1 GiB.
pub(crate) fn neighbours(
    region: &mut Region,
    fate: Fate,
    count: usize,
    distance: usize,
) -> Result<Samples, Stopped> {
    region.clear()?;
    make_room(count)?;
    match fate {
        Fate::Unmapped => unmapped(count),
        Fate::Shrunk => shrunk(count),
        _ => moved(fate, count, distance),
    }
}

/// Maps `count` of them at a place that is free.
fn lay(at: usize, count: usize) -> Result<(), Stopped> {
    map_with(at, count * PAGE, 0)?;
    touch(at, count * PAGE, PAGE);
    (1..count)
        .step_by(2)
        .try_for_each(|page| scratch::mprotect(at + page * PAGE, PAGE, PROT_READ).map_err(by("mprotect")))
}

/// The same, and the first of them begins a page earlier, and the last one ends a page later.
fn lay_with_long_ends(at: usize, count: usize) -> Result<(), Stopped> {
    lay(at, count)?;
    let (before, behind) = (at - PAGE, at + count * PAGE);
    for page in [before, behind] {
        map_with(page, PAGE, 0)?;
        touch(page, PAGE, PAGE);
    }
    match count % 2 {
        0 => scratch::mprotect(behind, PAGE, PROT_READ).map_err(by("mprotect")),
        _ => Ok(()),
    }
}

fn moved(fate: Fate, count: usize, distance: usize) -> Result<Samples, Stopped> {
    let length = count * PAGE;
    // Room for a page before and behind.
    let home = find_room(length + 2 * PAGE)? + PAGE;
    let away = away(home, length, distance);
    match fate {
        Fate::Cut => lay_with_long_ends(home, count)?,
        _ => lay(home, count)?,
    }
    let between = away - 4 * MIB;
    if fate == Fate::Passing {
        map(between, PAGE)?;
    }
    let flags = match fate {
        Fate::Kept => MREMAP_DONTUNMAP,
        _ => 0,
    };
    let samples = Samples::take(|| {
        prepare(fate, away, count)?;
        let there = measured_move(home, length, away, flags)?;
        if !is_touched(away, length, PAGE) {
            return Err(Stopped::Wrong("the pages did not arrive"));
        }
        just_move(away, length, home)?;
        Ok(there)
    });
    unmap(home - PAGE, count + 2)?;
    scratch::munmap(between, away + length + MIB - between).map_err(by("munmap"))?;
    samples
}

/// Lays at the target what is to be there before a move.
fn prepare(fate: Fate, away: usize, count: usize) -> Result<(), Stopped> {
    match fate {
        Fate::Filling => {
            let flags = ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
            let length = count * PAGE + 2 * MIB;
            scratch::mmap(away - MIB, length, PROT_NONE, flags, None).map_err(by("mmap"))?;
            Ok(())
        }
        Fate::Replacing => lay(away, count),
        _ => Ok(()),
    }
}

fn unmapped(count: usize) -> Result<Samples, Stopped> {
    let home = find_room(count * PAGE)?;
    Samples::take(|| {
        lay(home, count)?;
        let (sample, _) = measured_call!(__NR_munmap, home, count,);
        Ok(sample)
    })
}

/// A page stays, and those behind it go.
fn shrunk(count: usize) -> Result<Samples, Stopped> {
    let home = find_room((count + 1) * PAGE)?;
    Samples::take(|| {
        lay(home, count + 1)?;
        let (sample, _) = measured_call!(__NR_mremap, home, count + 1, PAGE, 0, 0);
        unmap(home, 1)?;
        Ok(sample)
    })
}

/// Lets the process have `count` mappings twice, and some more.
fn make_room(count: usize) -> Result<(), Stopped> {
    const REFUSED: Stopped = Stopped::NotMeasured("max_map_count can't be raised so far");
    let needed = 2 * count + 1000;
    if limit().is_some_and(|limit| limit >= needed) {
        return Ok(());
    }
    // SAFETY: the kernel reads the string.
    let fd =
        unsafe { rt::syscall!(__NR_openat, AT_FDCWD, LIMIT.as_ptr(), O_WRONLY, 0) }.map_err(|_| REFUSED)?;
    let mut text = heapless::String::<24>::new();
    core::fmt::Write::write_fmt(&mut text, format_args!("{needed}\n")).map_err(|_| REFUSED)?;
    let written = write_all(fd as i32, text.as_bytes());
    // SAFETY: closes what has just been opened.
    unsafe { rt::syscall!(__NR_close, fd) }.ok();
    written.map_err(|_| REFUSED)
}

fn limit() -> Option<usize> {
    let mut buffer = [0; 64];
    let text = File::open(LIMIT).ok()?.read_into(&mut buffer).ok()?;
    core::str::from_utf8(text).ok()?.trim().parse().ok()
}
