//! Descriptors: every bit of a 64-bit table entry, in this one place (Arm ARM, D8.3).
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
//!
//! Dirty state follows the hardware's scheme also where software does its work: [`Attributes::WRITABLE`] is the DBM bit and
//! says that the page may be written; while [`Attributes::READ_ONLY`] is set besides, it has not been.

use super::level::Level;
use crate::PhysAddr;
use crate::machine::SharedDescriptors;
use bitflags::bitflags;
use core::fmt;

/// The value of `MAIR_EL1` that [`Attributes`] presumes: 0 Normal write-back, 1 Device-nGnRE, 2 Normal non-cacheable.
pub const MAIR: u64 = 0x44_04_ff;

bitflags! {
    /// What a program or the kernel may do with a page.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
    pub struct Rights: u8 {
        /// Loads.
        const READ = 1 << 0;
        /// Stores.
        const WRITE = 1 << 1;
        /// Instruction fetch.
        const EXECUTE = 1 << 2;
    }
}

/// The memory type of a mapping; its discriminant is the index into [`MAIR`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Memory {
    /// RAM: write-back, inner-shareable.
    Normal = 0,
    /// Device registers: nGnRE.
    Device = 1,
    /// RAM that a device reads or writes past the caches.
    NonCacheable = 2,
}

bitflags! {
    /// Everything in a leaf descriptor but its type and its address.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
    pub struct Attributes: u64 {
        /// AttrIndx 1: Device-nGnRE. Neither this nor the next: Normal write-back.
        const DEVICE = 1 << 2;
        /// AttrIndx 2: Normal non-cacheable.
        const NON_CACHEABLE = 2 << 2;
        /// AP\[1\]: EL0 may access the page.
        const USER = 1 << 6;
        /// AP\[2\]: no stores. With [`Self::WRITABLE`]: not stored to yet (clean).
        const READ_ONLY = 1 << 7;
        /// SH: inner-shareable.
        const SHAREABLE = 3 << 8;
        /// AF: accessed. Where the hardware does not set it, an access to a page without it faults.
        const ACCESSED = 1 << 10;
        /// nG: belongs to one ASID.
        const NOT_GLOBAL = 1 << 11;
        /// DBM: the mapping allows stores. Never set in a copy-on-write entry, or the hardware would let stores through.
        const WRITABLE = 1 << 51;
        /// One of [`CONTIGUOUS`](super::level::CONTIGUOUS) neighbours that the TLB may hold as one.
        const CONTIGUOUS = 1 << 52;
        /// PXN: EL1 does not execute it.
        const NO_KERNEL_EXECUTE = 1 << 53;
        /// UXN: EL0 does not execute it.
        const NO_USER_EXECUTE = 1 << 54;
        /// Software: the page is the shared zero page, which counts no references.
        const ZERO_PAGE = 1 << 55;
        /// Software: a store must copy the page first, or find that nobody else has it.
        const COPY_ON_WRITE = 1 << 56;
        /// Software: resident, but no access is allowed; the entry is not valid.
        const NO_ACCESS = 1 << 57;
        /// Software: was stored to while it was writable. See [`Attributes::is_dirty`].
        const DIRTY = 1 << 58;
        /// Software: was given back, to be taken when memory is short, unless it was stored to since. See
        /// [`Attributes::is_lazy`]. The hardware ignores the bit unless `TCR_EL1.HWU059` is set.
        const LAZY = 1 << 59;
    }
}

impl Attributes {
    /// What must not differ between two valid entries for the same address unless the first was taken out and flushed
    /// (break-before-make, Arm ARM R_WHZWS): memory type, shareability, global or not, and the Contiguous bit.
    const BREAK_BEFORE_MAKE: Self = Self::DEVICE
        .union(Self::NON_CACHEABLE)
        .union(Self::SHAREABLE)
        .union(Self::NOT_GLOBAL)
        .union(Self::CONTIGUOUS);

    const RIGHTS: Self = Self::USER
        .union(Self::READ_ONLY)
        .union(Self::WRITABLE)
        .union(Self::NO_USER_EXECUTE)
        .union(Self::NO_ACCESS);

    /// A program's page of Normal memory: accessed; dirty if it may be written. No rights: [`Self::NO_ACCESS`].
    /// EL1 never executes it.
    pub const fn user(rights: Rights) -> Self {
        Self::SHAREABLE
            .union(Self::ACCESSED)
            .union(Self::NOT_GLOBAL)
            .union(Self::NO_KERNEL_EXECUTE)
            .union(Self::user_rights(rights))
    }

