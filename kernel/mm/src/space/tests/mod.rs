//! Tests of the address space as a whole, on the fake machine.

mod advise;
mod contents;
mod fault;
mod flushes;
mod footprint;
mod fork;
mod free;
mod grow;
mod guard;
#[cfg(target_os = "linux")]
mod host;
mod hostile;
mod huge;
mod identity;
mod layout;
mod lock;
mod many;
mod map;
mod memory_failure;
mod mmap_flags;
mod model;
mod mremap;
mod mremap_errors;
mod pair;
mod plain;
mod protect;
mod refusals;
mod remove;
mod seal;
mod zeros;

use super::{AddressSpace, Backing, Capabilities, Layout, Limits, MapRequest, Overcommit, OvercommitPolicy};
use crate::fake::FakeMachine;
use crate::fake::audited::Audited;
use crate::machine::{Asid, MmuFeatures};
use crate::object::Object;
use crate::{Access, Errno, FaultError, PAGE_SIZE, TASK_SIZE, VirtAddr};
use std::format;
use std::string::String;
use std::vec::Vec;

pub(super) const P: u64 = PAGE_SIZE;
/// Where most tests work: nothing is placed here unasked.
pub(super) const A: u64 = 0x1000_0000;
pub(super) const B: u64 = 0x2000_0000;

pub(super) const NONE: u64 = 0;
pub(super) const R: u64 = 1;
pub(super) const W: u64 = 2;
pub(super) const RW: u64 = 3;
pub(super) const X: u64 = 4;

pub(super) const SHARED: u64 = 1;
pub(super) const PRIVATE: u64 = 2;
pub(super) const FIXED: u64 = 0x10;
pub(super) const ANON: u64 = 0x20;
pub(super) const GROWSDOWN: u64 = 0x100;
pub(super) const LOCKED: u64 = 0x2000;
pub(super) const NORESERVE: u64 = 0x4000;
pub(super) const POPULATE: u64 = 0x8000;
pub(super) const STACK: u64 = 0x20000;
pub(super) const NOREPLACE: u64 = 0x10_0000;

pub(super) const HUGETLB: u64 = 0x40000;

pub(super) const MAYMOVE: u64 = 1;
pub(super) const TO: u64 = 3; // MREMAP_MAYMOVE | MREMAP_FIXED
pub(super) const DONTUNMAP: u64 = 4;

/// A machine with one address space, and a program that looks at it.
pub(super) struct World {
    pub(super) machine: FakeMachine,
    /// Every call's flushes are audited.
    pub(super) space: Audited<AddressSpace<FakeMachine>>,
    /// Whether another address space lives on the same machine, so that its frames cannot be counted at the end.
    pub(super) has_company: bool,
    /// What a test has opened.
    pub(super) objects: Vec<Object<FakeMachine>>,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    pub(super) fn with_limits(limits: Limits) -> Self {
        Self::on(FakeMachine::new(8192), limits)
    }

    /// On a machine with these features.
    pub(super) fn with_features(features: MmuFeatures) -> Self {
        Self::on(FakeMachine::with_features(8192, features), Limits::default())
    }

    fn on(machine: FakeMachine, limits: Limits) -> Self {
        let space = AddressSpace::new(machine.clone(), Asid(1), limits, Layout::default());
        Self {
            machine,
            space: Audited::new(space.expect("a frame for the top table")),
            has_company: false,
            objects: Vec::new(),
        }
    }

    pub(super) fn mmap(&mut self, addr: u64, len: u64, prot: u64, flags: u64) -> Result<u64, Errno> {
        let request = MapRequest {
            addr,
            len,
            prot,
            flags,
            backing: match flags & HUGETLB {
                0 => Backing::Anonymous,
                _ => Backing::HugePages { offset: 0 },
            },
        };
        self.space.mmap(request).map(VirtAddr::get)
    }

    /// Private anonymous memory at exactly `addr`.
    pub(super) fn map(&mut self, addr: u64, pages: u64, prot: u64) {
        assert_eq!(self.mmap(addr, pages * P, prot, PRIVATE | ANON | FIXED), Ok(addr));
    }

    pub(super) fn map_object(
        &mut self,
        addr: u64,
        len: u64,
        prot: u64,
        flags: u64,
        object: &Object<FakeMachine>,
        offset: u64,
    ) -> Result<u64, Errno> {
        let backing = Backing::Object {
            object: object.clone(),
            offset,
            writable: true,
        };
        self.space
            .mmap(MapRequest {
                addr,
                len,
                prot,
                flags,
                backing,
            })
            .map(VirtAddr::get)
    }

    pub(super) fn memory(&self, pages: u64) -> Object<FakeMachine> {
        let object = Object::memory(self.machine.clone(), "/memfd:test (deleted)").expect("heap");
        object.set_len(pages * P).expect("a length");
        object
    }

    /// `madvise` on `pages` pages, which must work.
    pub(super) fn advise(&mut self, addr: u64, pages: u64, advice: u64) {
        assert_eq!(self.space.madvise(addr, pages * P, advice), Ok(()));
    }

