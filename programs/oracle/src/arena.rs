//! The only place where anything can be mapped: everything else is shut, so that an address that the kernel chooses is
//! the same on every system.

use core::ops::Range;

use rt::file::File;
use rt::linux::general::*;
use rt::memory::{mmap, munmap};
use rt::{Errno, PAGE};

use crate::maps::Maps;

/// 8 MiB, with a border of 1 GiB in their middle, so that tables of two levels end there.
pub(crate) const ARENA: Range<u64> = 0x1234_3fc0_0000..0x1234_4040_0000;

/// The first address behind the user's half of a 48-bit address space.
const TOP: u64 = 1 << 48;
/// Where the lowest mapping may lie: wherever root may have one, and the usual `vm.mmap_min_addr`s.
const LOWEST: [u64; 3] = [0x1000, 0x8000, 0x1_0000];

/// Shuts everything outside the arena.
///
/// Next to the arena lies a page of a file, with which no anonymous mapping can merge.
///
/// # Errors
/// What `mmap` says.
pub(crate) fn fence(border: &File) -> Result<(), Errno> {
    for page in [ARENA.start - PAGE as u64, ARENA.end] {
        // SAFETY: NOREPLACE: nothing is there that a Rust object could lie in.
        unsafe {
            mmap(
                page as usize,
                PAGE,
                PROT_NONE,
                MAP_SHARED | MAP_FIXED_NOREPLACE,
                Some(border.fd()),
            )?;
        }
    }
    let maps = Maps::read()?;
    let mut end = 0;
    for mapping in maps.mappings() {
        shut(end..mapping.range.start)?;
        end = mapping.range.end;
    }
    shut(end..TOP)
}

/// Maps a gap without access, as far as the lowest addresses are to be had at all.
fn shut(gap: Range<u64>) -> Result<(), Errno> {
    if gap.is_empty() || gap == ARENA {
        return Ok(());
    }
    let from_null = gap.start == 0;
    let starts = if from_null { LOWEST } else { [gap.start; 3] };
    let mut answer = Ok(());
    for start in starts {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE;
        // SAFETY: NOREPLACE: nothing is there that a Rust object could lie in.
        answer =
            unsafe { mmap(start as usize, (gap.end - start) as usize, PROT_NONE, flags, None) }.map(drop);
        if answer.is_ok() {
            break;
        }
    }
    answer
}

/// Takes everything out of the arena.
///
/// # Errors
/// What `munmap` says.
pub(crate) fn clear() -> Result<(), Errno> {
    // SAFETY: the program has no objects in the arena.
    unsafe { munmap(ARENA.start as usize, (ARENA.end - ARENA.start) as usize) }
}
