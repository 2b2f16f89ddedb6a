//! An address space of the crate `mm` as a system: what the kernel's system calls add to it is done here once more.

mod calls;
mod listing;

use std::cell::{Cell, Ref, RefCell, RefMut};

use mm::fake::FakeMachine;
use mm::machine::Asid;
use mm::{
    Access, AddressSpace, Backing, HugePages, Layout, Limits, MapRequest, Object, PAGE_SIZE, TASK_SIZE,
    VirtAddr,
};
use oracle::call::{Call, Kind};
use oracle::maps;
use oracle::observe::Trouble;
use oracle::options::Options;
use oracle::output::Output;
use oracle::places::{PLACES, Place, Starts};
use oracle::system::System;
use oracle::world::OBJECT_PAGES;
use rt::Errno;
use rt::linux::general::*;

use listing::Listed;

/// Frames of the machine: the arena four times over, and tables.
const FRAMES: usize = 12 << 10;
/// Pages of the machine for limits: as many as in the machine that others are compared with.
const MEMORY_PAGES: u64 = 3 << 30 >> 12;
/// How far down the lowest mapping may lie.
const LOWEST: u64 = 0x1000;
/// How everything is shut.
const SHUT: u64 = (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED) as u64;

/// The machine, and the address space of the script that runs.
pub(crate) struct World {
    machine: FakeMachine,
    space: RefCell<Option<AddressSpace<FakeMachine>>>,
    objects: Vec<Object<FakeMachine>>,
    heap: bool,
    /// `RLIMIT_AS` and `RLIMIT_DATA`, where the script has set them.
    limited: bool,
    room: bool,
    /// `RLIMIT_MEMLOCK` of every script.
    locked: u64,
    /// The room for lists of mappings, of which one is made after each call.
    listed: Cell<Vec<Listed>>,
}

impl World {
    /// With nothing in it but what keeps the address space shut.
    pub(crate) fn new(options: &Options<'_>) -> Self {
        let mut world = World {
            machine: FakeMachine::new(FRAMES),
            space: RefCell::new(None),
            objects: Vec::new(),
            heap: false,
            limited: false,
            room: false,
            locked: options.locked_limit(),
            listed: Cell::default(),
        };
        world.build();
        world
    }

    fn build(&mut self) {
        let machine = &self.machine;
        let limits = Limits {
            locked: self.locked,
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

    /// What an access does: the MMU first, then the fault handler, until it works or is refused.
    fn touch(&self, addr: u64, access: Access) -> Result<mm::PhysAddr, Errno> {
        let mut space = self.space_mut();
        for _ in 0..4 {
            match self
                .machine
                .access(space.root(), space.asid(), VirtAddr::new(addr), access)
            {
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

    fn reset(&mut self) -> Result<usize, Errno> {
        self.objects.clear();
        self.space = RefCell::new(None);
        (self.heap, self.limited, self.room) = (false, false, false);
        let lost = self.machine.frames_in_use();
        if lost > 0 {
            self.machine = FakeMachine::new(FRAMES);
        }
        // What was flushed is not looked at.
        drop(self.machine.take_log());
        self.build();
        Ok(lost)
    }

    fn is_there(&mut self, kind: Kind) -> bool {
        !matches!(kind, Kind::Mbind | Kind::PkeyMprotect | Kind::Raw)
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
        let mut listed = self.listed.take();
        self.list(end, &mut listed);
        let answer = listed.iter().try_for_each(|mapping| look(&mapping.as_line()));
        self.listed.set(listed);
        answer
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

    fn look(&self, out: &mut Output) -> Result<(), Trouble> {
        self.tell_flags(out)
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
