//! The fake's TLB: a log of every instruction, and a model of what a real one may remember.
//!
//! The model remembers as much as the architecture allows: every translation and every table that an access walked through
//! stays until an instruction that reaches it. So a missing or too narrow flush shows as an access that is answered from the
//! past, or as a frame that is given back while it is still remembered.

use super::FakeMachine;
use super::audit::Audit;
use crate::machine::{Asid, MmuFeatures, PageOperand, PhysMap, RangeOperand, Reach, Tlb};
use crate::table::{Attributes, Descriptor, Level};
use crate::{Access, PAGE_SHIFT, PAGE_SIZE, PhysAddr, VirtAddr};
use core::sync::atomic::{AtomicU64, Ordering};
use std::collections::BTreeMap;
use std::vec::Vec;

/// One instruction that the table code asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// `DSB ISHST`.
    DsbStores,
    /// `DSB ISH`.
    Dsb,
    /// `ISB`.
    Isb,
    /// A TLBI by address.
    Page(u16, VirtAddr, Reach),
    /// A TLBI by range: the first address and the number of pages.
    Range(u16, VirtAddr, u64, Reach),
    /// A TLBI of a whole address space.
    Asid(u16),
}

/// Why an access was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// No valid entry, found at this level.
    Translation(Level),
    /// The entry is valid but was not accessed yet, and the hardware does not note that.
    AccessFlag,
    /// The entry does not allow the access.
    Permission,
}

/// What the MMU is set to while an edit runs: it may walk at any moment, by speculation.
#[derive(Clone)]
struct Speculation {
    root: PhysAddr,
    asid: Asid,
    addresses: Vec<VirtAddr>,
    /// The pages that stores in flight went to.
    stored: Vec<PhysAddr>,
}

/// A translation or a cached walk: by ASID, level, and the first address that it covers.
type Key = (u16, Level, VirtAddr);

/// The log, and what the TLB remembers.
#[derive(Default)]
pub(super) struct Model {
    log: Vec<Event>,
    leaves: BTreeMap<Key, Descriptor>,
    tables: BTreeMap<Key, PhysAddr>,
    speculation: Option<Speculation>,
    pub(super) audit: Audit,
}

impl Model {
    /// Panics if the TLB could still lead to `frame`.
    pub(super) fn assert_forgotten(&self, frame: PhysAddr) {
        self.audit.assert_forgotten(frame);
        for ((asid, level, address), leaf) in &self.leaves {
            let offset = frame.get().wrapping_sub(leaf.address().get());
            let stale = offset < level.size();
            assert!(
                !stale,
                "{frame} was given back, but {address} of ASID {asid} may still be translated to it"
            );
        }
        for ((asid, level, address), table) in &self.tables {
            assert!(
                *table != frame,
                "table {frame} was given back, but ASID {asid} may still walk through it at {address} ({level:?})"
            );
        }
    }

    /// Remembers a page or block.
    fn learn(&mut self, (asid, level, base): Key, leaf: Descriptor) {
        self.leaves.insert((asid, level, base), leaf);
        self.audit.learn(asid, level, base, leaf);
    }

    fn forget(&mut self, asid: u16, start: VirtAddr, bytes: u64, reach: Reach) {
        let hit = |key: &Key| {
            let (base, size) = (key.2.get(), key.1.size());
            key.0 == asid && base < start.get().saturating_add(bytes) && start.get() < base + size
        };
        self.leaves.retain(|key, _| !hit(key));
        if reach == Reach::Walk {
            self.tables.retain(|key, _| !hit(key));
        }
    }
}

impl FakeMachine {
    /// The instructions since the last call.
    pub fn take_log(&self) -> Vec<Event> {
        core::mem::take(&mut self.state().tlb.log)
    }

    /// Whenever the table code executes a barrier or TLBI, or is about to write entries that the hardware is not to update, lets
    /// the MMU walk, as if by speculation, to all of `addresses`, and lets stores that were on their way through translations that
    /// it remembers become visible.
    pub fn speculate(&self, root: PhysAddr, asid: Asid, addresses: &[VirtAddr]) {
        let speculation = Speculation {
            root,
            asid,
            addresses: addresses.into(),
            stored: Vec::new(),
        };
        self.state().tlb.speculation = Some(speculation);
    }

