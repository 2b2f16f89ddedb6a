//! The audit of flushes: none is missing, and none is there that the architecture does not demand.
//!
//! Tables that are [watched](FakeMachine::watch) have a TLB of their own, which remembers everything that it may: whenever the
//! table code has made its stores visible, all that a walk can find then. So no access has to be made, and no address guessed.
//! What is remembered is *stale* when the tables say something else, as far as the hardware cares. Then
//!
//! - a call that ends with something stale has missed a flush;
//! - a flush that reaches nothing stale is superfluous, and so is one that reaches the walk caches where no table was taken out;
//! - stores come before `DSB ISHST`, that before the TLBIs, and these before `DSB`, once for all of them; with the A76's erratum one
//!   more TLBI and `DSB` follow;
//! - a frame is given back after that `DSB`.

use super::FakeMachine;
use super::tlb::Event;
use crate::machine::{Asid, MmuFeatures, PhysMap, Reach, Tlb};
use crate::table::{Attributes, CONTIGUOUS, Descriptor, ENTRIES, Level};
use crate::{PAGE_SIZE, PhysAddr, VirtAddr};
use std::collections::BTreeMap;
use std::vec::Vec;

/// An entry that a walk finds, valid: a page, a block or a table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Known {
    base: VirtAddr,
    level: Level,
    raw: u64,
}

impl Known {
    const fn entry(self) -> Descriptor {
        Descriptor::from_raw(self.raw)
    }

    const fn is_table(self) -> bool {
        self.entry().is_table(self.level)
    }

    /// Whether a TLB may remember it: a table, or a leaf that was accessed.
    const fn is_cached(self) -> bool {
        self.is_table() || self.entry().attributes().contains(Attributes::ACCESSED)
    }

    /// Whether a TLBI for its address space removes it.
    fn is_reached(self, tlbi: Event) -> bool {
        let (start, bytes, reach) = match tlbi {
            Event::Page(_, start, reach) => (start, PAGE_SIZE, reach),
            Event::Range(_, start, pages, reach) => (start, pages * PAGE_SIZE, reach),
            _ => return true,
        };
        let (base, start) = (self.base.get(), start.get());
        let level = reach == Reach::Walk || !self.is_table();
        level && base < start.saturating_add(bytes) && start < base + self.level.size()
    }

    fn leads_to(self, frame: PhysAddr) -> bool {
        let size = if self.is_table() {
            PAGE_SIZE
        } else {
            self.level.size()
        };
        frame.get().wrapping_sub(self.entry().address().get()) < size
    }
}

/// One set of tables.
struct Watched {
    root: PhysAddr,
    /// What walkers find since the last `DSB ISHST`.
    visible: Vec<Known>,
    /// What a TLB may remember, stale or not, in ascending order.
    remembered: Vec<Known>,
    /// What TLBIs removed of it that no `DSB` has completed yet.
    leaving: Vec<Known>,
}

/// How far the table code has come with a flush.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
enum Step {
    /// With none, or it is complete.
    #[default]
    None,
    /// Stores are visible.
    Stored,
    /// TLBIs are under way. Whether one was asked to reach the walk caches; whether one has removed a table that was stale, and
    /// anything that was.
    Flushing { walks: bool, tables: bool, found: bool },
    /// They are complete, but one more is due.
    Again,
    /// That is under way.
    Repeating,
}

/// All that is watched.
#[derive(Default)]
pub(super) struct Audit {
    watched: BTreeMap<u16, Watched>,
    step: Step,
}

impl Audit {
    /// Has the TLB remember what the MMU has just found, and perhaps noted an access or a store in.
    pub(super) fn learn(&mut self, asid: u16, level: Level, base: VirtAddr, entry: Descriptor) {
        if let Some(watched) = self.watched.get_mut(&asid) {
            let raw = entry.raw();
            let known = Known { base, level, raw };
            if let Err(place) = watched.remembered.binary_search(&known) {
                watched.remembered.insert(place, known);
            }
        }
    }

    /// Panics if a TLB may still lead to `frame`.
    pub(super) fn assert_forgotten(&self, frame: PhysAddr) {
        for (asid, watched) in &self.watched {
            let mut known = watched.remembered.iter().chain(&watched.leaving);
            if let Some(known) = known.find(|known| known.leads_to(frame)) {
                panic!("{frame} was given back, but ASID {asid} may still reach it by {known:x?}");
            }
        }
    }
}

