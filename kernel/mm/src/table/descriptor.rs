//! Descriptors: every bit of a 64-bit table entry, here and in its [`Attributes`], and nowhere else (Arm ARM, D8.3).
//!
//! A word that is not [`ABSENT`](Descriptor::ABSENT) is one of these:
//!
//! | bits 1:0 | level | meaning |
//! | --- | --- | --- |
//! | 11 | PGD, PUD, PMD | a table |
//! | 01 | PUD, PMD | a block |
//! | 11 | PTE | a page |
//! | x0 | any | nothing to a walker; the other bits are kept: see below |
//!
//! An entry with bit 0 clear and other bits set is *resident without being translated*: a page or block with
//! [`Attributes::NO_ACCESS`] (`PROT_NONE`), a guard marker ([`Descriptor::GUARD`]), or, only while an edit is under way, an
//! entry or table that has been *detached*: its bit 0 was cleared and nothing else, so that the entry itself remembers what
//! it was until the flush is over. Outside of such an edit bit 0 is clear exactly if [`Attributes::NO_ACCESS`] is set.

use super::attributes::Attributes;
use super::level::Level;
use crate::PhysAddr;
use crate::machine::SharedDescriptors;
use core::fmt;

/// A page or block that is mapped: where it lies and how.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Leaf {
    /// The memory, aligned to the size of its level.
    pub address: PhysAddr,
    /// How it is mapped.
    pub attributes: Attributes,
}

/// What a descriptor means at its level.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Entry {
    /// Nothing.
    Absent,
    /// The table of the next level.
    Table(PhysAddr),
    /// A page or block, whether it may be accessed or not.
    Leaf(Leaf),
    /// A guard marker: no page may come here (`MADV_GUARD_INSTALL`).
    Guard,
}

/// One 64-bit entry of a table of any level.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(transparent)]
pub struct Descriptor(u64);

impl Descriptor {
    /// The entry that holds nothing.
    pub const ABSENT: Self = Self(0);
    /// The marker of a guard page.
    pub const GUARD: Self = Self(Attributes::NO_ACCESS.bits());

    pub(super) const VALID: u64 = 1;
    const TABLE_OR_PAGE: u64 = 2;
    const ADDRESS: u64 = ((1 << 48) - 1) & !0xfff;

    /// A table entry; `table` lies on a page boundary.
    pub const fn table(table: PhysAddr) -> Self {
        Self(table.get() | Self::TABLE_OR_PAGE | Self::VALID)
    }

    /// A page ([`Level::Pte`]) or block (any other level) entry; valid unless the attributes forbid all access.
    pub const fn leaf(level: Level, leaf: Leaf) -> Self {
        debug_assert!(level.has_leaves() && leaf.address.is_aligned(level.size()));
        let kind = if matches!(level, Level::Pte) {
            Self::TABLE_OR_PAGE
        } else {
            0
        };
        let valid = !leaf.attributes.contains(Attributes::NO_ACCESS) as u64;
        Self(leaf.address.get() | leaf.attributes.bits() | kind | valid)
    }

    /// The word itself.
    pub const fn raw(self) -> u64 {
        self.0
    }

    /// A word read from a table.
    pub const fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    /// What the entry means in a table of `level`, detached or not.
    pub const fn decode(self, level: Level) -> Entry {
        if self.is_absent() {
            Entry::Absent
        } else if self.is_table(level) {
            Entry::Table(self.address())
        } else if self.0 == Self::GUARD.0 {
            Entry::Guard
        } else {
            Entry::Leaf(Leaf {
                address: self.address(),
                attributes: self.attributes(),
            })
        }
    }

    /// Whether there is nothing at all.
    pub const fn is_absent(self) -> bool {
        self.0 == 0
    }

    /// Whether a walker takes the entry for something.
    pub const fn is_valid(self) -> bool {
        self.0 & Self::VALID != 0
    }

    /// Whether this is a table, detached or not, in a table of `level`.
    pub const fn is_table(self, level: Level) -> bool {
        self.0 & Self::TABLE_OR_PAGE != 0 && !matches!(level, Level::Pte)
    }

    /// Whether the entry may be one of a contiguous group.
    pub const fn is_contiguous(self, level: Level) -> bool {
        self.0 & Attributes::CONTIGUOUS.bits() != 0 && !self.is_table(level)
    }

    /// The output address, or the next table's.
    pub const fn address(self) -> PhysAddr {
        PhysAddr::new(self.0 & Self::ADDRESS)
    }

    /// The page of data that an entry of a leaf table maps, valid or not: nothing for the zero page, which counts no references.
    #[inline]
    pub(super) const fn counted_page(self) -> Option<PhysAddr> {
        let kind = Self::TABLE_OR_PAGE;
        if self.0 & (kind | Attributes::ZERO_PAGE.bits()) == kind {
            Some(self.address())
        } else {
            None
        }
    }

    /// Whether an entry of a leaf table maps the zero page, valid or not.
    #[inline]
    pub(super) const fn is_zero_page(self) -> bool {
        let zero_page = Self::TABLE_OR_PAGE | Attributes::ZERO_PAGE.bits();
        self.0 & zero_page == zero_page
    }