    /// Ends [`FakeMachine::speculate`]; answers the pages that the hardware made dirty for a store.
    pub fn stop_speculation(&self) -> Vec<PhysAddr> {
        self.state()
            .tlb
            .speculation
            .take()
            .map_or_else(Vec::new, |speculation| speculation.stored)
    }

    /// Translates an access by a program as the MMU would, from what the TLB remembers where it does, and remembers the
    /// walk. Sets access and dirty state if the MMU has these features.
    pub fn access(
        &self,
        root: PhysAddr,
        asid: Asid,
        address: VirtAddr,
        access: Access,
    ) -> Result<PhysAddr, Fault> {
        let (level, leaf) = match self.remembered(asid, address) {
            Some(hit) => hit,
            None => self.walk(root, asid, address)?,
        };
        let attributes = leaf.attributes();
        if !attributes.contains(Attributes::USER) {
            return Err(Fault::Permission);
        }
        let allowed = match access {
            Access::Read => true,
            Access::Execute => !attributes.contains(Attributes::NO_USER_EXECUTE),
            Access::Write => {
                !attributes.contains(Attributes::READ_ONLY) || self.set_dirty(root, asid, address, leaf)
            }
        };
        if !allowed {
            return Err(Fault::Permission);
        }
        Ok(leaf.address() + address.offset_in(level.size()))
    }

    fn remembered(&self, asid: Asid, address: VirtAddr) -> Option<(Level, Descriptor)> {
        let state = self.state();
        let hit = |level: Level| {
            let key = (asid.0, level, address.align_down(level.size()));
            state.tlb.leaves.get(&key).map(|leaf| (level, *leaf))
        };
        [Level::Pte, Level::Pmd, Level::Pud].into_iter().find_map(hit)
    }

    /// Walks from the lowest table that is remembered for the address, or from the root.
    fn walk(&self, root: PhysAddr, asid: Asid, address: VirtAddr) -> Result<(Level, Descriptor), Fault> {
        let key = |level: Level| (asid.0, level, address.align_down(level.size()));
        let (mut level, mut table) = {
            let state = self.state();
            let cached = |level: Level| Some((level.below()?, *state.tlb.tables.get(&key(level))?));
            [Level::Pmd, Level::Pud, Level::Pgd]
                .into_iter()
                .find_map(cached)
                .unwrap_or((Level::Pgd, root))
        };
        loop {
            let slot = self.slot(table, level.index(address));
            let entry = Descriptor::from_raw(slot.load(Ordering::Relaxed));
            if !entry.is_valid() {
                return Err(Fault::Translation(level));
            }
            match level.below() {
                Some(below) if entry.is_table(level) => {
                    table = entry.address();
                    self.state().tlb.tables.insert(key(level), table);
                    level = below;
                }
                _ => {
                    let leaf = self.set_accessed(slot, entry)?;
                    self.state().tlb.learn(key(level), leaf);
                    return Ok((level, leaf));
                }
            }
        }
    }

    fn set_accessed(&self, slot: &AtomicU64, entry: Descriptor) -> Result<Descriptor, Fault> {
        if entry.attributes().contains(Attributes::ACCESSED) {
            return Ok(entry);
        }
        if !self.features().contains(MmuFeatures::HARDWARE_ACCESS) {
            return Err(Fault::AccessFlag);
        }
        let bits = Attributes::ACCESSED.bits();
        Ok(Descriptor::from_raw(
            slot.fetch_or(bits, Ordering::Relaxed) | bits,
        ))
    }