impl FakeMachine {
    /// Has the flushes of these tables audited from now on, and ends the call before: whatever a TLB may remember must still hold.
    /// Answers how many entries a walker finds.
    ///
    /// # Panics
    /// If a flush is missing; later at one that is superfluous, or out of order.
    pub fn watch(&self, root: PhysAddr, asid: Asid) -> usize {
        #[cfg(test)]
        let _spared = super::heap::Spared::new();
        self.settle(root, asid);
        let visible = self.walk_all(root);
        let remembered = visible.iter().copied().filter(|known| known.is_cached());
        let count = visible.len();
        let watched = Watched {
            root,
            remembered: remembered.collect(),
            visible,
            leaving: Vec::new(),
        };
        let mut state = self.state();
        state.tlb.audit.watched.insert(asid.0, watched);
        count
    }

    /// Ends the audit of tables that are gone.
    pub fn unwatch(&self, asid: Asid) {
        self.state().tlb.audit.watched.remove(&asid.0);
    }

    /// Checks what a call has left.
    fn settle(&self, root: PhysAddr, asid: Asid) {
        let mut state = self.state();
        let Some(watched) = state.tlb.audit.watched.remove(&asid.0) else {
            return;
        };
        if watched.root != root {
            return;
        }
        let step = core::mem::take(&mut state.tlb.audit.step);
        drop(state);
        assert!(
            matches!(step, Step::None | Step::Stored),
            "a call ends in the middle of a flush: {step:?}"
        );
        for known in &watched.remembered {
            assert!(
                self.still_holds(watched.root, known),
                "a flush is missing: ASID {} may still remember {known:x?}",
                asid.0
            );
        }
    }

    /// Looks at an instruction of the table code.
    pub(super) fn audit(&self, event: Event) {
        #[cfg(test)]
        let _spared = super::heap::Spared::new();
        let mut audit = core::mem::take(&mut self.state().tlb.audit);
        if !audit.watched.is_empty() {
            let step = audit.step;
            audit.step = match event {
                Event::DsbStores => self.stores_visible(&mut audit),
                Event::Dsb => self.completed(&mut audit),
                Event::Isb => step,
                Event::Page(asid, ..) | Event::Range(asid, ..) | Event::Asid(asid) => {
                    self.flushed(&mut audit, asid, event)
                }
            };
        }
        self.state().tlb.audit = audit;
    }

    /// `DSB ISHST`: walkers find what there is now, and a TLB may remember it beside what it remembered before.
    fn stores_visible(&self, audit: &mut Audit) -> Step {
        assert!(
            matches!(audit.step, Step::None | Step::Stored),
            "stores in the middle of a flush: {:?}",
            audit.step
        );
        for watched in audit.watched.values_mut() {
            watched.visible = self.walk_all(watched.root);
            let new = watched.visible.iter().copied().filter(|known| known.is_cached());
            watched.remembered.extend(new);
            watched.remembered.sort_unstable();
            watched.remembered.dedup();
        }
        Step::Stored
    }

    /// `DSB`: nobody uses any more what the TLBIs before removed.
    fn completed(&self, audit: &mut Audit) -> Step {
        let again = self.features().contains(MmuFeatures::REPEAT_FLUSH);
        let next = match audit.step {
            Step::Flushing { walks, tables, found } => {
                assert!(found, "a superfluous flush: nothing has changed in the range");
                // A whole address space is forgotten with its walks, however little of it is stale.
                assert!(
                    tables || !walks,
                    "a flush of walk caches although no table was taken out"
                );
                if again { Step::Again } else { Step::None }
            }
            Step::Repeating => Step::None,
            step => panic!("a DSB without a TLBI before it: {step:?}"),
        };
        audit
            .watched
            .values_mut()
            .for_each(|watched| watched.leaving.clear());
        next
    }

    /// A TLBI.
    fn flushed(&self, audit: &mut Audit, asid: u16, tlbi: Event) -> Step {
        let (mut walks, mut tables, mut found) = match audit.step {
            Step::Stored => (false, false, false),
            Step::Flushing { walks, tables, found } => (walks, tables, found),
            Step::Again => return Step::Repeating,
            step => panic!("a TLBI without a DSB ISHST before it, or after its DSB: {step:?}"),
        };
        if let Some(watched) = audit.watched.get_mut(&asid) {
            if audit.step == Step::Stored {
                let now = self.walk_all(watched.root);
                let alike = self.are_alike(&now, &watched.visible);
                assert!(alike, "stores after the DSB ISHST that comes before a TLBI");
            }
            let stale = |known: &Known| known.is_reached(tlbi) && !self.still_holds(watched.root, known);
            let (stale, others): (Vec<Known>, Vec<Known>) =
                watched.remembered.iter().partition(|known| stale(known));
            // A flush may take several instructions, and what is stale be among what is not.
            let useful = match tlbi {
                Event::Page(..) | Event::Range(..) => true,
                _ => !stale.is_empty(),
            };
            assert!(
                useful,
                "a superfluous TLBI: nothing has changed that {tlbi:x?} reaches"
            );
            walks |= matches!(tlbi, Event::Page(.., Reach::Walk) | Event::Range(.., Reach::Walk));
            tables |= stale.iter().any(|known| known.is_table());
            found |= !stale.is_empty();
            watched.remembered = others;
            watched.leaving.extend(stale);
        } else {
            found = true;
        }
        Step::Flushing { walks, tables, found }
    }

