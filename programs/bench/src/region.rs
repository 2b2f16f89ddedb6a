//! Memory to move: where it lies, and which of its pages are there.

use rt::linux::general::{
    MADV_HUGEPAGE, MAP_ANONYMOUS, MAP_FIXED_NOREPLACE, MAP_NORESERVE, MAP_PRIVATE, PROT_NONE, PROT_READ,
    PROT_WRITE,
};
use rt::{PAGE, scratch};

use crate::GIB;
use crate::stopped::{Stopped, by};

/// Flags of all memory here.
pub(crate) const ANONYMOUS: u32 = MAP_PRIVATE | MAP_ANONYMOUS;
/// Readable and writable.
pub(crate) const RW: u32 = PROT_READ | PROT_WRITE;

/// Memory that several rows use, one after the other: to fill a gibibyte takes longer than most measurements.
#[derive(Default)]
pub(crate) struct Region {
    filled: Option<Filled>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Filled {
    home: usize,
    length: usize,
    step: usize,
}

impl Region {
    /// The address of `length` bytes with a page in every `step` of them, at a multiple of 1 GiB with as much free address space behind.
    pub(crate) fn filled(&mut self, length: usize, step: usize) -> Result<usize, Stopped> {
        if let Some(filled) = self.filled
            && (filled.length, filled.step) == (length, step)
        {
            return Ok(filled.home);
        }
        self.clear()?;
        enough_memory(length / step * PAGE)?;
        let home = find_room(length)?;
        map(home, length)?;
        touch(home, length, step);
        self.filled = Some(Filled { home, length, step });
        Ok(home)
    }

    /// Gives the memory back, for rows that have their own.
    pub(crate) fn clear(&mut self) -> Result<(), Stopped> {
        match self.filled.take() {
            Some(filled) => scratch::munmap(filled.home, filled.length).map_err(by("munmap")),
            None => Ok(()),
        }
    }

    /// Leaves the memory where it is, wherever that may be.
    pub(crate) fn forget(&mut self) {
        self.filled = None;
    }
}

/// Checks that the machine has `bytes` free, and a sixteenth more for tables and the rest. A kernel that finds out only when
/// the pages are touched ends the program.
pub(crate) fn enough_memory(bytes: usize) -> Result<(), Stopped> {
    let free = rt::process::memory().map_err(by("sysinfo"))?.free;
    match free >= (bytes + bytes / 16) as u64 {
        true => Ok(()),
        false => Err(Stopped::NotMeasured("this machine has too little memory")),
    }
}

/// The place to move to: a multiple of 1 GiB away from home and clear of it, and `distance` more.
pub(crate) fn away(home: usize, length: usize, distance: usize) -> usize {
    home + length.next_multiple_of(GIB) + GIB + distance
}

/// Finds free address space for `length` bytes at home and [`away`], at a multiple of 1 GiB.
pub(crate) fn find_room(length: usize) -> Result<usize, Stopped> {
    let room = 2 * length.next_multiple_of(GIB) + 4 * GIB;
    let found = scratch::mmap(0, room, PROT_NONE, ANONYMOUS | MAP_NORESERVE, None).map_err(by("mmap"))?;
    scratch::munmap(found, room).map_err(by("munmap"))?;
    Ok(found.next_multiple_of(GIB))
}

/// Maps memory at a place that is free, of which more may be asked for than there is.
pub(crate) fn map(at: usize, length: usize) -> Result<(), Stopped> {
    map_with(at, length, MAP_NORESERVE)
}

/// Maps memory at a place that is free, with more flags.
pub(crate) fn map_with(at: usize, length: usize, more: u32) -> Result<(), Stopped> {
    let flags = ANONYMOUS | MAP_FIXED_NOREPLACE | more;
    let place = scratch::mmap(at, length, RW, flags, None).map_err(by("mmap"))?;
    if place == at {
        Ok(())
    } else {
        Err(Stopped::Wrong("mmap took another place"))
    }
}

/// Asks for blocks of 2 MiB, and touches each; whether the kernel gave them.
pub(crate) fn touch_blocks(at: usize, length: usize) -> Result<bool, Stopped> {
    scratch::madvise(at, length, MADV_HUGEPAGE).map_err(by("madvise"))?;
    touch(at, length, 2 * crate::MIB);
    // A page in the middle of a block is there already; else the access faults, and a fault is more than that.
    let (start, middle) = (rt::counter(), at + length - crate::MIB);
    scratch::write(middle, 1);
    Ok(rt::counter() - start < 100)
}

/// Writes to a page in every `step` bytes, its own address.
pub(crate) fn touch(at: usize, length: usize, step: usize) {
    (at..at + length)
        .step_by(step)
        .for_each(|page| scratch::write(page, (page - at) as u64 | 1));
}

/// Whether [`touch`]'s words are at the start and near the end of memory that has moved.
pub(crate) fn is_touched(at: usize, length: usize, step: usize) -> bool {
    let last = (length - 1) / step * step;
    scratch::read(at) == 1 && scratch::read(at + last) == last as u64 | 1
}

/// Unmaps pages.
pub(crate) fn unmap(at: usize, pages: usize) -> Result<(), Stopped> {
    scratch::munmap(at, pages * PAGE).map_err(by("munmap"))
}
