//! Nothing can be mapped but in the arena: everything else is shut, so that an address that the kernel chooses is the same
//! on every system.
//!
//! A sealed mapping can never be taken away, so that a script that made one leaves its arena behind, shut like all else,
//! and the next one gets a new arena, 1 GiB below.

use core::ops::Range;

use rt::file::File;
use rt::linux::general::*;
use rt::memory::{mmap, munmap};
use rt::{Errno, PAGE};

use crate::maps;
use crate::places::{Place, Starts};

/// The first address behind what a program can have.
const TOP: u64 = if cfg!(target_arch = "x86_64") {
    (1 << 47) - PAGE as u64
} else {
    1 << 48
};
/// Where the lowest mapping may lie: wherever root may have one, and the usual `vm.mmap_min_addr`s.
const LOWEST: [u64; 3] = [0x1000, 0x8000, 0x1_0000];
/// Behind what scripts map from the first page on, and far below all arenas.
const LOWEST_END: u64 = 64 << 20;
/// How far the next arena is below.
const STEP: u64 = 1 << 30;
/// More ranges than there can be in an arena.
const RANGES: usize = 2100;

/// How everything is shut.
const SHUT: u32 = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

/// The mappings that keep the address space shut.
pub(crate) struct Fence {
    /// A page of it lies at either end of the arena: no anonymous mapping can merge with it.
    border: File,
    /// The lowest part of it: a program with privileges may have the first page, and then what follows as well.
    lowest: Range<u64>,
}

impl Fence {
    /// Shuts everything outside the arena. The places are where they are nominally.
    ///
    /// # Errors
    /// What `mmap` says.
    pub(crate) fn build() -> Result<Fence, Errno> {
        let mut fence = Fence {
            border: File::in_memory(c"border", PAGE)?,
            lowest: 0..0,
        };
        let arena = Place::Arena.range();
        fence.put_borders(&arena, MAP_FIXED_NOREPLACE)?;
        let mut gaps = Ranges::default();
        gaps.find_gaps(0..TOP)?;
        gaps.each(|gap| {
            if gap != arena {
                let shut = shut_what_can_be(gap.clone())?;
                if gap.start == 0 {
                    fence.lowest = shut.start..shut.end.min(LOWEST_END);
                }
            }
            Ok(())
        })?;
        Ok(fence)
    }

    /// Takes away what a script has mapped at the lowest addresses, and shuts what was shut there.
    ///
    /// # Errors
    /// What the calls say.
    pub(crate) fn shut_lowest(&self) -> Result<(), Errno> {
        open(0..PAGE as u64)?;
        match self.lowest.is_empty() {
            true => Ok(()),
            false => close(self.lowest.clone()),
        }
    }

    /// Shuts what is left free in the arena and opens the next.
    ///
    /// # Errors
    /// What the calls answer.
    pub(crate) fn next_arena(&self, starts: &mut Starts) -> Result<(), Errno> {
        let mut gaps = Ranges::default();
        gaps.find_gaps(starts.range(Place::Arena))?;
        gaps.each(close)?;
        starts.0[Place::Arena as usize] -= STEP;
        let arena = starts.range(Place::Arena);
        open(arena.clone())?;
        self.put_borders(&arena, MAP_FIXED)
    }

    fn put_borders(&self, arena: &Range<u64>, fixed: u32) -> Result<(), Errno> {
        for page in [arena.start - PAGE as u64, arena.end] {
            // SAFETY: nothing is there but the fence, in which no Rust object lies.
            unsafe {
                mmap(
                    page as usize,
                    PAGE,
                    PROT_NONE,
                    MAP_SHARED | fixed,
                    Some(self.border.fd()),
                )?;
            }
        }
        Ok(())
    }
}

/// Shuts a range, whatever of the fence or of a script is there.
///
/// # Errors
/// What `mmap` says.
pub(crate) fn close(range: Range<u64>) -> Result<(), Errno> {
    let length = (range.end - range.start) as usize;
    // SAFETY: a place of the scripts', in which no Rust object lies.
    unsafe { mmap(range.start as usize, length, PROT_NONE, SHUT | MAP_FIXED, None) }.map(drop)
}

/// Takes the fence, or what a script has left, out of a range.
///
/// # Errors
/// What `munmap` says.
pub(crate) fn open(range: Range<u64>) -> Result<(), Errno> {
    // SAFETY: a place of the scripts', in which no Rust object lies.
    unsafe { munmap(range.start as usize, (range.end - range.start) as usize) }
}

/// Shuts a gap, as far as the lowest addresses are to be had at all; gives what is shut now.
fn shut_what_can_be(gap: Range<u64>) -> Result<Range<u64>, Errno> {
    let from_null = gap.start == 0;
    let starts = if from_null { LOWEST } else { [gap.start; 3] };
    let mut answer = Ok(gap.clone());
    for start in starts {
        // SAFETY: NOREPLACE: nothing is there that a Rust object could lie in.
        answer = unsafe {
            mmap(
                start as usize,
                (gap.end - start) as usize,
                PROT_NONE,
                SHUT | MAP_FIXED_NOREPLACE,
                None,
            )
        }
        .map(|_| start..gap.end);
        if answer.is_ok() {
            break;
        }
    }
    answer
}

/// Empties a range, one mapping after the other; gives whether a sealed one is left.
///
/// # Errors
/// What the calls answer.
pub(crate) fn open_what_can_be(range: Range<u64>) -> Result<bool, Errno> {
    let mut ranges = Ranges::default();
    ranges.find_mappings(range)?;
    let mut sealed = false;
    ranges.each(|mapping| match open(mapping) {
        Err(Errno::EPERM) => {
            sealed = true;
            Ok(())
        }
        answer => answer,
    })?;
    Ok(sealed)
}

/// Ranges of addresses, in order.
struct Ranges {
    ranges: [(u64, u64); RANGES],
    count: usize,
}

impl Default for Ranges {
    fn default() -> Self {
        Ranges {
            ranges: [(0, 0); RANGES],
            count: 0,
        }
    }
}

impl Ranges {
    /// Adds what is not mapped.
    fn find_gaps(&mut self, within: Range<u64>) -> Result<(), Errno> {
        let mut end = within.start;
        maps::each(within.end, |mapping| {
            self.add(end..mapping.range.start)?;
            end = end.max(mapping.range.end);
            Ok::<_, Errno>(())
        })?;
        self.add(end..within.end)
    }

    /// Adds the mappings, as far as they lie in the range.
    fn find_mappings(&mut self, within: Range<u64>) -> Result<(), Errno> {
        maps::each(within.end, |mapping| {
            self.add(mapping.range.start.max(within.start)..mapping.range.end.min(within.end))
        })
    }

    fn add(&mut self, range: Range<u64>) -> Result<(), Errno> {
        if range.is_empty() {
            return Ok(());
        }
        *self.ranges.get_mut(self.count).ok_or(Errno::EOVERFLOW)? = (range.start, range.end);
        self.count += 1;
        Ok(())
    }

    fn each(&self, mut act: impl FnMut(Range<u64>) -> Result<(), Errno>) -> Result<(), Errno> {
        self.ranges[..self.count]
            .iter()
            .try_for_each(|&(start, end)| act(start..end))
    }
}
