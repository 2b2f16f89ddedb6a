//! What the calls work with, and the making of a call.

use rt::file::File;
use rt::linux::general::*;
use rt::{Errno, PAGE, syscall};

use crate::call::{Call, Format, Kind, WORDS};
use crate::fence::{self, Fence};
use crate::look;
use crate::maps;
use crate::observe::Trouble;
use crate::options::Options;
use crate::output::Output;
use crate::places::{PLACES, Place, Starts};
use crate::probe::Probe;
use crate::process::{self, Process};
use crate::system::System;

/// Pages of each object.
pub const OBJECT_PAGES: u64 = 24;
/// How many values there are to write.
const VALUES: usize = 256;
/// A descriptor of nothing, above all that are open.
const CLOSED: u32 = 1 << 20;
/// "Myself", where a pidfd is asked for.
const PIDFD_SELF: isize = -10000;
/// Bytes of the arena.
const ARENA_LENGTH: u64 = Place::Arena.range().end - Place::Arena.range().start;

/// The objects, and the files that values come from and go to.
pub struct World {
    objects: [File; 2],
    zero: Option<File>,
    values: File,
    /// Looks at pages.
    probe: Probe,
    fence: Fence,
    starts: Starts,
    process: Process,
    /// What else is to be put back.
    locked: bool,
    annex: bool,
    heap: bool,
}

impl World {
    /// Makes the objects, and shuts everything outside the arena. On a machine of the program's own the system is told
    /// when to make huge pages, too: where they are asked for, and not in the background.
    ///
    /// # Errors
    /// What the calls answer that make them.
    pub fn new(options: &Options<'_>) -> Result<World, Errno> {
        if options.own_machine {
            process::settle_huge_pages();
        }
        let process = Process::new(options)?;
        let object = || File::in_memory(c"object", OBJECT_PAGES as usize * PAGE);
        let objects = [object()?, object()?];
        let values = File::in_memory(c"values", 0)?;
        for value in 0..VALUES as u64 {
            rt::file::write_all(values.fd(), &value.to_ne_bytes())?;
        }
        let probe = Probe::new()?;
        touch_stack();
        let starts = find_places()?;
        Ok(World {
            objects,
            zero: open_to_write(c"/dev/zero").ok(),
            values,
            probe,
            fence: Fence::build()?,
            starts,
            process,
            locked: false,
            annex: false,
            heap: false,
        })
    }

    /// Empties the arena, or goes on to the next if something is sealed.
    fn clear_arena(&mut self) -> Result<(), Errno> {
        let arena = self.starts.range(Place::Arena);
        match fence::open(arena.clone()) {
            Err(Errno::EPERM) => {}
            answer => return answer,
        }
        match fence::open_what_can_be(arena)? {
            true => self.fence.next_arena(&mut self.starts),
            false => Ok(()),
        }
    }

    /// Makes a call whose words are those of the system call, or nearly.
    fn make_plain(&mut self, kind: Kind, mut words: [u64; WORDS]) -> Result<u64, Errno> {
        let number = match kind {
            Kind::Mmap => {
                words[4] = self.descriptor(words[4]);
                __NR_mmap
            }
            Kind::Munmap => __NR_munmap,
            Kind::Mprotect => __NR_mprotect,
            Kind::Mremap => __NR_mremap,
            Kind::Madvise => __NR_madvise,
            Kind::Mlock => __NR_mlock,
            Kind::Mlock2 => __NR_mlock2,
            Kind::Munlock => __NR_munlock,
            Kind::Mlockall => __NR_mlockall,
            Kind::Munlockall => __NR_munlockall,
            Kind::Mseal => __NR_mseal,
            Kind::Msync => __NR_msync,
            Kind::RemapFilePages => __NR_remap_file_pages,
            Kind::Mbind => {
                words = [words[0], words[1], words[2], 0, 0, words[3], 0];
                __NR_mbind
            }
            Kind::PkeyMprotect => __NR_pkey_mprotect,
            Kind::Brk => {
                if !core::mem::replace(&mut self.heap, true) {
                    fence::open(self.starts.range(Place::Heap))?;
                }
                __NR_brk
            }
            _ => return Err(Errno::ENOSYS),
        };
        self.locked |= matches!(kind, Kind::Mlock | Kind::Mlock2 | Kind::Mlockall);
        let answer = system_call(number.into(), &words)?;
        Ok(self.starts.nominal(answer))
    }

