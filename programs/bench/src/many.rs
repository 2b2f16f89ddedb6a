//! Moves of many mappings in one call.

use rt::file::{File, write_all};
use rt::linux::general::{AT_FDCWD, O_WRONLY, PROT_READ};
use rt::{PAGE, scratch};

use crate::measure::Samples;
use crate::moves::{just_move, measured_move};
use crate::region::{Region, away, find_room, is_touched, map, touch};
use crate::stopped::{Stopped, by};

/// Where Linux says how many mappings a process may have, and lets root say otherwise.
const LIMIT: &core::ffi::CStr = c"/proc/sys/vm/max_map_count";

/// `count` neighbouring mappings of a page each, alternately `rw-` and `r--`, every page there, moved to an empty place that
/// differs by `distance` mod 1 GiB.
pub(crate) fn neighbours(region: &mut Region, count: usize, distance: usize) -> Result<Samples, Stopped> {
    region.clear()?;
    make_room(count)?;
    let length = count * PAGE;
    let home = find_room(length)?;
    map(home, length)?;
    touch(home, length, PAGE);
    for page in (1..count).step_by(2) {
        scratch::mprotect(home + page * PAGE, PAGE, PROT_READ).map_err(by("mprotect"))?;
    }
    let away = away(home, length, distance);
    let samples = Samples::take(|| {
        let there = measured_move(home, length, away, 0)?;
        if !is_touched(away, length, PAGE) {
            return Err(Stopped::Wrong("the pages did not arrive"));
        }
        just_move(away, length, home)?;
        Ok(there)
    });
    scratch::munmap(home, length).map_err(by("munmap"))?;
    samples
}

/// Lets the process have `count` mappings and some more.
fn make_room(count: usize) -> Result<(), Stopped> {
    const REFUSED: Stopped = Stopped::NotMeasured("max_map_count can't be raised so far");
    let needed = count + 1000;
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
