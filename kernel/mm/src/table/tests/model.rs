//! Tables and model side by side: every operation is done to both, and both are compared.

use super::*;
use crate::Access;
use crate::PhysAddr;
use crate::fake::audited::Audited;
use crate::fake::tlb::Fault;
use crate::machine::{MmuFeatures, Tlb};
use crate::table::page::Table;
use core::iter;
use std::collections::BTreeMap;
use std::vec::Vec;

/// What the model knows of a page; a block is 512 of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Page {
    Mapped(Leaf),
    Guard,
}

pub(super) struct Pair {
    pub(super) machine: FakeMachine,
    pub(super) tables: Audited<PageTables<FakeMachine>>,
    pub(super) model: BTreeMap<u64, Page>,
}

impl Pair {
    pub(super) fn new(frames: usize, features: MmuFeatures) -> Self {
        let machine = FakeMachine::with_features(frames, features);
        let tables = PageTables::new(machine.clone(), Asid(5)).expect("a frame for the root");
        Self {
            machine,
            tables: Audited::new(tables),
            model: BTreeMap::new(),
        }
    }

    fn free(&self, range: PageRange) -> bool {
        let first = range.start().get() / PAGE_SIZE;
        self.model.range(first..first + range.pages()).next().is_none()
    }

    pub(super) fn map(&mut self, page: u64, attributes: Attributes) {
        if !self.free(pages(page, 1)) {
            return;
        }
        let Some(frame) = self.machine.take_frame() else {
            return;
        };
        let leaf = Leaf {
            address: frame.into_raw(),
            attributes,
        };
        match self.tables.unaudited().map(VirtAddr::new(page * PAGE_SIZE), leaf) {
            Ok(()) => drop(self.model.insert(page, Page::Mapped(leaf))),
            Err(OutOfMemory) => give_back(&self.machine, Level::Pte, leaf),
        }
    }

    /// Maps a block in the 2 MiB around `page`.
    pub(super) fn map_block(&mut self, page: u64, attributes: Attributes) {
        let first = page & !511;
        if !self.free(pages(first, 512)) {
            return;
        }
        let Some(block) = self.machine.take_block() else {
            return;
        };
        let leaf = Leaf {
            address: block.into_raw(),
            attributes,
        };
        match self
            .tables
            .map_block(Level::Pmd, VirtAddr::new(first * PAGE_SIZE), leaf)
        {
            Ok(()) => {
                for page in 0..512 {
                    let piece = Leaf {
                        address: leaf.address + page * PAGE_SIZE,
                        attributes,
                    };
                    self.model.insert(first + page, Page::Mapped(piece));
                }
            }
            Err(OutOfMemory) => give_back(&self.machine, Level::Pmd, leaf),
        }
    }

    /// Maps a block of 1 GiB, which is no RAM, in the 1 GiB around `page`; answers whether there was memory for what it sets aside.
    pub(super) fn map_gibibyte(&mut self, page: u64, attributes: Attributes) -> bool {
        let pages = Level::Pud.size() / PAGE_SIZE;
        let first = page & !(pages - 1);
        let leaf = Leaf {
            address: NO_RAM + first * PAGE_SIZE,
            attributes,
        };
        let mapped = self
            .tables
            .map_block(Level::Pud, VirtAddr::new(first * PAGE_SIZE), leaf)
            .is_ok();
        for page in 0..if mapped { pages } else { 0 } {
            let address = leaf.address + page * PAGE_SIZE;
            self.model
                .insert(first + page, Page::Mapped(Leaf { address, attributes }));
        }
        mapped
    }