    /// The descriptor of an object. A number that is no object is what it is, but for those that may be descriptors of
    /// something: the kernel takes a descriptor's lower half only.
    fn descriptor(&self, object: u64) -> u64 {
        let file = match object {
            0 | 1 => Some(&self.objects[object as usize]),
            2 => self.zero.as_ref(),
            _ => None,
        };
        match file {
            Some(file) => file.fd() as u64,
            None if (object as u32) < CLOSED => object | u64::from(CLOSED),
            None => object,
        }
    }

    /// Has the kernel write a value to an address, so that a page that can't be written is an error.
    fn write(&self, at: u64, value: u64) -> Result<u64, Errno> {
        let from = value as usize % VALUES * 8;
        // SAFETY: a script's addresses lie in its places, where no Rust object is.
        unsafe { syscall!(__NR_pread64, self.values.fd(), at, 8, from) }.map(|done| done as u64)
    }

    /// Maps pages one by one; gives how many it could.
    fn stripes(&self, words: [u64; WORDS]) -> Result<u64, Errno> {
        let [at, count, first, second, flags, ..] = words;
        for index in 0..count {
            let prot = if index % 2 == 0 { first } else { second };
            let page = at + index * PAGE as u64;
            let words = [page, PAGE as u64, prot, flags, u64::MAX, 0];
            if let Err(errno) = system_call(__NR_mmap.into(), &words) {
                return if index == 0 { Err(errno) } else { Ok(index) };
            }
        }
        Ok(count)
    }

    fn truncate(&self, object: u64, length: u64) -> Result<u64, Errno> {
        let object = self.objects.get(object as usize).ok_or(Errno::EBADF)?;
        object.truncate(length as usize).map(|()| 0)
    }
}

impl System for World {
    fn make(&mut self, call: &Call) -> Result<u64, Errno> {
        let mut words = call.words;
        if let [Format::Address, Format::Hex, ..] = call.kind.formats() {
            words[1] = self.starts.real_length(words[0], words[1]);
        }
        for (word, format) in words.iter_mut().zip(call.kind.formats()) {
            if matches!(format, Format::Address) {
                *word = self.starts.real(*word);
            }
        }
        match call.kind {
            Kind::Write => self.write(words[0], words[1]),
            Kind::Read => self.probe.read(words[0]),
            Kind::Mincore => mincore(words[0], words[1]),
            Kind::Stripes => self.stripes(words),
            Kind::Truncate => self.truncate(words[0], words[1]),
            Kind::Limit => self.process.limit(words[0], words[1]),
            Kind::Become => self.process.become_who(words[0]),
            Kind::Room => self.process.leave_room(words[0]),
            Kind::Huge => {
                self.process.allow_huge();
                Ok(0)
            }
            Kind::Annex => {
                self.annex = true;
                fence::open(self.starts.range(Place::Annex)).map(|()| 0)
            }
            Kind::Look => Ok(0),
            Kind::ProcessMadvise => advise_oneself(words),
            Kind::Raw => system_call(words[0], &words[1..]),
            _ => self.make_plain(call.kind, words),
        }
    }

    fn reset(&mut self) -> Result<usize, Errno> {
        self.process.reset()?;
        if core::mem::take(&mut self.locked) {
            // SAFETY: no memory changes its contents.
            unsafe { syscall!(__NR_munlockall) }?;
        }
        if core::mem::take(&mut self.annex) {
            fence::close(self.starts.range(Place::Annex))?;
        }
        if core::mem::take(&mut self.heap) {
            let heap = self.starts.range(Place::Heap);
            // SAFETY: no Rust object lies in the heap.
            unsafe { syscall!(__NR_brk, heap.start) }?;
            fence::close(heap)?;
        }
        self.fence.shut_lowest()?;
        self.clear_arena()?;
        for object in &self.objects {
            object.truncate(0)?;
            object.truncate(OBJECT_PAGES as usize * PAGE)?;
        }
        Ok(0)
    }

