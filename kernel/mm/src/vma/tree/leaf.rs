//! The lowest nodes: mappings in order.

use super::super::merge::{Relation, relation};
use super::super::{Backing, Faulted, NameId, Prot, UserfaultId, Vma, VmaFlags};
use super::summary::{Homes, Summary, Sums};
use crate::{PageRange, VirtAddr};

/// How many mappings a leaf holds, so that it is 1 KiB.
pub(super) const LEAF: usize = 15;
/// How many it holds at least, unless it is the root.
pub(super) const LEAF_MIN: usize = 7;

/// Where a mapping lies, counted from the end of the one before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extent {
    /// Free bytes before it.
    pub(super) gap: u64,
    /// Its length in bytes.
    pub(super) len: u64,
}

impl Extent {
    /// Both.
    #[inline]
    pub(super) const fn reach(self) -> u64 {
        self.gap + self.len
    }
}

/// A mapping without its place.
#[derive(Clone, Copy)]
struct Traits {
    prot: Prot,
    flags: VmaFlags,
    backing: Backing,
    anon: Option<Faulted>,
    userfault: Option<UserfaultId>,
    name: Option<NameId>,
}

impl Traits {
    const BLANK: Self = Self {
        prot: Prot::empty(),
        flags: VmaFlags::empty(),
        backing: Backing::Anonymous,
        anon: None,
        userfault: None,
        name: None,
    };

    #[inline]
    fn of(vma: &Vma) -> Self {
        let Vma {
            range: _,
            prot,
            flags,
            backing,
            anon,
            userfault,
            name,
        } = *vma;
        Self {
            prot,
            flags,
            backing,
            anon,
            userfault,
            name,
        }
    }

    #[inline]
    fn at(&self, range: PageRange) -> Vma {
        let Self {
            prot,
            flags,
            backing,
            anon,
            userfault,
            name,
        } = *self;
        Vma {
            range,
            prot,
            flags,
            backing,
            anon,
            userfault,
            name,
        }
    }
}

/// A leaf. Extents are kept in order; the rest of a mapping stays in the slot that it was given, and `order` says which: four bits
/// a mapping, the free slots behind. So an insertion moves 16 bytes a mapping and not 64.
#[derive(Clone)]
#[repr(align(64))]
pub(super) struct Leaf {
    len: usize,
    order: u64,
    /// What the first mapping is to the one before it, in another leaf; all other pairs are worked out when they are needed.
    pub(super) head: Relation,
    extents: [Extent; LEAF],
    traits: [Traits; LEAF],
}

impl Leaf {
    /// A leaf without mappings.
    pub(super) const BLANK: Self = Self {
        len: 0,
        order: 0xfedc_ba98_7654_3210,
        head: Relation::Apart,
        extents: [Extent { gap: 0, len: 0 }; LEAF],
        traits: [Traits::BLANK; LEAF],
    };

    /// Forgets all mappings.
    #[inline]
    pub(super) const fn clear(&mut self) {
        self.len = 0;
        self.head = Relation::Apart;
    }

    /// How many mappings there are.
    #[inline]
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Where they lie.
    #[inline]
    pub(super) fn extents(&self) -> &[Extent] {
        &self.extents[..self.len]
    }

    /// The same, to change it.
    #[inline]
    pub(super) fn extents_mut(&mut self) -> &mut [Extent] {
        &mut self.extents[..self.len]
    }

    /// Where mapping `at` lies.
    #[inline]
    pub(super) fn extent_mut(&mut self, at: usize) -> &mut Extent {
        &mut self.extents[at]
    }

    #[inline]
    const fn slot(&self, at: usize) -> usize {
        (self.order >> (4 * at)) as usize & 15
    }

    /// Mapping `at`, whose gap begins at `base`.
    #[inline(always)]
    pub(super) fn get(&self, at: usize, base: u64) -> Vma {
        let Extent { gap, len } = self.extents[at];
        let start = VirtAddr::new(base.wrapping_add(gap));
        self.traits[self.slot(at)].at(PageRange::between(
            start,
            VirtAddr::new(start.get().wrapping_add(len)),
        ))
    }

    /// Changes all but the place of mapping `at` to that of `vma`.
    #[inline]
    pub(super) fn set_traits(&mut self, at: usize, vma: &Vma) {
        self.traits[self.slot(at)] = Traits::of(vma);
    }

    /// Puts `vma` before mapping `at`, with `extent`; the extents of the others stay.
    #[inline(always)]
    pub(super) fn insert(&mut self, at: usize, extent: Extent, vma: &Vma) {
        self.open_one(at, extent);
        self.set_traits(at, vma);
    }

