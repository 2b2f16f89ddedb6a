//! The calls of scripts on the address space.

use mm::{AdviceRequest, Backing, Capabilities, HugePages, PAGE_SIZE, TASK_SIZE, VirtAddr};
use oracle::call::{Call, Kind};
use oracle::places::Place;
use rt::linux::general::*;

use super::{World, ZERO};

/// How huge pages are asked for.
const HUGE: u64 = (MAP_ANONYMOUS | MAP_HUGETLB) as u64;

impl World {
    /// Makes a call that is neither a load nor a store.
    ///
    /// # Errors
    /// What the address space answers.
    pub(super) fn make_on_space(&mut self, call: &Call) -> Result<u64, mm::Errno> {
        let words = call.words;
        let [first, second, third, fourth, fifth, ..] = words;
        match call.kind {
            Kind::Mmap => return self.mmap(words),
            Kind::Mincore => return self.mincore(first, second),
            Kind::ProcessMadvise => return self.advise_oneself(words),
            Kind::Brk => return Ok(self.brk(first)),
            Kind::Truncate => return self.truncate(first, second),
            Kind::Limit => return Ok(self.limit(first, second)),
            Kind::Become => return Ok(self.become_who(first)),
            Kind::Room => return Ok(self.leave_room(first)),
            Kind::Stripes => return self.stripes(words),
            Kind::Annex => return self.open_annex(),
            _ => {}
        }
        let mut space = self.space_mut();
        match call.kind {
            Kind::Munmap => space.munmap(first, second)?,
            Kind::Mprotect => space.mprotect(first, second, third)?,
            Kind::Mremap => {
                return space
                    .mremap(first, second, third, fourth, fifth)
                    .map(VirtAddr::get);
            }
            Kind::Madvise => space.madvise(first, second, third)?,
            Kind::Mlock => space.mlock(first, second, 0)?,
            Kind::Mlock2 => space.mlock(first, second, third)?,
            Kind::Munlock => space.munlock(first, second)?,
            Kind::Mlockall => space.mlockall(first)?,
            Kind::Munlockall => space.munlockall(),
            Kind::Mseal => space.mseal(first, second, third)?,
            Kind::Msync => space.msync(first, second, third)?,
            Kind::RemapFilePages => space.remap_file_pages(first, second, third, fourth, fifth)?,
            Kind::Huge => space.set_huge_page_policy(HugePages::Allowed),
            _ => return Err(mm::Errno::ENOSYS),
        }
        Ok(0)
    }

    fn mmap(&mut self, [addr, len, prot, flags, object, offset, _]: [u64; 7]) -> Result<u64, mm::Errno> {
        if !offset.is_multiple_of(PAGE_SIZE) {
            return Err(mm::Errno::EINVAL);
        }
        let backing = match object {
            _ if flags & HUGE == HUGE => Backing::HugePages { offset },
            _ if flags & u64::from(MAP_ANONYMOUS) != 0 => Backing::Anonymous,
            0 | 1 => self.backing(object, offset),
            2 => self.backing(ZERO, offset),
            _ => return Err(mm::Errno::EBADF),
        };
        self.map(addr, len, prot, flags, backing)
    }

    fn stripes(&mut self, [at, count, first, second, flags, ..]: [u64; 7]) -> Result<u64, mm::Errno> {
        for index in 0..count {
            let prot = if index % 2 == 0 { first } else { second };
            let page = at + index * PAGE_SIZE;
            if let Err(errno) = self.map(page, PAGE_SIZE, prot, flags, Backing::Anonymous) {
                return if index == 0 { Err(errno) } else { Ok(index) };
            }
        }
        Ok(count)
    }

    fn mincore(&self, addr: u64, len: u64) -> Result<u64, mm::Errno> {
        let pages = self.space().mincore_pages(addr, len)?;
        let room = Place::Arena.range().end - Place::Arena.range().start;
        let mut batch = [0; 512];
        let mut done = 0;
        while done < pages {
            let count = (pages - done).min(batch.len() as u64) as usize;
            let found = self
                .space()
                .mincore(addr + done * PAGE_SIZE, &mut batch[..count])?;
            if len > room {
                return Err(mm::Errno::EFAULT);
            }
            done += found as u64;
        }
        Ok(0)
    }

    fn advise_oneself(&mut self, [addr, len, advice, flags, ..]: [u64; 7]) -> Result<u64, mm::Errno> {
        if flags as u32 != 0 {
            return Err(mm::Errno::EINVAL);
        }
        AdviceRequest::decode(0, 0, advice)?;
        if len > i64::MAX as u64 {
            return Err(mm::Errno::EINVAL);
        }
        // A range is cut to what one call may transfer.
        let len = len.min(0x7fff_f000);
        if addr >= TASK_SIZE || len > TASK_SIZE - addr {
            return Err(mm::Errno::EFAULT);
        }
        self.space_mut().madvise(addr, len, advice).map(|()| len)
    }

    fn brk(&mut self, end: u64) -> u64 {
        if !std::mem::replace(&mut self.heap, true) {
            let heap = Place::Heap.range();
            self.space_mut()
                .munmap(heap.start, heap.end - heap.start)
                .expect("the fence");
        }
        self.space_mut().brk(end)
    }

    fn truncate(&mut self, object: u64, len: u64) -> Result<u64, mm::Errno> {
        let object = self.objects[object as usize].clone();
        object.set_len(len)?;
        self.space_mut().object_shrunk(&object);
        Ok(0)
    }

    fn limit(&mut self, resource: u64, pages: u64) -> u64 {
        let usage = self.space().usage();
        let bytes = |used: u64| (used * PAGE_SIZE).saturating_add(pages.saturating_mul(PAGE_SIZE));
        let mut space = self.space_mut();
        let limits = space.limits_mut();
        match resource as u32 {
            RLIMIT_AS => limits.address_space = bytes(usage.total),
            RLIMIT_DATA => limits.data = bytes(usage.data),
            _ => limits.locked = bytes(0),
        }
        drop(space);
        self.limited |= resource as u32 != RLIMIT_MEMLOCK;
        0
    }

    fn become_who(&mut self, who: u64) -> u64 {
        let mut space = self.space_mut();
        let limits = space.limits_mut();
        limits.capabilities = if who == 0 {
            Capabilities::all()
        } else {
            Capabilities::empty()
        };
        0
    }

    fn leave_room(&mut self, more: u64) -> u64 {
        let count = self.space().usage().mappings + more;
        self.space_mut().limits_mut().max_map_count = count;
        self.room = true;
        0
    }

    fn open_annex(&mut self) -> Result<u64, mm::Errno> {
        let annex = Place::Annex.range();
        self.space_mut()
            .munmap(annex.start, annex.end - annex.start)
            .map(|()| 0)
    }
}
