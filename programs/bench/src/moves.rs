//! Moves of one mapping.

use rt::linux::general::{__NR_mremap, MREMAP_DONTUNMAP, MREMAP_FIXED, MREMAP_MAYMOVE};
use rt::{Errno, scratch};

use crate::measure::{Sample, Samples, measure};
use crate::region::{Region, away, enough_memory, find_room, is_touched, map, touch_blocks};
use crate::stopped::{Stopped, by};

const FIXED: u32 = MREMAP_MAYMOVE | MREMAP_FIXED;

/// Measures one `mremap` to a fixed place.
pub(crate) fn measured_move(
    from: usize,
    length: usize,
    to: usize,
    more_flags: u32,
) -> Result<Sample, Stopped> {
    let flags = FIXED | more_flags;
    if !(scratch::is_raw(from, length) && scratch::is_raw(to, length)) {
        return Err(Stopped::Wrong("the program itself is in the way"));
    }
    let arguments = [from, length, length, flags as usize, to, 0];
    // SAFETY: no Rust object lies in either range.
    let (sample, answer) = measure(|| unsafe { rt::syscall::raw(__NR_mremap as usize, arguments) });
    match answer {
        -4095..=-1 => Err(Stopped::Call("mremap", Errno(-answer as u16))),
        _ if answer as usize == to => Ok(sample),
        _ => Err(Stopped::Wrong("mremap took another place")),
    }
}

/// Moves without measuring: a profiler shall see none but the row's own call.
pub(crate) fn just_move(from: usize, length: usize, to: usize) -> Result<(), Stopped> {
    scratch::mremap(from, length, length, FIXED, to)
        .map(drop)
        .map_err(by("mremap"))
}

/// `length` bytes with a page in every `step`, moved to a place that differs by `distance` mod 1 GiB. With `back`, the way
/// back is what is measured.
pub(crate) fn one(
    region: &mut Region,
    length: usize,
    step: usize,
    distance: usize,
    back: bool,
) -> Result<Samples, Stopped> {
    let home = region.filled(length, step)?;
    let away = away(home, length, distance);
    Samples::take(|| {
        let there = match back {
            true => just_move(home, length, away).map(|()| None),
            false => measured_move(home, length, away, 0).map(Some),
        }?;
        if !is_touched(away, length, step) {
            return Err(Stopped::Wrong("the pages did not arrive"));
        }
        match there {
            None => measured_move(away, length, home, 0),
            Some(there) => just_move(away, length, home).map(|()| there),
        }
    })
}

/// The same, with the source kept mapped and empty, as garbage collectors do.
pub(crate) fn keep_source(
    region: &mut Region,
    length: usize,
    step: usize,
    distance: usize,
) -> Result<Samples, Stopped> {
    let home = region.filled(length, step)?;
    let away = away(home, length, distance);
    Samples::take(|| {
        let there = measured_move(home, length, away, MREMAP_DONTUNMAP)?;
        if !is_touched(away, length, step) {
            return Err(Stopped::Wrong("the pages did not arrive"));
        }
        just_move(away, length, home)?;
        Ok(there)
    })
}

/// Blocks of 2 MiB that can't stay blocks at the target.
pub(crate) fn blocks(region: &mut Region, length: usize, distance: usize) -> Result<Samples, Stopped> {
    region.clear()?;
    enough_memory(length)?;
    Samples::take(|| {
        let home = find_room(length)?;
        map(home, length)?;
        if !touch_blocks(home, length)? {
            scratch::munmap(home, length).map_err(by("munmap"))?;
            return Err(Stopped::NotMeasured("the kernel gave no blocks of 2 MiB"));
        }
        let away = away(home, length, distance);
        let there = measured_move(home, length, away, 0)?;
        scratch::munmap(away, length).map_err(by("munmap"))?;
        Ok(there)
    })
}
