//! The attributes of a page or block: all bits of its descriptor but its type and its address (Arm ARM, D8.3).
//!
//! Dirty state follows the hardware's scheme also where software does its work: [`Attributes::WRITABLE`] is the DBM bit and
//! says that the page may be written; while [`Attributes::READ_ONLY`] is set besides, it has not been.

use bitflags::bitflags;

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
    pub(super) const BREAK_BEFORE_MAKE: Self = Self::DEVICE
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
