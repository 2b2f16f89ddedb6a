//! Random edits, compared with a `BTreeMap` of mappings that is edited in the simplest way.

use super::{anonymous, pages};
use crate::vma::merge::{self, Origin};
use crate::vma::{
    Backing, Direction, Faulted, FreeRequest, Identity, ObjectId, Place, Prot, Totals, UserfaultId, Vma,
    VmaFlags, VmaTree,
};
use crate::{PAGE_SIZE, PageRange, VirtAddr};
use core::num::NonZeroU32;
use std::collections::BTreeMap;
use std::vec::Vec;

/// How many pages the mappings share: few, so that they crowd.
const PAGES: u64 = 2048;

/// A generator of numbers that are good enough (xorshift64*).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit
    }

    fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    pub(super) fn range(&mut self, longest: u64) -> PageRange {
        let start = self.below(PAGES);
        pages(start, (start + 1 + self.below(longest)).min(PAGES))
    }

    /// A mapping of some kind or other, of so few kinds that neighbours are often alike.
    pub(super) fn vma(&mut self, range: PageRange) -> Vma {
        let prot = if self.one_in(3) {
            Prot::READ
        } else {
            Prot::READ | Prot::WRITE
        };
        let mut vma = anonymous(range, prot);
        let object = ObjectId::new(NonZeroU32::MIN);
        let offset = range.start().get() / PAGE_SIZE;
        match self.below(12) {
            0 => vma.backing = Backing::Private { object, offset },
            1 => {
                vma.backing = Backing::Shared { object, offset };
                vma.flags |= VmaFlags::SHARED | VmaFlags::MAYSHARE;
            }
            2 => vma.flags |= VmaFlags::SEALED,
            3 => vma.flags |= VmaFlags::LOCKED,
            4 => vma.userfault = Some(UserfaultId::new(NonZeroU32::MIN)),
            5 => {
                vma.backing = Backing::Special { object };
                vma.flags |= VmaFlags::DONTEXPAND;
            }
            _ => {}
        }
        if !matches!(vma.backing, Backing::Shared { .. } | Backing::Special { .. }) && self.one_in(3) {
            vma.anon = Some(self.faulted(range));
        }
        vma
    }

    fn faulted(&mut self, range: PageRange) -> Faulted {
        let identity = match self.below(4) {
            0 => Identity::by_fork(1),
            number => Identity::new(number),
        };
        let away = if self.one_in(3) {
            self.below(8) * PAGE_SIZE
        } else {
            0
        };
        Faulted {
            identity,
            home: range.start() + away,
        }
    }
}

/// The tree and the model side by side.
#[derive(Default)]
struct Both {
    tree: VmaTree,
    model: BTreeMap<u64, Vma>,
    /// How many mappings went the short way.
    lone_moves: usize,
    /// How many mappings went the short way to the highest place.
    highest: usize,
    /// How many went there to grow.
    grown: usize,
}

impl Both {
    fn overlapping(&self, range: PageRange) -> Vec<Vma> {
        let (start, end) = (range.start().get(), range.end().get());
        let before = self
            .model
            .range(..=start)
            .next_back()
            .map_or(start, |(at, _)| *at);
        let near = self.model.range(before..end.max(before));
        near.map(|(_, vma)| *vma)
            .filter(|vma| vma.range.overlaps(range))
            .collect()
    }

    fn holding(&self, addr: VirtAddr) -> Option<Vma> {
        let (_, vma) = self.model.range(..=addr.get()).next_back()?;
        vma.range.contains(addr).then_some(*vma)
    }

    fn unmap_model(&mut self, range: PageRange) -> Vec<Vma> {
        let overlapping = self.overlapping(range);
        for vma in &overlapping {
            self.model.remove(&vma.start().get());
            for (start, end) in [(vma.start(), range.start()), (range.end(), vma.end())] {
                if start < end {
                    self.model
                        .insert(start.get(), vma.with_range(PageRange::between(start, end)));
                }
            }
        }
        let part = |vma: &Vma| vma.with_range(vma.range.intersection(range).unwrap());
        overlapping.iter().map(part).collect()
    }

