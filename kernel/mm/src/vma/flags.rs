//! What a mapping allows, and what else is known of it: Linux's `vm_flags`.

use bitflags::bitflags;

bitflags! {
    /// What a program may do with the pages of a mapping: the `PROT_*` bits of `mmap(2)`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Prot: u8 {
        /// Loads.
        const READ = 1;
        /// Stores.
        const WRITE = 2;
        /// Instruction fetches.
        const EXEC = 4;
    }
}

bitflags! {
    /// Everything else that Linux keeps in `vm_flags`. Two mappings merge only if all of these agree, but for
    /// [`VmaFlags::IGNORED_BY_MERGE`].
    ///
    /// Linux's `VM_STACK` is its `VM_GROWSDOWN`, here [`VmaFlags::GROWSDOWN`].
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct VmaFlags: u32 {
        /// Stores reach the object, for everybody who maps it (`VM_SHARED`).
        const SHARED = 1 << 0;
        /// `MAP_SHARED` was asked for. Without [`VmaFlags::SHARED`]: of a file opened for reading only.
        const MAYSHARE = 1 << 1;
        /// `mprotect` may add `PROT_READ`.
        const MAYREAD = 1 << 2;
        /// `mprotect` may add `PROT_WRITE`.
        const MAYWRITE = 1 << 3;
        /// `mprotect` may add `PROT_EXEC`.
        const MAYEXEC = 1 << 4;
        /// A stack: grows downwards at a fault, and keeps a guard gap free below it.
        const GROWSDOWN = 1 << 5;
        /// Pages that belong to no object and are not counted (Linux's `VM_PFNMAP`).
        const PFNMAP = 1 << 6;
        /// Neither merged nor grown by `mremap` (`VM_DONTEXPAND`); the vdso has it.
        const DONTEXPAND = 1 << 7;
        /// Device registers (`VM_IO`).
        const IO = 1 << 8;
        /// Counted pages and bare frames mixed (`VM_MIXEDMAP`).
        const MIXEDMAP = 1 << 9;
        /// `mlock(2)`.
        const LOCKED = 1 << 10;
        /// `mlock2(2)` with `MLOCK_ONFAULT`.
        const LOCKONFAULT = 1 << 11;
        /// Its pages count towards the commit limit (`VM_ACCOUNT`).
        const ACCOUNT = 1 << 12;
        /// `MAP_NORESERVE`.
        const NORESERVE = 1 << 13;
        /// `MADV_SEQUENTIAL`.
        const SEQ_READ = 1 << 14;
        /// `MADV_RANDOM`.
        const RAND_READ = 1 << 15;
        /// `MADV_DONTFORK` (`VM_DONTCOPY`).
        const DONTFORK = 1 << 16;
        /// `MADV_WIPEONFORK`.
        const WIPEONFORK = 1 << 17;
        /// `MADV_DONTDUMP`.
        const DONTDUMP = 1 << 18;
        /// `MADV_HUGEPAGE`.
        const HUGEPAGE = 1 << 19;
        /// `MADV_NOHUGEPAGE`.
        const NOHUGEPAGE = 1 << 20;
        /// `MADV_MERGEABLE`.
        const MERGEABLE = 1 << 21;
        /// `MAP_DROPPABLE`.
        const DROPPABLE = 1 << 22;
        /// `mseal(2)`.
        const SEALED = 1 << 23;
        /// `MADV_GUARD_INSTALL` was used somewhere in it (`VM_MAYBE_GUARD`).
        const MAYBE_GUARD = 1 << 24;
        /// userfaultfd watches missing pages (`UFFDIO_REGISTER_MODE_MISSING`).
        const UFFD_MISSING = 1 << 25;
        /// userfaultfd watches write-protected pages (`UFFDIO_REGISTER_MODE_WP`).
        const UFFD_WP = 1 << 26;
        /// userfaultfd watches pages that the object has and the tables have not (`UFFDIO_REGISTER_MODE_MINOR`).
        const UFFD_MINOR = 1 << 27;
        /// Its object places its mappings itself, as a driver's `get_unmapped_area` does in Linux; a move of several
        /// mappings refuses it (private mappings of `/dev/zero` are such).
        const OWN_PLACEMENT = 1 << 28;
        /// `MAP_SYNC`, which means nothing here but that such a mapping merges only with its like (`VM_SYNC`).
        const SYNC = 1 << 29;

        /// Linux's `VM_SPECIAL`: never merged.
        const SPECIAL = Self::IO.bits() | Self::DONTEXPAND.bits() | Self::PFNMAP.bits() | Self::MIXEDMAP.bits();
        /// A difference in these does not keep two mappings apart; what they become has the union
        /// (Linux's `VMA_STICKY_FLAGS`).
        const IGNORED_BY_MERGE = Self::MAYBE_GUARD.bits();
        /// `VM_LOCKED_MASK`.
        const LOCKED_MASK = Self::LOCKED.bits() | Self::LOCKONFAULT.bits();
        /// All that userfaultfd sets.
        const UFFD_MASK = Self::UFFD_MISSING.bits() | Self::UFFD_WP.bits() | Self::UFFD_MINOR.bits();
    }
}

/// The two letters for each flag, in the order of Linux's bits.
const LETTERS: [(VmaFlags, &str); 29] = [
    (VmaFlags::SHARED, "sh"),
    (VmaFlags::MAYREAD, "mr"),
    (VmaFlags::MAYWRITE, "mw"),
    (VmaFlags::MAYEXEC, "me"),
    (VmaFlags::MAYSHARE, "ms"),
    (VmaFlags::GROWSDOWN, "gd"),
    (VmaFlags::UFFD_MISSING, "um"),
    (VmaFlags::PFNMAP, "pf"),
    (VmaFlags::MAYBE_GUARD, "gu"),
    (VmaFlags::UFFD_WP, "uw"),
    (VmaFlags::LOCKED, "lo"),
    (VmaFlags::IO, "io"),
    (VmaFlags::SEQ_READ, "sr"),
    (VmaFlags::RAND_READ, "rr"),
    (VmaFlags::DONTFORK, "dc"),
    (VmaFlags::DONTEXPAND, "de"),
    (VmaFlags::LOCKONFAULT, "lf"),
    (VmaFlags::ACCOUNT, "ac"),
    (VmaFlags::NORESERVE, "nr"),
    (VmaFlags::SYNC, "sf"),
    (VmaFlags::WIPEONFORK, "wf"),
    (VmaFlags::DONTDUMP, "dd"),
    (VmaFlags::MIXEDMAP, "mm"),
    (VmaFlags::HUGEPAGE, "hg"),
    (VmaFlags::NOHUGEPAGE, "nh"),
    (VmaFlags::MERGEABLE, "mg"),
    (VmaFlags::DROPPABLE, "dp"),
    (VmaFlags::UFFD_MINOR, "ui"),
    (VmaFlags::SEALED, "sl"),
];

impl VmaFlags {
    /// What `VmFlags` of `/proc/PID/smaps` tells of them, in Linux 7.3's order: two letters each, behind those for the rights (`rd`, `wr`, `ex`).
    pub fn letters(self) -> impl Iterator<Item = &'static str> {
        let set = LETTERS.iter().filter(move |(flag, _)| self.contains(*flag));
        set.map(|(_, letters)| *letters)
    }
}
