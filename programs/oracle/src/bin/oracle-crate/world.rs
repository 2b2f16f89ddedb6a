//! An address space of the crate `mm` as a system: what the kernel's system calls add to it is done here once more.

use std::cell::{Ref, RefCell, RefMut};

use mm::fake::FakeMachine;
use mm::machine::Asid;
use mm::{
    Access, AddressSpace, AdviceRequest, Backing, Capabilities, HugePages, Layout, Limits, MapRequest,
    Mapping, Object, PAGE_SIZE, RLIM_INFINITY, TASK_SIZE, VirtAddr,
};
use oracle::call::{Call, Kind};
use oracle::maps;
use oracle::observe::Trouble;
use oracle::output::Output;
use oracle::places::{PLACES, Place, Starts};
use oracle::system::System;
use oracle::world::OBJECT_PAGES;
use rt::Errno;
use rt::linux::general::*;

/// Frames of the machine: the arena four times over, and tables.
const FRAMES: usize = 12 << 10;
/// Pages of the machine for limits: as many as in the machine that others are compared with.
const MEMORY_PAGES: u64 = 3 << 30 >> 12;
/// How far down the lowest mapping may lie.
const LOWEST: u64 = 0x1000;
/// How everything is shut.
const SHUT: u64 = (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED) as u64;
/// How huge pages are asked for.
const HUGE: u64 = (MAP_ANONYMOUS | MAP_HUGETLB) as u64;

/// The machine, and the address space of the script that runs.
pub(crate) struct World {
    machine: FakeMachine,
    space: RefCell<Option<AddressSpace<FakeMachine>>>,
    objects: Vec<Object<FakeMachine>>,
    heap: bool,
    /// `RLIMIT_AS` and `RLIMIT_DATA`, where the script has set them.
    limited: bool,
    room: bool,
}

impl World {
    /// With nothing in it but what keeps the address space shut.
    pub(crate) fn new() -> Self {
        let mut world = World {
            machine: FakeMachine::new(FRAMES),
            space: RefCell::new(None),
            objects: Vec::new(),
            heap: false,
            limited: false,
            room: false,
        };
        world.build();
        world
    }

    fn build(&mut self) {
        let machine = &self.machine;
        let limits = Limits {
            locked: RLIM_INFINITY,
            memory_pages: MEMORY_PAGES,
            ..Limits::default()
        };
        let layout = Layout {
            brk_start: Place::Heap.range().start,
            ..Layout::default()
        };
        let mut space = AddressSpace::new(machine.clone(), Asid(1), limits, layout).expect("a top table");
        space.set_huge_page_policy(HugePages::Off);
        let memory = |name| Object::memory(machine.clone(), name).expect("an object");
        self.objects = [
            "/memfd:object (deleted)",
            "/memfd:object (deleted)",
            "/memfd:border (deleted)",
        ]
        .map(memory)
        .to_vec();
        for (object, pages) in self.objects.iter().zip([OBJECT_PAGES, OBJECT_PAGES, 1]) {
            object.set_len(pages * PAGE_SIZE).expect("a length");
        }
        self.objects
            .push(Object::zeros(machine.clone(), "/dev/zero").expect("an object"));
        static CODE: [u8; 2 * PAGE_SIZE as usize] = [0; 2 * PAGE_SIZE as usize];
        let vdso = Object::image(machine.clone(), &CODE, "[vdso]").expect("an object");
        space
            .map_special(Place::Vdso.range().start, vdso, u64::from(PROT_READ | PROT_EXEC))
            .expect("a place for the vdso");
        self.space = RefCell::new(Some(space));
        self.shut_all();
    }

    /// Shuts all but the arena.
    fn shut_all(&mut self) {
        let arena = Place::Arena.range();
        for page in [arena.start - PAGE_SIZE, arena.end] {
            let flags = u64::from(MAP_SHARED | MAP_FIXED);
            self.map(page, PAGE_SIZE, 0, flags, self.backing(BORDER, 0))
                .expect("room for the border");
        }
        let mapped: Vec<(u64, u64)> = self
            .space()
            .mappings()
            .map(|mapping| (mapping.range.start().get(), mapping.range.end().get()))
            .collect();
        let mut end = LOWEST;
        for (start, next) in mapped.into_iter().chain([(TASK_SIZE, TASK_SIZE)]) {
            if start > end && end != arena.start {
                self.shut(end, start);
            }
            end = next;
        }
    }

    fn shut(&mut self, from: u64, to: u64) {
        self.map(from, to - from, 0, SHUT, Backing::Anonymous)
            .expect("room for the fence");
    }