    /// Does an edit with exactly what is reserved for it.
    fn edit<R>(&mut self, added: usize, edit: impl FnOnce(&mut VmaTree) -> R) -> R {
        self.tree.reserve(added).unwrap();
        let hidden = self.tree.squeeze(self.tree.nodes_for(added));
        let answer = edit(&mut self.tree);
        self.tree.release(hidden);
        answer
    }

    fn unmap(&mut self, range: PageRange) {
        let mut removed = Vec::new();
        self.edit(1, |tree| tree.unmap(range, |vma| removed.push(vma)));
        assert_eq!(removed, self.unmap_model(range));
    }

    /// Adds a mapping to the model, and merges it with its neighbours, if it may have any.
    fn map_model(&mut self, vma: Vma, (before, behind): (bool, bool)) -> Vma {
        let prev = self
            .model
            .range(..vma.start().get())
            .next_back()
            .map(|(_, vma)| *vma);
        let next = self.model.range(vma.start().get()..).next().map(|(_, vma)| *vma);
        let (prev, next) = (prev.filter(|_| before), next.filter(|_| behind));
        let sides = merge::sides(prev.as_ref(), &vma, next.as_ref(), Origin::Usual);
        let merged = merge::merged(prev.as_ref(), &vma, next.as_ref(), sides);
        for gone in [prev.filter(|_| sides.prev), next.filter(|_| sides.next)]
            .into_iter()
            .flatten()
        {
            self.model.remove(&gone.start().get());
        }
        self.model.insert(merged.start().get(), merged);
        merged
    }

    fn map(&mut self, vma: Vma) {
        let merged = self.edit(1, |tree| tree.map(vma, Origin::Usual));
        assert_eq!(merged, self.map_model(vma, (true, true)));
    }

    fn insert(&mut self, vma: Vma) {
        self.edit(1, |tree| tree.insert(vma));
        self.model.insert(vma.start().get(), vma);
    }

    fn split(&mut self, addr: VirtAddr) {
        let cut = self.holding(addr).filter(|vma| vma.start() < addr);
        assert_eq!(self.edit(1, |tree| tree.split(addr)), cut.is_some());
        if let Some(vma) = cut {
            let (head, tail) = (
                PageRange::between(vma.start(), addr),
                PageRange::between(addr, vma.end()),
            );
            self.model.insert(vma.start().get(), vma.with_range(head));
            self.model.insert(addr.get(), vma.with_range(tail));
        }
    }

    fn modify(&mut self, range: PageRange, prot: Prot) {
        let Some(vma) = self.holding(range.start()) else {
            return;
        };
        let range = range.intersection(vma.range).unwrap();
        let merged = self.edit(2, |tree| tree.modify(range, |vma| vma.prot = prot));
        self.unmap_model(range);
        let part = Vma {
            prot,
            ..vma.with_range(range)
        };
        // Cut off, it does not merge with the rest of its own mapping, even if the change changes nothing.
        let outer = (range.start() == vma.start(), range.end() == vma.end());
        assert_eq!(merged, self.map_model(part, outer));
    }

    fn update(&mut self, addr: VirtAddr, anon: Option<Faulted>) {
        let Some(vma) = self.holding(addr) else { return };
        self.edit(0, |tree| tree.update(addr, |vma| vma.anon = anon));
        self.model.insert(vma.start().get(), Vma { anon, ..vma });
    }