    /// Whether what a TLB remembers is what a walk would find now, as far as the hardware cares.
    fn still_holds(&self, root: PhysAddr, known: &Known) -> bool {
        let mut table = root;
        for level in Level::ALL {
            let entry = self.entries(table)[level.index(known.base)];
            let entry = Descriptor::from_raw(entry);
            if !entry.is_valid() {
                return false;
            }
            if level == known.level {
                let same_kind = entry.is_table(level) == known.is_table();
                return same_kind && self.translates_alike(known.entry(), entry, known.is_table());
            }
            if !entry.is_table(level) {
                return false;
            }
            table = entry.address();
        }
        false
    }

    /// Whether the MMU answers by a remembered entry as it would by the one that is there `now`.
    fn translates_alike(&self, remembered: Descriptor, now: Descriptor, is_table: bool) -> bool {
        if is_table {
            return remembered.address() == now.address();
        }
        let software =
            Attributes::ZERO_PAGE | Attributes::COPY_ON_WRITE | Attributes::DIRTY | Attributes::LAZY;
        let mut ignored = software;
        let (before, after) = (remembered.attributes(), now.attributes());
        let by_hardware = self.features().contains(MmuFeatures::HARDWARE_DIRTY);
        if by_hardware && before.contains(Attributes::WRITABLE) && before.contains(Attributes::READ_ONLY) {
            // The hardware itself makes it dirty.
            ignored |= Attributes::READ_ONLY;
        }
        if before.contains(Attributes::CONTIGUOUS) && after.contains(Attributes::CONTIGUOUS) {
            // The state of one is that of all.
            ignored |= Attributes::ACCESSED;
        }
        (remembered.raw() ^ now.raw()) & !ignored.bits() == 0
    }

    /// Whether walkers find the same, but for what the hardware may have noted in between.
    fn are_alike(&self, some: &[Known], others: &[Known]) -> bool {
        let noted = (Attributes::ACCESSED | Attributes::READ_ONLY).bits();
        let alike = |(one, other): (&Known, &Known)| {
            let ignored = if one.is_table() { 0 } else { noted };
            one.base == other.base && one.level == other.level && (one.raw ^ other.raw) & !ignored == 0
        };
        some.len() == others.len() && some.iter().zip(others).all(alike)
    }

    /// All that a walker can find, in ascending order.
    fn walk_all(&self, root: PhysAddr) -> Vec<Known> {
        let mut found = Vec::new();
        self.walk_table(Level::Pgd, root, VirtAddr::new(0), &mut found);
        found
    }

    fn walk_table(&self, level: Level, table: PhysAddr, base: VirtAddr, found: &mut Vec<Known>) {
        let entries = self.entries(table);
        for (index, raw) in entries.iter().copied().enumerate() {
            let entry = Descriptor::from_raw(raw);
            if !entry.is_valid() {
                continue;
            }
            let base = base + index as u64 * level.size();
            let raw = raw | self.accessed_with(entries, index, level);
            found.push(Known { base, level, raw });
            if let Some(below) = level.below().filter(|_| entry.is_table(level)) {
                self.walk_table(below, entry.address(), base, found);
            }
        }
    }

    /// The access flag that an entry has by another of its contiguous group.
    fn accessed_with(&self, entries: &[u64], index: usize, level: Level) -> u64 {
        if !Descriptor::from_raw(entries[index]).is_contiguous(level) {
            return 0;
        }
        let first = index & !(CONTIGUOUS - 1);
        let group = entries[first..first + CONTIGUOUS].iter();
        let any = group.fold(0, |any, raw| any | raw);
        any & Attributes::ACCESSED.bits()
    }

    fn entries(&self, table: PhysAddr) -> &[u64] {
        debug_assert!(self.is_in_use(table), "{table} is nobody's, and a table");
        let words = self.pointer(table).cast::<u64>();
        // SAFETY: a frame of RAM, which lives as long as `self`. Tests drive MMU and table code from one thread, and no store to the table
        // happens while the reference is in use.
        unsafe { core::slice::from_raw_parts(words.as_ptr(), ENTRIES) }
    }
}