    /// Puts one that is like mapping `at` before mapping `to`, with `extent`; the extents of the others stay. Answers which one
    /// mapping `at` is then.
    #[inline(always)]
    pub(super) fn insert_like(&mut self, at: usize, to: usize, extent: Extent) -> usize {
        let like = self.slot(at);
        self.open_one(to, extent);
        self.traits[self.slot(to)] = self.traits[like];
        at + usize::from(to <= at)
    }

    /// Tells mapping `at` that it begins `bytes` later, as [`Vma::with_range`]; its extent stays.
    #[inline(always)]
    pub(super) fn advance(&mut self, at: usize, bytes: u64) {
        let traits = &mut self.traits[self.slot(at)];
        traits.backing = traits.backing.shifted(bytes as i64);
        traits.anon = traits.anon.map(|anon| anon.shifted(bytes as i64));
    }

    /// Puts `extent` before mapping `at`, in a slot that is the caller's to fill.
    #[inline(always)]
    fn open_one(&mut self, at: usize, extent: Extent) {
        self.open_slots(at, 1);
        let mut carried = extent;
        for extent in &mut self.extents[at..self.len] {
            core::mem::swap(extent, &mut carried);
        }
    }

    /// Makes room for `count` mappings before mapping `at`, in slots and with extents that are the caller's to fill.
    fn open(&mut self, at: usize, count: usize) {
        self.extents.copy_within(at..self.len, at + count);
        self.open_slots(at, count);
    }

    #[inline(always)]
    fn open_slots(&mut self, at: usize, count: usize) {
        debug_assert!(at <= self.len && self.len + count <= LEAF);
        let below = low_nibbles(at);
        let slots = self.order >> (4 * self.len) & low_nibbles(count);
        let moved = self.order & !below & low_nibbles(self.len);
        let above = self.order & !low_nibbles(self.len + count);
        self.order = self.order & below | above | moved << (4 * count) | slots << (4 * at);
        self.len += count;
    }

    /// Makes `part` a mapping of its own, which is a part of `old`, mapping `at`; so are the rests of that before and behind it. The
    /// extents of the others stay.
    #[inline(always)]
    pub(super) fn cut(&mut self, at: usize, old: &Vma, part: &Vma) {
        let (head, tail) = (part.start() - old.start(), old.end() - part.end());
        let more = usize::from(head != 0) + usize::from(tail != 0);
        self.open(at + 1, more);
        let mut to = at;
        if head != 0 {
            self.extents[at].len = head;
            to += 1;
            self.extents[to].gap = 0;
        }
        self.extents[to].len = part.range.len();
        self.set_traits(to, part);
        if tail != 0 {
            let rest = PageRange::between(part.end(), old.end());
            self.extents[to + 1] = Extent { gap: 0, len: tail };
            self.set_traits(to + 1, &old.with_range(rest));
        }
    }

    /// Takes mapping `at` out; the extents of the others stay.
    pub(super) fn remove(&mut self, at: usize) {
        debug_assert!(at < self.len);
        let slot = self.slot(at) as u64;
        let (below, above) = (low_nibbles(at), !low_nibbles(self.len));
        let moved = self.order & !low_nibbles(at + 1) & low_nibbles(self.len);
        self.order = self.order & (below | above) | moved >> 4 | slot << (4 * (self.len - 1));
        self.len -= 1;
        for to in at..self.len {
            self.extents[to] = self.extents[to + 1];
        }
    }

    /// Moves mapping `from` before mapping `before`, extent and all, and answers which one it is then; the extents of the others stay.
    pub(super) fn carry(&mut self, from: usize, before: usize) -> usize {
        let to = if before > from { before - 1 } else { before };
        let (slot, extent) = (self.slot(from) as u64, self.extents[from]);
        let (first, last) = (from.min(to), from.max(to));
        let among = low_nibbles(last + 1) & !low_nibbles(first);
        let others = self.order & among & !(15 << (4 * from));
        let shifted = if to > from { others >> 4 } else { others << 4 };
        self.order = self.order & !among | shifted | slot << (4 * to);
        if to > from {
            for at in from..to {
                self.extents[at] = self.extents[at + 1];
            }
        } else {
            for at in (to..from).rev() {
                self.extents[at + 1] = self.extents[at];
            }
        }
        self.extents[to] = extent;
        to
    }