    fn free_in_model(&self, request: &FreeRequest) -> Option<VirtAddr> {
        let fits = |start: u64, end: u64| {
            let (start, end) = (
                start.max(request.bounds.start().get()),
                end.min(request.bounds.end().get()),
            );
            (end >= start && end - start >= request.len + request.align - PAGE_SIZE).then_some((start, end))
        };
        // Each gap with the guard at its end, which belongs to the mapping behind it.
        let mut gaps = Vec::new();
        let mut base = 0;
        for vma in self.model.values() {
            let grows = vma.flags.contains(VmaFlags::GROWSDOWN);
            gaps.push((base, vma.start().get(), if grows { request.guard } else { 0 }));
            base = vma.end().get();
        }
        gaps.push((base, u64::MAX, 0));
        match request.direction {
            Direction::TopDown => {
                let mut limit = u64::MAX;
                for &(start, end, guard) in gaps.iter().rev() {
                    // A guard that is in the way shuts all that it covers, whatever lies there.
                    if guard > 0 && fits(start, end.min(limit)).is_some() {
                        limit = limit.min(end.saturating_sub(guard));
                    }
                    if let Some((_, end)) = fits(start, end.min(limit)) {
                        return Some(VirtAddr::new((end - request.len) / request.align * request.align));
                    }
                }
                None
            }
            Direction::BottomUp => gaps
                .iter()
                .find_map(|&(start, end, guard)| fits(start, end.saturating_sub(guard)))
                .map(|(start, _)| VirtAddr::new(start.next_multiple_of(request.align))),
        }
    }

    /// Moves a whole mapping nearby, if it can go the short way: then it touches nothing where it comes to lie.
    fn move_lone(&mut self, random: &mut Random) {
        let Some(vma) = self.holding(random.range(1).start()) else {
            return;
        };
        let to =
            VirtAddr::new((vma.start().get() + random.below(64) * PAGE_SIZE).saturating_sub(32 * PAGE_SIZE));
        let is_it = |flags: VmaFlags, backing: &Backing| flags == vma.flags && *backing == vma.backing;
        let mut place = Place::NOWHERE;
        let start = self.tree.starting_at(vma.start(), &mut place).expect("a mapping");
        let Some(lone) = VmaTree::lone_move(start, vma.range, to, is_it) else {
            return;
        };
        self.tree.move_lone(&place, &lone);
        self.model.remove(&vma.start().get());
        let target = PageRange::between(to, to + vma.range.len());
        let around = PageRange::between(VirtAddr::new(to.get() - PAGE_SIZE), target.end() + PAGE_SIZE);
        assert_eq!(self.overlapping(around), [], "{vma:?} to {to}");
        self.model.insert(to.get(), vma.moved_to(target));
        self.lone_moves += 1;
    }

    fn find_free(&self, random: &mut Random) {
        let request = FreeRequest {
            len: (1 + random.below(6)) * PAGE_SIZE,
            align: PAGE_SIZE << random.below(3),
            bounds: random.range(PAGES),
            guard: 2 * PAGE_SIZE,
            direction: if random.one_in(2) {
                Direction::TopDown
            } else {
                Direction::BottomUp
            },
        };
        assert_eq!(
            self.tree.find_free(&request),
            self.free_in_model(&request),
            "{request:?}"
        );
    }

    /// Maps at the highest place the short way, if it goes that way.
    fn map_highest(&mut self, random: &mut Random) {
        let request = FreeRequest {
            len: (1 + random.below(4)) * PAGE_SIZE,
            align: PAGE_SIZE,
            bounds: random.range(PAGES),
            guard: 2 * PAGE_SIZE,
            direction: Direction::TopDown,
        };
        let writable = Prot::READ | Prot::WRITE;
        let kind = anonymous(
            request.bounds,
            if random.one_in(3) { Prot::READ } else { writable },
        );
        let Some(start) = self.tree.map_highest(&request, kind.prot, kind.flags) else {
            return;
        };
        assert_eq!(Some(start), self.free_in_model(&request), "{request:?}");
        self.map_model(
            kind.with_range(PageRange::between(start, start + request.len)),
            (true, true),
        );
        self.highest += 1;
    }