    fn space(&self) -> Ref<'_, AddressSpace<FakeMachine>> {
        Ref::map(self.space.borrow(), |space| {
            space.as_ref().expect("there is always one")
        })
    }

    fn space_mut(&self) -> RefMut<'_, AddressSpace<FakeMachine>> {
        RefMut::map(self.space.borrow_mut(), |space| {
            space.as_mut().expect("there is always one")
        })
    }

    fn backing(&self, object: u64, offset: u64) -> Backing<FakeMachine> {
        Backing::Object {
            object: self.objects[object as usize].clone(),
            offset,
            writable: true,
        }
    }

    fn map(
        &mut self,
        addr: u64,
        len: u64,
        prot: u64,
        flags: u64,
        backing: Backing<FakeMachine>,
    ) -> Result<u64, mm::Errno> {
        let request = MapRequest {
            addr,
            len,
            prot,
            flags,
            backing,
        };
        self.space_mut().mmap(request).map(VirtAddr::get)
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

    /// What an access does: the MMU first, then the fault handler, until it works or is refused.
    fn touch(&self, addr: u64, access: Access) -> Result<mm::PhysAddr, Errno> {
        let machine = self.machine.clone();
        let mut space = self.space_mut();
        for _ in 0..4 {
            match machine.access(space.root(), space.asid(), VirtAddr::new(addr), access) {
                Ok(page) => return Ok(page),
                Err(_) => space.fault(addr, access).map_err(|_| Errno::EFAULT)?,
            }
        }
        panic!("{addr:#x}: the fault was made good and came again");
    }

    fn read(&self, addr: u64) -> Result<u64, Errno> {
        if addr >= TASK_SIZE {
            return Err(Errno::EFAULT);
        }
        let at = self.touch(addr, Access::Read)?;
        let bytes = core::array::from_fn(|index| self.machine.read_byte(at + index as u64));
        Ok(u64::from_ne_bytes(bytes))
    }

    fn write(&mut self, addr: u64, value: u64) -> Result<u64, Errno> {
        let at = self.touch(addr, Access::Write)?;
        for (index, byte) in (value % 256).to_ne_bytes().into_iter().enumerate() {
            self.machine.write_byte(at + index as u64, byte);
        }
        Ok(8)
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
        let space = self.space();
        let growing: u64 = space
            .mappings()
            .filter(|mapping| mapping.write && !mapping.shared)
            .map(|mapping| mapping.range.pages())
            .sum();
        drop(space);
        let mut space = self.space_mut();
        let limits = space.limits_mut();
        match resource as u32 {
            RLIMIT_AS => limits.address_space = bytes(usage.total),
            RLIMIT_DATA => limits.data = bytes(growing),
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

    fn make_on_space(&mut self, call: &Call) -> Result<u64, mm::Errno> {
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
}

/// Places among the objects.
const BORDER: u64 = 2;
const ZERO: u64 = 3;

impl System for World {
    fn make(&mut self, call: &Call) -> Result<u64, Errno> {
        match call.kind {
            Kind::Look => Ok(0),
            Kind::Read => self.read(call.words[0]),
            Kind::Write => self.write(call.words[0], call.words[1]),
            _ => self.make_on_space(call).map_err(|errno| Errno(errno.number())),
        }
    }

    fn reset(&mut self) -> Result<(), Errno> {
        self.objects.clear();
        self.space = RefCell::new(None);
        (self.heap, self.limited, self.room) = (false, false, false);
        let lost = self.machine.frames_in_use();
        assert_eq!(lost, 0, "{lost} frames are lost");
        self.build();
        Ok(())
    }

    fn is_there(&mut self, kind: Kind) -> bool {
        !matches!(kind, Kind::Look | Kind::Mbind | Kind::PkeyMprotect | Kind::Raw)
    }

    fn starts(&self) -> Starts {
        Starts(PLACES.map(|place| place.2.start))
    }

    fn mappings(
        &self,
        end: u64,
        look: &mut dyn FnMut(&maps::Mapping<'_>) -> Result<(), Trouble>,
    ) -> Result<(), Trouble> {
        // Looking at pages changes the address space.
        let found: Vec<_> = self
            .space()
            .mappings()
            .take_while(|mapping| mapping.range.start().get() < end)
            .map(|mapping| {
                let range = mapping.range.start().get()..mapping.range.end().get();
                let name = mapping.name.split(' ').next().unwrap_or("").to_owned();
                (
                    range,
                    permissions(&mapping),
                    format!("{:08x}", mapping.offset),
                    name,
                )
            })
            .collect();
        for (range, permissions, offset, name) in &found {
            look(&maps::Mapping {
                range: range.clone(),
                permissions,
                offset,
                name,
            })?;
        }
        Ok(())
    }

    fn resident(&self, at: u64, pages: &mut [u8]) -> Result<(), Errno> {
        let found = self
            .space()
            .mincore(at, pages)
            .map_err(|errno| Errno(errno.number()))?;
        assert_eq!(found, pages.len(), "all of them are of one mapping");
        Ok(())
    }

    fn words(&self, places: &[u64], words: &mut [Option<u64>]) -> Result<(), Errno> {
        for (&place, word) in places.iter().zip(words) {
            *word = self.read(place).ok();
        }
        Ok(())
    }

    fn look(&self, _: &mut Output) -> Result<(), Trouble> {
        Ok(())
    }

    fn room(&self) -> Result<Option<u64>, Errno> {
        let (limit, count) = (self.space().limits().max_map_count, self.space().usage().mappings);
        Ok(self.room.then(|| limit.saturating_sub(count)))
    }

    fn is_limited(&self, more: u64) -> Result<bool, Errno> {
        let (usage, limits) = (self.space().usage(), *self.space().limits());
        let above = |used: u64, limit: u64| (used * PAGE_SIZE).saturating_add(more) > limit;
        Ok(self.limited && (above(usage.total, limits.address_space) || above(usage.data, limits.data)))
    }
}

fn permissions(mapping: &Mapping<'_>) -> String {
    let bit = |set, letter| if set { letter } else { '-' };
    [
        bit(mapping.read, 'r'),
        bit(mapping.write, 'w'),
        bit(mapping.execute, 'x'),
        if mapping.shared { 's' } else { 'p' },
    ]
    .iter()
    .collect()
}