    /// Shares what is in `range` with other tables, if there is memory for them, and compares the two.
    pub(super) fn fork(&mut self, range: PageRange) {
        self.tables.begin_call();
        self.tables.split(range.start());
        self.tables.split(range.end());
        let Ok(mut child) = self.tables.for_fork(Asid(6), iter::once(range)) else {
            return;
        };
        self.machine.fail_after(0);
        let mut shared = Vec::new();
        let parts = iter::once((range, Sharing::CopyOnWrite));
        self.tables
            .share(&mut child, parts, Users::Told, |page| shared.push(page));
        self.machine.never_fail();

        let (mut pages, mut guards) = (Vec::new(), 0);
        let first = range.start().get() / PAGE_SIZE;
        for (page, what) in self.model.range_mut(first..first + range.pages()) {
            match what {
                Page::Mapped(leaf) => {
                    leaf.attributes = leaf.attributes.copied_on_write();
                    pages.push(leaf.address);
                }
                Page::Guard => {
                    guards += 1;
                    let entry = child.query(VirtAddr::new(page * PAGE_SIZE));
                    assert_eq!(entry, (Level::Pte, Entry::Guard));
                }
            }
        }
        assert_eq!(shared, pages);
        let all = self::pages(0, crate::TASK_SIZE / PAGE_SIZE);
        let ours: Vec<_> = self.tables.leaves(range).collect();
        assert_eq!(child.leaves(all).collect::<Vec<_>>(), ours);
        let mut seen = 0;
        while let Some(run) = child.first_guards(all) {
            seen += run.pages();
            child.unmap(run, |_, _, _| {});
        }
        assert_eq!(seen, guards);
        child.unmap(all, |_, _, _| {});
    }

    /// Maps the 16 pages of the contiguous group around `page`.
    pub(super) fn map_group(&mut self, page: u64, attributes: Attributes) {
        let first = page & !15;
        if !self.free(pages(first, 16)) {
            return;
        }
        let Some(block) = self.machine.take_block() else {
            return;
        };
        for (page, frame) in (first..).zip(block.into_frames()) {
            let leaf = Leaf {
                address: frame.address(),
                attributes: attributes | Attributes::CONTIGUOUS,
            };
            if page - first < 16
                && self
                    .tables
                    .unaudited()
                    .map(VirtAddr::new(page * PAGE_SIZE), leaf)
                    .is_ok()
            {
                self.model.insert(page, Page::Mapped(leaf));
                let _ = frame.into_raw();
            } else {
                self.machine.give_frame(frame);
            }
        }
    }

    /// Puts guards into all of `range`, with the tables that were reserved and no other.
    pub(super) fn guard(&mut self, range: PageRange) {
        self.tables.begin_call();
        let tables = self.tables.tables_for_guards(range);
        if self.tables.reserve_guards(tables).is_err() {
            return;
        }
        self.machine.fail_after(0);
        self.take_out(range);
        self.tables.guard(range);
        self.machine.never_fail();
        let first = range.start().get() / PAGE_SIZE;
        self.model
            .extend((first..first + range.pages()).map(|page| (page, Page::Guard)));
        let around = PageRange::new(range.start(), range.end() + PAGE_SIZE);
        let found = around.and_then(|around| self.tables.first_guards(around));
        assert_eq!(found.map(PageRange::start), Some(range.start()));
        assert!(found.is_some_and(|found| found.end() >= range.end()));
    }

    pub(super) fn unmap(&mut self, range: PageRange) {
        self.tables.begin_call();
        self.take_out(range);
    }

    /// Unmaps `range`.
    fn take_out(&mut self, range: PageRange) {
        let machine = self.machine.clone();
        let mut seen = 0;
        self.tables.unmap(range, |address, level, leaf| {
            seen += level.size() / PAGE_SIZE;
            assert!(range.contains(address));
            give_back(&machine, level, leaf);
        });
        let first = range.start().get() / PAGE_SIZE;
        let gone: Vec<_> = self
            .model
            .extract_if(first..first + range.pages(), |_, _| true)
            .collect();
        assert_eq!(
            seen,
            gone.iter()
                .filter(|(_, page)| matches!(page, Page::Mapped(_)))
                .count() as u64
        );
    }

    pub(super) fn protect(&mut self, range: PageRange, rights: Rights) {
        self.tables.begin_call();
        self.tables.split(range.start());
        self.tables.split(range.end());
        self.tables
            .protect(range, |attributes| attributes.with_rights(rights));
        let first = range.start().get() / PAGE_SIZE;
        for (_, page) in self.model.range_mut(first..first + range.pages()) {
            if let Page::Mapped(leaf) = page {
                leaf.attributes = leaf.attributes.with_rights(rights);
            }
        }
    }

    /// Begins a call that moves, and sets aside what it needs; from then on there is no more memory. Answers whether it can move.
    fn may_relocate(&mut self, source: PageRange, target: PageRange) -> bool {
        if source.overlaps(target) {
            return false;
        }
        self.tables.begin_call();
        let reserved = self.tables.reserve_relocation(source, target.start()).is_ok();
        match reserved {
            true => self.machine.fail_after(0),
            false => self.tables.begin_call(),
        }
        reserved
    }