    /// The hardware's update of a clean writable entry. It is atomic, and made only if the entry in memory still is valid and
    /// the one that the TLB remembers: otherwise the MMU walks again, and faults.
    fn set_dirty(&self, root: PhysAddr, asid: Asid, address: VirtAddr, leaf: Descriptor) -> bool {
        let hardware = self.features().contains(MmuFeatures::HARDWARE_DIRTY);
        if !hardware || !leaf.attributes().contains(Attributes::WRITABLE) {
            return false;
        }
        let mut table = root;
        for level in Level::ALL {
            let slot = self.slot(table, level.index(address));
            let entry = Descriptor::from_raw(slot.load(Ordering::Relaxed));
            if !entry.is_valid() {
                return false;
            }
            if entry.is_table(level) {
                table = entry.address();
                continue;
            }
            let same = entry.address() == leaf.address() && entry.attributes().contains(Attributes::WRITABLE);
            if same {
                let dirty = slot.fetch_and(!Attributes::READ_ONLY.bits(), Ordering::Relaxed)
                    & !Attributes::READ_ONLY.bits();
                let key = (asid.0, level, address.align_down(level.size()));
                self.state().tlb.learn(key, Descriptor::from_raw(dirty));
            }
            return same;
        }
        false
    }

    fn slot(&self, table: PhysAddr, index: usize) -> &AtomicU64 {
        assert!(
            self.is_in_use(table),
            "the MMU walks through {table}, which nobody has"
        );
        let slot = self.pointer(table + (index * size_of::<u64>()) as u64).cast();
        // SAFETY: an aligned word of RAM, which lives as long as `self`. Tests drive MMU and table code from one thread, so no
        // plain access to the word happens while this reference is in use.
        unsafe { slot.as_ref() }
    }

    fn record(&self, event: Event) {
        self.state().tlb.log.push(event);
        self.audit(event);
        self.walk_at_once();
    }

    /// Lets the MMU do whatever it may do at this moment, while [`FakeMachine::speculate`] says so.
    pub(super) fn walk_at_once(&self) {
        let speculation = self.state().tlb.speculation.clone();
        let Some(Speculation {
            root,
            asid,
            addresses,
            ..
        }) = speculation
        else {
            return;
        };
        for address in addresses {
            match self.remembered(asid, address) {
                Some((level, leaf)) if leaf.attributes().contains(Attributes::READ_ONLY) => {
                    if self.set_dirty(root, asid, address, leaf) {
                        let page = leaf.address() + address.offset_in(level.size());
                        let mut state = self.state();
                        state
                            .tlb
                            .speculation
                            .iter_mut()
                            .for_each(|speculation| speculation.stored.push(page));
                    }
                }
                Some(_) => {}
                // A walk that finds nothing leaves no trace.
                None => drop(self.walk(root, asid, address)),
            }
        }
    }
}

impl Tlb for FakeMachine {
    fn features(&self) -> MmuFeatures {
        self.0.features
    }

    fn dsb_stores(&self) {
        self.record(Event::DsbStores);
    }

    fn dsb(&self) {
        self.record(Event::Dsb);
    }

    fn isb(&self) {
        self.record(Event::Isb);
    }

    fn tlbi_page(&self, page: PageOperand, reach: Reach) {
        let (asid, start) = (
            (page.0 >> 48) as u16,
            VirtAddr::new(page.0 << PAGE_SHIFT & 0xffff_ffff_f000),
        );
        self.record(Event::Page(asid, start, reach));
        self.state().tlb.forget(asid, start, PAGE_SIZE, reach);
    }

    fn tlbi_range(&self, range: RangeOperand, reach: Reach) {
        assert!(
            self.features().contains(MmuFeatures::TLB_RANGE),
            "this MMU has no TLBI by range"
        );
        let (asid, start) = (
            (range.0 >> 48) as u16,
            VirtAddr::new((range.0 & ((1 << 37) - 1)) << PAGE_SHIFT),
        );
        self.record(Event::Range(asid, start, range.pages(), reach));
        self.state()
            .tlb
            .forget(asid, start, range.pages() << PAGE_SHIFT, reach);
    }

    fn tlbi_asid(&self, asid: PageOperand) {
        let asid = (asid.0 >> 48) as u16;
        self.record(Event::Asid(asid));
        self.state()
            .tlb
            .forget(asid, VirtAddr::new(0), u64::MAX, Reach::Walk);
    }
}