    /// Lets the first pages of a mapping grow at the highest place, if they go the short way: then they join nothing there.
    fn grow(&mut self, random: &mut Random) {
        let Some(vma) = self.holding(random.range(1).start()) else {
            return;
        };
        let len = match random.one_in(2) {
            true => vma.range.len(),
            false => (1 + random.below(vma.range.pages())) * PAGE_SIZE,
        };
        let request = FreeRequest {
            len: len + (1 + random.below(4)) * PAGE_SIZE,
            align: PAGE_SIZE,
            bounds: random.range(PAGES),
            guard: 2 * PAGE_SIZE,
            direction: Direction::TopDown,
        };
        let mut place = Place::NOWHERE;
        let mapping = self
            .tree
            .starting_at(vma.start(), &mut place)
            .expect("it begins there");
        let mut before = Place::NOWHERE;
        let found = self
            .tree
            .find_growth(&place, &mapping, len, &request, &mut before);
        let Some(target) = found else { return };
        assert_eq!(Some(target.start()), self.free_in_model(&request), "{request:?}");
        self.tree.move_to_grow(&place, len, &before, target);
        let source = PageRange::between(vma.start(), vma.start() + len);
        self.unmap_model(source);
        let copy = vma.with_range(source).moved_to(target);
        assert_eq!(self.map_model(copy, (true, true)), copy);
        self.grown += 1;
    }

    fn look(&self, random: &mut Random) {
        let range = random.range(64);
        assert_eq!(self.tree.iter(range).collect::<Vec<_>>(), self.overlapping(range));
        assert_eq!(self.tree.find(range.start()), self.holding(range.start()));
        let later = self
            .model
            .range(range.start().get()..)
            .next()
            .map(|(_, vma)| *vma);
        let next = self.holding(range.start()).or(later);
        let before = next.map_or(u64::MAX, |next| next.start().get());
        let prev = self.model.range(..before).next_back().map(|(_, vma)| *vma);
        assert_eq!(self.tree.around(range.start()), (prev, next));
    }

    fn step(&mut self, random: &mut Random) {
        match random.below(21) {
            0..4 => {
                let longest = if random.one_in(20) { 200 } else { 3 };
                let range = random.range(longest);
                self.unmap(range);
            }
            4..9 => {
                let range = random.range(3);
                self.unmap(range);
                let vma = random.vma(range);
                self.map(vma);
            }
            9 => {
                let range = random.range(2);
                if self.overlapping(range).is_empty() {
                    let mut vma = random.vma(range);
                    if random.one_in(8) {
                        vma.flags |= VmaFlags::GROWSDOWN;
                    }
                    self.insert(vma);
                }
            }
            10 => self.split(random.range(1).start()),
            11 => {
                let prot = if random.one_in(2) {
                    Prot::READ
                } else {
                    Prot::READ | Prot::WRITE
                };
                self.modify(random.range(4), prot);
            }
            12 => {
                let range = random.range(1);
                let anonymous = |vma: &Vma| matches!(vma.backing, Backing::Anonymous);
                if let Some(vma) = self.holding(range.start()).filter(anonymous) {
                    let anon = (!random.one_in(3)).then(|| random.faulted(vma.range));
                    self.update(range.start(), anon);
                }
            }
            13 => self.find_free(random),
            14 | 15 => self.move_lone(random),
            16 => self.map_highest(random),
            17 | 18 => self.grow(random),
            _ => self.look(random),
        }
    }

    fn check(&self) {
        self.tree.check();
        let all: Vec<Vma> = self.model.values().copied().collect();
        assert_eq!(self.tree.all(), all);
        let sum = |of: fn(&Vma) -> bool| all.iter().filter(|vma| of(vma)).map(|vma| vma.range.len()).sum();
        let totals = Totals {
            mappings: all.len() as u64,
            bytes: sum(|_| true),
            accounted: sum(|vma| vma.flags.contains(VmaFlags::ACCOUNT)),
            locked: sum(|vma| vma.flags.contains(VmaFlags::LOCKED)),
            data: sum(Vma::is_data),
        };
        assert_eq!(self.tree.totals(), totals);
    }
}

#[test]
fn random_edits_agree_with_a_btreemap() {
    let (mut both, mut random) = (Both::default(), Random(0x1ee7));
    for step in 0..1_000_000 {
        both.step(&mut random);
        if step % 512 == 0 || step < 2000 {
            both.check();
        }
        if step % 50_000 == 49_999 {
            both.unmap(pages(0, PAGES));
            assert!(both.tree.is_empty());
        }
    }
    both.check();
    assert!(both.lone_moves > 100, "{} lone moves", both.lone_moves);
    assert!(both.highest > 1000, "{} at the highest place", both.highest);
    assert!(both.grown > 100, "{} grown", both.grown);
}