    /// Unmaps the target and moves; memory runs out in the reserve step or not at all.
    pub(super) fn relocate(&mut self, source: PageRange, target: PageRange) {
        if !self.may_relocate(source, target) {
            return;
        }
        let machine = self.machine.clone();
        self.tables
            .unmap(target, |_, level, leaf| give_back(&machine, level, leaf));
        self.machine.take_log();
        self.tables.relocate(source, target.start());
        self.machine.never_fail();
        self.moved(source, target);
    }

    /// The same in one edit; the target may be longer than the source.
    pub(super) fn relocate_onto(&mut self, source: PageRange, target: PageRange) {
        if !self.may_relocate(source, target) {
            return;
        }
        let machine = self.machine.clone();
        self.tables.relocate_onto(source, target, |address, level, leaf| {
            assert!(target.contains(address));
            give_back(&machine, level, leaf);
        });
        self.machine.never_fail();
        self.moved(source, target);
    }

    /// Whatever was in `target` has gone, and what was in `source` has come to its start.
    fn moved(&mut self, source: PageRange, target: PageRange) {
        let (from, to) = (source.start().get() / PAGE_SIZE, target.start().get() / PAGE_SIZE);
        self.model
            .extract_if(to..to + target.pages(), |_, _| true)
            .for_each(drop);
        let moved: Vec<_> = self
            .model
            .extract_if(from..from + source.pages(), |_, _| true)
            .collect();
        self.model
            .extend(moved.into_iter().map(|(page, what)| (page - from + to, what)));
    }

    /// An access by the program, to be answered as the model says; hardware and software keep access and dirty state.
    pub(super) fn access(&mut self, page: u64, access: Access) {
        let address = VirtAddr::new(page * PAGE_SIZE);
        let answer = self
            .machine
            .access(self.tables.root(), self.tables.asid(), address, access);
        let Some(Page::Mapped(leaf)) = self.model.get(&page).copied() else {
            return assert!(
                matches!(answer, Err(Fault::Translation(_))),
                "{address}: {answer:?}"
            );
        };
        let wanted = match access {
            Access::Read => Rights::READ,
            Access::Write => Rights::WRITE,
            Access::Execute => Rights::EXECUTE,
        };
        if leaf.attributes.contains(Attributes::NO_ACCESS) {
            return assert!(
                matches!(answer, Err(Fault::Translation(_))),
                "{address}: {answer:?}"
            );
        }
        if !leaf.attributes.rights().contains(wanted) {
            // The hardware notes the access before it looks at the rights.
            if self.machine.features().contains(MmuFeatures::HARDWARE_ACCESS) {
                self.touched(address, false);
            }
            return assert!(answer.is_err(), "{address}: {answer:?}");
        }
        let write = access == Access::Write;
        match answer {
            Ok(physical) => assert_eq!(physical, leaf.address, "{address}"),
            Err(Fault::Translation(level)) => {
                panic!("{address} is mapped, but nothing was found at {level:?}")
            }
            Err(_) => {
                self.tables
                    .slot(address)
                    .set_attributes(|attributes| attributes.touched(write));
                let again = self
                    .machine
                    .access(self.tables.root(), self.tables.asid(), address, access);
                assert_eq!(again, Ok(leaf.address), "{address}");
            }
        }
        self.touched(address, write);
    }

    /// Notes in the model that stores went to these pages while an edit was under way, wherever they are mapped now.
    ///
    /// A store that came before the edit of its page was kept in software's bit, which a page that may not be written needs,
    /// and one that may has or has not, as the store came before or after.
    pub(super) fn stored(&mut self, pages: &[PhysAddr]) {
        let hit = |(page, what): (&u64, &Page)| match what {
            Page::Mapped(leaf) if pages.contains(&leaf.address) => Some(*page),
            _ => None,
        };
        let stored: Vec<u64> = self.model.iter().filter_map(hit).collect();
        for page in stored {
            let address = VirtAddr::new(page * PAGE_SIZE);
            self.touched(address, true);
            let Some(Page::Mapped(known)) = self.model.get_mut(&page) else {
                continue;
            };
            let kept = match self.tables.query(address) {
                (_, Entry::Leaf(found)) if known.attributes.is_dirty() => {
                    found.attributes & Attributes::DIRTY
                }
                _ => Attributes::DIRTY,
            };
            known.attributes |= kept;
        }
    }