    /// Moves `count` mappings from the end of this leaf to the front of `right`.
    pub(super) fn move_to_front_of(&mut self, right: &mut Self, count: usize) {
        let from = self.len - count;
        right.head = self.pair(from);
        right.extents.copy_within(..right.len, count);
        right.extents[..count].copy_from_slice(&self.extents[from..self.len]);
        // The slots that were free come first now.
        let (used, taken) = (right.order & low_nibbles(right.len), right.len);
        right.order = right.order & !low_nibbles(taken + count)
            | (right.order & low_nibbles(taken + count)) >> (4 * taken)
            | used << (4 * count);
        right.len += count;
        for at in 0..count {
            right.traits[right.slot(at)] = self.traits[self.slot(from + at)];
        }
        self.len = from;
    }

    /// Moves `count` mappings from the front of `right` to the end of this leaf.
    pub(super) fn take_from_front_of(&mut self, right: &mut Self, count: usize) {
        let head = if count < right.len {
            right.pair(count)
        } else {
            Relation::Apart
        };
        self.extents[self.len..self.len + count].copy_from_slice(&right.extents[..count]);
        for at in 0..count {
            self.traits[self.slot(self.len + at)] = right.traits[right.slot(at)];
        }
        self.len += count;
        right.extents.copy_within(count..right.len, 0);
        // The slots that are free now go behind.
        let (freed, used) = (right.order & low_nibbles(count), right.len);
        right.order = right.order & !low_nibbles(used)
            | (right.order & low_nibbles(used)) >> (4 * count)
            | freed << (4 * (used - count));
        right.len -= count;
        right.head = head;
    }

    /// What mapping `at` is to the one before it.
    #[inline(always)]
    pub(super) fn pair(&self, at: usize) -> Relation {
        match at.checked_sub(1) {
            None => self.head,
            Some(_) if self.extents[at].gap != 0 => Relation::Apart,
            Some(before) => {
                let (left, right) = (&self.traits[self.slot(before)], &self.traits[self.slot(at)]);
                // Most neighbours differ in these, else they would have merged.
                if left.prot != right.prot {
                    Relation::Apart
                } else {
                    self.relation(before, at)
                }
            }
        }
    }

    fn relation(&self, before: usize, at: usize) -> Relation {
        let left = self.get(before, 0);
        relation(&left, &self.get(at, left.end().get()))
    }

    /// The protection of mapping `at`.
    #[inline]
    pub(super) fn prot(&self, at: usize) -> Prot {
        self.traits[self.slot(at)].prot
    }

    /// The flags of mapping `at`.
    #[inline]
    pub(super) fn flags(&self, at: usize) -> VmaFlags {
        self.traits[self.slot(at)].flags
    }

    /// The backing of mapping `at`.
    #[inline]
    pub(super) fn backing(&self, at: usize) -> &Backing {
        &self.traits[self.slot(at)].backing
    }

    /// Whether a move of several mappings must look at mapping `at`, whatever lies before it: it is sealed, refuses such a move
    /// ([`Vma::refuses_multi_move`]), or has an object that must be told ([`Vma::tells_object`]).
    #[inline]
    pub(super) fn is_flagged(&self, at: usize) -> bool {
        let vma = self.get(at, 0);
        vma.flags.contains(VmaFlags::SEALED) || vma.refuses_multi_move() || vma.tells_object()
    }

    /// The largest gap.
    #[inline]
    pub(super) fn largest_gap(&self) -> u64 {
        self.extents()
            .iter()
            .fold(0, |largest, extent| largest.max(extent.gap))
    }

    /// Adds spans and sums of all to `total`; gaps and homes are the caller's to see to.
    pub(super) fn add_up(&self, total: &mut Summary) {
        for (at, extent) in self.extents().iter().enumerate() {
            total.span += extent.reach();
            total.sums.add(&Sums::of(&self.get(at, 0)));
            total.sums.add_pair(self.pair(at));
        }
    }

    /// The summary of all.
    pub(super) fn summary(&self) -> Summary {
        self.summary_of(0..self.len)
    }

    /// The summary of some neighbouring mappings.
    pub(super) fn summary_of(&self, range: core::ops::Range<usize>) -> Summary {
        let mut all = Summary::EMPTY;
        for at in range {
            let (extent, pair) = (self.extents[at], self.pair(at));
            all.homes = all.homes.and(Homes::of(pair, extent.gap), all.span);
            all.span += extent.reach();
            all.gap = all.gap.max(extent.gap);
            all.sums.add(&Sums::of(&self.get(at, 0)));
            all.sums.add_pair(pair);
        }
        all
    }

    /// The homes of all.
    pub(super) fn homes(&self) -> Homes {
        self.summary().homes
    }
}

const _: () = assert!(size_of::<Leaf>() == 1024);

/// The lowest `count` groups of four bits.
const fn low_nibbles(count: usize) -> u64 {
    debug_assert!(count <= LEAF);
    (1 << (4 * count)) - 1
}