    #[inline]
    const fn user_rights(rights: Rights) -> Self {
        let access = if rights.is_empty() {
            Self::NO_ACCESS
        } else {
            Self::USER
        };
        let write = if rights.contains(Rights::WRITE) {
            Self::WRITABLE
        } else {
            Self::READ_ONLY
        };
        let execute = if rights.contains(Rights::EXECUTE) {
            Self::empty()
        } else {
            Self::NO_USER_EXECUTE
        };
        access.union(write).union(execute)
    }

    /// A page of the kernel: global, accessed, never reached or executed by EL0.
    pub const fn kernel(rights: Rights, memory: Memory) -> Self {
        let memory = match memory {
            Memory::Normal => Self::SHAREABLE,
            Memory::Device => Self::DEVICE,
            Memory::NonCacheable => Self::NON_CACHEABLE.union(Self::SHAREABLE),
        };
        let write = if rights.contains(Rights::WRITE) {
            Self::WRITABLE
        } else {
            Self::READ_ONLY
        };
        let execute = if rights.contains(Rights::EXECUTE) {
            Self::empty()
        } else {
            Self::NO_KERNEL_EXECUTE
        };
        Self::ACCESSED
            .union(Self::NO_USER_EXECUTE)
            .union(memory)
            .union(write)
            .union(execute)
    }

    /// What a program may do with the page, right now and without a fault but for access and dirty state.
    pub const fn rights(self) -> Rights {
        if !self.contains(Self::USER) {
            return Rights::empty();
        }
        let write = if self.contains(Self::WRITABLE) {
            Rights::WRITE
        } else {
            Rights::empty()
        };
        let execute = if self.contains(Self::NO_USER_EXECUTE) {
            Rights::empty()
        } else {
            Rights::EXECUTE
        };
        Rights::READ.union(write).union(execute)
    }

    /// The same page with other rights for the program. Access and dirty state are kept; a clean page that becomes writable
    /// stays clean, and one that is [`Self::COPY_ON_WRITE`] or the zero page does not become writable.
    #[inline]
    pub const fn with_rights(self, rights: Rights) -> Self {
        let shared = self.intersects(Self::COPY_ON_WRITE.union(Self::ZERO_PAGE));
        let rights = if shared && rights.contains(Rights::WRITE) {
            // What may be written may be read: without that, nothing would be left of a right to write alone.
            rights.difference(Rights::WRITE).union(Rights::READ)
        } else {
            rights
        };
        let dirty = self.is_dirty();
        let page = self.difference(Self::RIGHTS).union(Self::user_rights(rights));
        match (dirty, rights.contains(Rights::WRITE)) {
            (true, _) => page.union(Self::DIRTY),
            (false, true) => page.union(Self::READ_ONLY),
            (false, false) => page,
        }
    }

    /// The same page as if it had not been accessed: for a mapping made ahead of any access.
    pub const fn not_accessed(self) -> Self {
        self.difference(Self::ACCESSED)
    }

    /// The same page as if it had not been stored to.
    pub const fn clean(self) -> Self {
        self.difference(Self::DIRTY).union(Self::READ_ONLY)
    }

    /// The same page when a store must copy it first, or find that nobody else has it.
    #[inline]
    pub const fn copied_on_write(self) -> Self {
        let page = self
            .difference(Self::WRITABLE)
            .union(Self::READ_ONLY.union(Self::COPY_ON_WRITE));
        if self.is_dirty() {
            page.union(Self::DIRTY)
        } else {
            page
        }
    }

    /// The same page accessed, and dirty if it is writable: what software does for an access flag or dirty fault.
    pub const fn touched(self, write: bool) -> Self {
        let page = self.union(Self::ACCESSED);
        if write && self.contains(Self::WRITABLE) {
            page.difference(Self::READ_ONLY)
        } else {
            page
        }
    }

    /// The same page given back (`MADV_FREE`): as if neither accessed nor stored to. One that has other users, or is the zero page,
    /// stays as it is.
    pub const fn lazy(self) -> Self {
        if self.intersects(Self::COPY_ON_WRITE.union(Self::ZERO_PAGE)) {
            self
        } else {
            self.clean().not_accessed().union(Self::LAZY)
        }
    }

    /// Whether the page was given back and has not been stored to since.
    pub const fn is_lazy(self) -> bool {
        self.contains(Self::LAZY)
            && !self.is_dirty()
            && !self.intersects(Self::COPY_ON_WRITE.union(Self::ZERO_PAGE))
    }

    /// The attributes of the pieces of a block with these: a group of blocks is no group of its pieces.
    pub(super) const fn expanded(self) -> Self {
        self.difference(Self::CONTIGUOUS)
    }

    /// Whether the page has been stored to since it was last made [`clean`](Self::clean).
    pub const fn is_dirty(self) -> bool {
        self.contains(Self::DIRTY) || (self.contains(Self::WRITABLE) && !self.contains(Self::READ_ONLY))
    }
}

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