    pub(super) fn mremap(
        &mut self,
        old: u64,
        old_len: u64,
        new_len: u64,
        flags: u64,
        new: u64,
    ) -> Result<u64, Errno> {
        self.space
            .mremap(old, old_len, new_len, flags, new)
            .map(VirtAddr::get)
    }

    /// The mappings as in `/proc/PID/maps`, addresses in pages from [`A`] or [`B`] where they lie near.
    pub(super) fn maps(&self) -> String {
        let name = |addr: VirtAddr| match addr.get() {
            addr if (A..A + 0x100_0000).contains(&addr) => format!("A+{:x}", (addr - A) / P),
            addr if (B..B + 0x100_0000).contains(&addr) => format!("B+{:x}", (addr - B) / P),
            addr => format!("{addr:x}"),
        };
        let line = |m: super::Mapping<'_>| {
            let bit = |set, letter| if set { letter } else { '-' };
            format!(
                "{}..{} {}{}{}{}",
                name(m.range.start()),
                name(m.range.end()),
                bit(m.read, 'r'),
                bit(m.write, 'w'),
                bit(m.execute, 'x'),
                if m.shared { 's' } else { 'p' },
            )
        };
        self.space.mappings().map(line).collect::<Vec<_>>().join(", ")
    }
}

impl World {
    /// What a program's access does: the MMU first, then the fault handler, until it works or is refused.
    fn touch(&mut self, addr: u64, access: Access) -> Result<crate::PhysAddr, FaultError> {
        for _ in 0..3 {
            let (root, asid) = (self.space.root(), self.space.asid());
            match self.machine.access(root, asid, VirtAddr::new(addr), access) {
                Ok(page) => return Ok(page),
                Err(_) => self.space.fault(addr, access)?,
            }
        }
        panic!("{addr:#x}: the fault was made good and came again");
    }

    pub(super) fn try_read(&mut self, addr: u64) -> Result<u8, FaultError> {
        self.touch(addr, Access::Read)
            .map(|at| self.machine.read_byte(at))
    }

    pub(super) fn try_write(&mut self, addr: u64, value: u8) -> Result<(), FaultError> {
        self.touch(addr, Access::Write)
            .map(|at| self.machine.write_byte(at, value))
    }

    pub(super) fn read(&mut self, addr: u64) -> u8 {
        self.try_read(addr).expect("a readable page")
    }

    pub(super) fn write(&mut self, addr: u64, value: u8) {
        self.try_write(addr, value).expect("a writable page");
    }

    /// Writes to each page its own value, from `first` on.
    pub(super) fn fill(&mut self, addr: u64, pages: u64, first: u8) {
        for page in 0..pages {
            self.write(addr + page * P, first.wrapping_add(page as u8));
        }
    }

    /// The first byte of each page.
    pub(super) fn bytes(&mut self, addr: u64, pages: u64) -> Vec<u8> {
        (0..pages).map(|page| self.read(addr + page * P)).collect()
    }

    /// `mincore`, one digit a page.
    pub(super) fn resident(&self, addr: u64, pages: u64) -> String {
        let mut answer = std::vec![0; pages as usize];
        let count = self.space.mincore(addr, &mut answer).expect("mapped");
        answer[..count]
            .iter()
            .map(|byte| if *byte == 1 { '1' } else { '0' })
            .collect()
    }
}

impl World {
    /// The frames with whom an address space tells that they are: tables, zeros, pages of mappings, objects.
    fn frames_told(&self) -> u64 {
        let mut footprint = super::Footprint::default();
        let mut at = 0;
        while at < TASK_SIZE {
            at = self.space.measure(at, TASK_SIZE, &mut footprint);
        }
        let pages = (footprint.anonymous + footprint.file) / P;
        let objects = self.space.objects().chain(&self.objects);
        let objects: std::collections::BTreeMap<u64, u64> =
            objects.map(|object| (object.inode(), object.frames())).collect();
        let tables = self.space.table_pages() + self.space.spare_tables();
        tables + self.space.zero_frames() + pages + objects.values().sum::<u64>()
    }
}

impl Drop for World {
    /// Whatever a test did, an address space tells where every frame is, and gives every frame back.
    fn drop(&mut self) {
        if self.has_company || std::thread::panicking() {
            return;
        }
        assert_eq!(
            self.frames_told(),
            self.machine.frames_in_use() as u64,
            "frames that nobody has"
        );
        self.objects.clear();
        // A machine of its own, because a test may have used up this one's memory.
        let other = FakeMachine::new(1);
        let empty = AddressSpace::new(other, Asid(2), Limits::default(), Layout::default());
        let empty = Audited::new(empty.expect("a frame"));
        drop(std::mem::replace(&mut self.space, empty));
        assert_eq!(self.machine.frames_in_use(), 0, "frames were lost");
    }
}

/// The highest address for mappings without a wish.
pub(super) const TOP: u64 = TASK_SIZE - (128 << 20);
