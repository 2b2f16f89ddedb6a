//! What the calls work with, and the making of a call.

use rt::file::File;
use rt::linux::general::*;
use rt::linux::prctl::PR_SET_THP_DISABLE;
use rt::{Errno, PAGE, syscall};

use crate::arena::{self, ARENA};
use crate::call::{Call, Kind};
use crate::probe::Probe;

/// Pages of each object.
pub(crate) const OBJECT_PAGES: u64 = 24;
/// How many values there are to write.
const VALUES: usize = 256;

/// The objects, and the files that values come from and go to.
pub(crate) struct World {
    objects: [File; 2],
    values: File,
    /// Looks at pages.
    pub(crate) probe: Probe,
}

impl World {
    /// Makes the objects, and shuts everything outside the arena.
    ///
    /// # Errors
    /// What the calls answer that make them.
    pub(crate) fn new() -> Result<World, Errno> {
        // SAFETY: sets a flag of the process.
        unsafe { syscall!(__NR_prctl, PR_SET_THP_DISABLE, 1, 0, 0, 0) }.ok();
        let object = || File::in_memory(c"object", OBJECT_PAGES as usize * PAGE);
        let world = World {
            objects: [object()?, object()?],
            values: File::in_memory(c"values", 0)?,
            probe: Probe::new()?,
        };
        for value in 0..VALUES as u64 {
            rt::file::write_all(world.values.fd(), &value.to_ne_bytes())?;
        }
        let border = File::in_memory(c"border", PAGE)?;
        touch_stack();
        arena::fence(&border)?;
        Ok(world)
    }

    /// Empties the arena and the objects.
    ///
    /// # Errors
    /// What the calls answer that do it.
    pub(crate) fn reset(&self) -> Result<(), Errno> {
        arena::clear()?;
        for object in &self.objects {
            object.truncate(0)?;
            object.truncate(OBJECT_PAGES as usize * PAGE)?;
        }
        Ok(())
    }

    /// Makes a call.
    ///
    /// # Errors
    /// What it answers.
    pub(crate) fn make(&self, call: &Call) -> Result<u64, Errno> {
        let mut words = call.words;
        // One byte for each page of the arena, so that no call can ask for more.
        let mut pages = [0u8; (ARENA.end - ARENA.start) as usize / PAGE + 1];
        let number = match call.kind {
            Kind::Write => return self.write(words[0], words[1]),
            Kind::Read => return self.probe.read(words[0]),
            Kind::Mmap => {
                let object = self.objects.get(words[4] as usize);
                words[4] = object.map_or(words[4], |object| object.fd() as u64);
                __NR_mmap
            }
            Kind::Mincore => {
                words[2] = pages.as_mut_ptr().expose_provenance() as u64;
                __NR_mincore
            }
            Kind::Munmap => __NR_munmap,
            Kind::Mprotect => __NR_mprotect,
            Kind::Mremap => __NR_mremap,
            Kind::Madvise => __NR_madvise,
        };
        // SAFETY: a script's addresses lie in the arena, where no Rust object is, or in nothing that is mapped.
        unsafe { rt::syscall::syscall(number as usize, words.map(|word| word as usize)) }
            .map(|answer| answer as u64)
    }

    /// Has the kernel write a value to an address, so that a page that can't be written is an error.
    fn write(&self, at: u64, value: u64) -> Result<u64, Errno> {
        let from = value as usize % VALUES * 8;
        // SAFETY: a script's addresses lie in the arena, where no Rust object is.
        unsafe { syscall!(__NR_pread64, self.values.fd(), at, 8, from) }.map(|done| done as u64)
    }
}

/// Lets the stack grow to more than the program needs: after the fence it can't.
#[inline(never)]
fn touch_stack() {
    let mut room = [1u8; 2 << 20];
    core::hint::black_box(&mut room);
}