    /// Notes an access in the model: for all pages of the block, if it is one.
    fn touched(&mut self, address: VirtAddr, write: bool) {
        let (level, _) = self.tables.query(address);
        let first = address.align_down(level.size()).get() / PAGE_SIZE;
        for (_, page) in self.model.range_mut(first..first + level.size() / PAGE_SIZE) {
            if let Page::Mapped(leaf) = page {
                leaf.attributes = leaf.attributes.touched(write);
            }
        }
    }

    /// Compares everything, and looks at every table.
    pub(super) fn check(&mut self) {
        let all = pages(0, crate::TASK_SIZE / PAGE_SIZE);
        let mapped = self
            .model
            .values()
            .filter(|page| matches!(page, Page::Mapped(_)))
            .count() as u64;
        let mut seen = 0;
        for (address, level, leaf) in self.tables.leaves(all) {
            for page in 0..level.size() / PAGE_SIZE {
                let found = Leaf {
                    address: leaf.address + page * PAGE_SIZE,
                    ..leaf
                };
                let number = address.get() / PAGE_SIZE + page;
                let Some(Page::Mapped(known)) = self.model.get_mut(&number) else {
                    panic!("{address} {level:?} should not be mapped");
                };
                if known.attributes.contains(Attributes::CONTIGUOUS) {
                    adopt(known, found.attributes);
                }
                let attributes = known.attributes - Attributes::CONTIGUOUS;
                let expected = Leaf {
                    attributes: attributes | found.attributes & Attributes::CONTIGUOUS,
                    ..*known
                };
                assert_eq!(found, expected, "{address} {level:?}");
                seen += 1;
            }
        }
        assert_eq!(seen, mapped);
        for (page, what) in &self.model {
            if *what == Page::Guard {
                assert_eq!(
                    self.tables.query(VirtAddr::new(page * PAGE_SIZE)),
                    (Level::Pte, Entry::Guard)
                );
            }
        }
        let is_ram = |page: &&Page| matches!(page, Page::Mapped(leaf) if leaf.address < NO_RAM);
        let in_ram = self.model.values().filter(is_ram).count() as u64;
        let tables = self.check_table(Level::Pgd, self.tables.root);
        let spare = self.tables.pool.len();
        assert_eq!(
            self.machine.frames_in_use() as u64,
            in_ram + tables + spare as u64,
            "frames were lost"
        );
    }

    /// Checks occupancy and validity below a table; answers the number of tables.
    fn check_table(&self, level: Level, table: Table) -> u64 {
        let (mut tables, mut present) = (1, 0);
        for index in 0..ENTRIES {
            let entry = self.tables.live(table).get(index);
            match entry.decode(level) {
                Entry::Absent => continue,
                Entry::Table(_) => {
                    assert!(entry.is_valid(), "a detached table was left behind");
                    tables += self.check_table(level.below().expect("a table above pages"), Table::of(entry));
                }
                Entry::Leaf(leaf) => {
                    assert_eq!(entry.is_valid(), !leaf.attributes.contains(Attributes::NO_ACCESS));
                    let contiguous = leaf.attributes.contains(Attributes::CONTIGUOUS);
                    assert!(!contiguous || table.may_be_contiguous(&self.machine));
                }
                Entry::Guard => assert!(!entry.is_valid()),
            }
            present += 1;
        }
        assert_eq!(table.occupancy(&self.machine), present, "{level:?}");
        assert!(
            present > 0 || level == Level::Pgd,
            "an empty table was left behind"
        );
        tables
    }

    /// Takes everything out and drops the tables: no frame may be left.
    pub(super) fn finish(self) {
        let Self {
            machine, mut tables, ..
        } = self;
        tables.begin_call();
        tables.unmap(pages(0, crate::TASK_SIZE / PAGE_SIZE), |_, level, leaf| {
            give_back(&machine, level, leaf)
        });
        drop(tables);
        assert_eq!(machine.frames_in_use(), 0);
    }
}

/// A page that is or was in a contiguous group may have come by more access and dirty state than it had itself: the group's.
fn adopt(known: &mut Leaf, found: Attributes) {
    assert!(
        found.is_dirty() || !known.attributes.is_dirty(),
        "dirty state was lost"
    );
    assert!(found.contains(Attributes::ACCESSED) || !known.attributes.contains(Attributes::ACCESSED));
    let state = Attributes::ACCESSED | Attributes::READ_ONLY | Attributes::DIRTY;
    known.attributes = (known.attributes - state) | (found & state);
}