    /// The attributes of a leaf.
    pub const fn attributes(self) -> Attributes {
        Attributes::from_bits_truncate(self.0)
    }

    /// The entry with its valid bit cleared and everything else kept.
    pub const fn detached(self) -> Self {
        Self(self.0 & !Self::VALID)
    }

    /// A detached entry made what it was before: valid, unless it is absent, without access, or a guard.
    pub const fn attached(self) -> Self {
        let stays = self.0 == 0 || self.0 & Attributes::NO_ACCESS.bits() != 0;
        Self(if stays { self.0 } else { self.0 | Self::VALID })
    }

    /// Whether the entry is valid, and the hardware has nothing left to note in it: in a leaf it only ever sets the access flag,
    /// and clears AP\[2\] where there is DBM (Arm ARM, FEAT_HAFDBS); in a table nothing. So a plain store to it overwrites nothing.
    #[inline]
    pub(super) const fn is_settled(self, level: Level) -> bool {
        let (read_only, writable) = (Attributes::READ_ONLY.bits(), Attributes::WRITABLE.bits());
        let noted =
            self.0 & Attributes::ACCESSED.bits() != 0 && (self.0 & read_only == 0 || self.0 & writable == 0);
        self.is_valid() && (self.is_table(level) || noted)
    }

    /// Entries of one level are [settled](Self::is_settled) if one is that agrees with them in these bits; and are of one kind.
    pub(super) const SETTLED: u64 = Self::VALID
        | Self::TABLE_OR_PAGE
        | Attributes::ACCESSED
            .union(Attributes::READ_ONLY)
            .union(Attributes::WRITABLE)
            .bits();

    /// A leaf whose page or block must be copied before it is stored to.
    #[inline]
    pub const fn copied_on_write(self) -> Self {
        let others = self.0 & !Attributes::all().bits();
        Self(others | self.attributes().copied_on_write().bits())
    }

    /// [`Self::copied_on_write`] of a page that is writable and was written to, as most that are shared by a fork are; `None` of
    /// any other entry.
    #[inline]
    pub const fn written_page_copied_on_write(self) -> Option<Self> {
        let SharedDescriptors {
            look,
            expected,
            changes,
        } = Self::WRITTEN_PAGES;
        if self.0 & look == expected {
            Some(Self(self.0 ^ changes))
        } else {
            None
        }
    }

    /// What [`Self::written_page_copied_on_write`] looks for, and what it changes.
    pub const WRITTEN_PAGES: SharedDescriptors = {
        let writable = Attributes::WRITABLE.bits();
        let changes = writable
            | Attributes::READ_ONLY
                .union(Attributes::COPY_ON_WRITE)
                .union(Attributes::DIRTY)
                .bits();
        let kind = Self::VALID | Self::TABLE_OR_PAGE;
        SharedDescriptors {
            look: kind | changes | Attributes::ZERO_PAGE.bits(),
            expected: kind | writable,
            changes,
        }
    };

    /// Whether `self` may replace a live `old` without breaking before making: nothing that a TLB could hold of `old`
    /// contradicts `self` in output address, size, kind, memory type, or the Contiguous bit (Arm ARM R_WHZWS).
    pub fn may_replace(self, old: Descriptor, level: Level) -> bool {
        if !old.is_valid() || !self.is_valid() || self == old {
            return true;
        }
        let differs = Attributes::from_bits_truncate(self.0 ^ old.0);
        !old.is_table(level)
            && !self.is_table(level)
            && self.address() == old.address()
            && !differs.intersects(Attributes::BREAK_BEFORE_MAKE)
    }

    /// Whether a TLB may hold the leaf, which it does not before it was accessed.
    #[inline]
    pub(super) const fn is_cached(self) -> bool {
        self.with_cached().is_valid()
    }

    /// Something that is valid where a TLB may hold the leaf: what loops over pages can gather by `|` in two instructions.
    #[inline]
    pub(super) const fn with_cached(self) -> Self {
        const ACCESSED: u32 = Attributes::ACCESSED.bits().trailing_zeros();
        Self(self.0 & self.0 >> ACCESSED)
    }

    /// Whether a TLB that remembers `old` could answer otherwise than `self` would: what an edit must flush. An entry that
    /// was not valid or not accessed is in no TLB.
    pub const fn outdates(self, old: Descriptor, level: Level) -> bool {
        let cached = old.is_valid() && (old.is_table(level) || old.0 & Attributes::ACCESSED.bits() != 0);
        let software = Attributes::ZERO_PAGE
            .union(Attributes::COPY_ON_WRITE)
            .union(Attributes::DIRTY)
            .union(Attributes::LAZY)
            .bits();
        cached && (self.0 ^ old.0) & !software != 0
    }
}

impl fmt::Debug for Descriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Descriptor({:#018x})", self.0)
    }
}

#[cfg(test)]
mod agreement;
#[cfg(test)]
mod tests;