    fn is_there(&mut self, kind: Kind) -> bool {
        let answer = match kind {
            Kind::Look => return look::is_there(),
            Kind::Become => self
                .process
                .become_who(2)
                .and_then(|_| self.process.become_who(1)),
            Kind::Room => self.process.leave_room(1000),
            Kind::ProcessMadvise => advise_oneself([0; WORDS]),
            // Without a range, of what there is nothing, or nobody's.
            Kind::Mlock
            | Kind::Mlock2
            | Kind::Munlock
            | Kind::Mseal
            | Kind::Msync
            | Kind::RemapFilePages
            | Kind::Mbind
            | Kind::PkeyMprotect
            | Kind::Mlockall
            | Kind::Munlockall => self.make_plain(kind, [0; WORDS]),
            _ => return true,
        };
        let is_there = !matches!(answer, Err(Errno::ENOSYS | Errno::ENOENT | Errno::EACCES));
        self.reset().is_ok() && is_there
    }

    fn starts(&self) -> Starts {
        self.starts
    }

    fn mappings(
        &self,
        end: u64,
        look: &mut dyn FnMut(&maps::Mapping<'_>) -> Result<(), Trouble>,
    ) -> Result<(), Trouble> {
        maps::each(end, look)
    }

    fn resident(&self, at: u64, pages: &mut [u8]) -> Result<(), Errno> {
        rt::memory::mincore(at as usize, pages.len() * PAGE, pages)
    }

    fn words(&self, places: &[u64], words: &mut [Option<u64>]) -> Result<(), Errno> {
        self.probe.read_all(places, words)
    }

    fn look(&self, out: &mut Output) -> Result<(), Trouble> {
        look::look(&self.starts, out)
    }

    fn room(&self) -> Result<Option<u64>, Errno> {
        self.process.room()
    }

    fn is_limited(&self, more: u64) -> Result<bool, Errno> {
        self.process.is_limited(more)
    }
}

/// Makes a system call.
fn system_call(number: u64, words: &[u64]) -> Result<u64, Errno> {
    let mut arguments = [0; 6];
    for (argument, &word) in arguments.iter_mut().zip(words) {
        *argument = word as usize;
    }
    // SAFETY: a script's addresses lie in its places, where no Rust object is, or in nothing that is mapped.
    unsafe { rt::syscall::syscall(number as usize, arguments) }.map(|answer| answer as u64)
}

/// Asks which pages are resident. The answer itself is looked at after every call; where there would be more of it than the
/// arena has pages, it is to go to the null page.
fn mincore(at: u64, length: u64) -> Result<u64, Errno> {
    let mut pages = [0u8; ARENA_LENGTH as usize / PAGE + 1];
    let room = match length <= ARENA_LENGTH {
        true => pages.as_mut_ptr().expose_provenance() as u64,
        false => 0,
    };
    system_call(__NR_mincore.into(), &[at, length, room])
}

fn advise_oneself([at, length, advice, flags, ..]: [u64; WORDS]) -> Result<u64, Errno> {
    let range = [at, length];
    let words = [
        PIDFD_SELF as u64,
        range.as_ptr().expose_provenance() as u64,
        1,
        advice,
        flags,
    ];
    system_call(__NR_process_madvise.into(), &words)
}

fn open_to_write(path: &core::ffi::CStr) -> Result<File, Errno> {
    File::open_with(path, O_RDWR)
}

/// The places as they are in this process.
fn find_places() -> Result<Starts, Errno> {
    let mut starts = PLACES.map(|place| place.2.start);
    // SAFETY: asks where the heap ends.
    starts[Place::Heap as usize] = unsafe { syscall!(__NR_brk, 0) }?.next_multiple_of(PAGE) as u64;
    maps::each::<Errno>(u64::MAX, |mapping| {
        if mapping.name == "[vdso]" {
            starts[Place::Vdso as usize] = mapping.range.start;
        }
        Ok(())
    })?;
    Ok(Starts(starts))
}

/// Lets the stack grow to more than the program needs: after the fence it can't.
#[inline(never)]
fn touch_stack() {
    let mut room = [1u8; 2 << 20];
    core::hint::black_box(&mut room);
}
