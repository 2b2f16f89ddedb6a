//! One mapping: a range of pages that are all alike.

use super::flags::{Prot, VmaFlags};
use crate::{PageRange, VirtAddr};
use core::num::{NonZeroU32, NonZeroU64};

macro_rules! handle {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(NonZeroU32);

        impl $name {
            /// Wraps a number that is the caller's to choose.
            pub const fn new(number: NonZeroU32) -> Self {
                Self(number)
            }

            /// The number.
            pub const fn get(self) -> NonZeroU32 {
                self.0
            }
        }
    };
}

handle! {
    /// An object that is mapped, as the address space numbers them. Mappings of one `ObjectId` at consecutive offsets
    /// merge, so two opens of one file have two numbers (Linux compares `struct file`, not the inode).
    ObjectId
}
handle! {
    /// A userfaultfd that watches a mapping.
    UserfaultId
}
handle! {
    /// A name that `prctl(PR_SET_VMA_ANON_NAME)` gave to anonymous memory.
    NameId
}

/// What tells one batch of anonymous memory from another when two mappings might merge: Linux's `anon_vma`.
///
/// A mapping gets one with its first own page (see [`super::merge::adopted_identity`]) and keeps it when its pages are given
/// back; a split hands it to both halves. Numbers are unique in an address space.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identity(NonZeroU64);

impl Identity {
    const FORKED: u64 = 1 << 63;

    /// The identity `number`, from 1 to 2^63 - 1, of memory that was first written here.
    ///
    /// # Panics
    /// If the number is out of range.
    pub const fn new(number: u64) -> Self {
        assert!(number & Self::FORKED == 0, "identities have 63 bits");
        match NonZeroU64::new(number) {
            Some(number) => Self(number),
            None => panic!("zero is no identity"),
        }
    }

    /// The identity `number` of memory that a fork brought: never joined with mappings that have none.
    ///
    /// # Panics
    /// If the number is out of range.
    pub const fn by_fork(number: u64) -> Self {
        Self(Self::new(number).0.saturating_add(Self::FORKED))
    }

    /// Whether the memory came by fork.
    pub const fn is_by_fork(self) -> bool {
        self.0.get() & Self::FORKED != 0
    }

    /// The number without the mark of a fork.
    pub const fn number(self) -> u64 {
        self.0.get() & !Self::FORKED
    }
}

impl core::fmt::Debug for Identity {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}{}", self.number(), if self.is_by_fork() { "f" } else { "" })
    }
}

/// The anonymous part of a mapping that has, or had, pages of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faulted {
    /// Which batch of anonymous memory.
    pub identity: Identity,
    /// Where the first page of the mapping would lie had nothing ever been moved since the identity was given
    /// (`vm_pgoff` of an anonymous mapping in Linux, the anonymous page offset of a private file mapping). Two mappings of
    /// one identity merge only if this too is consecutive. It may lie beyond the end of the address space.
    pub home: VirtAddr,
}

impl Faulted {
    /// That of a mapping that starts `bytes` later, or earlier where that is negative.
    #[must_use]
    pub const fn shifted(self, bytes: i64) -> Self {
        Self {
            home: VirtAddr::new(self.home.get().wrapping_add_signed(bytes)),
            ..self
        }
    }
}

/// Where the pages of a mapping come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backing {
    /// Private memory that begins as zero.
    Anonymous,
    /// The pages of an object themselves.
    Shared {
        /// The object.
        object: ObjectId,
        /// The object's page at the start of the mapping.
        offset: u64,
    },
    /// The pages of an object, each copied before its first write.
    Private {
        /// The object.
        object: ObjectId,
        /// The object's page at the start of the mapping.
        offset: u64,
    },
    /// Pages of the kernel's, such as the vdso: never split, merged nor grown, and told when they move.
    Special {
        /// What the address space calls them.
        object: ObjectId,
    },
}

impl Backing {
    /// The object, if there is one.
    pub const fn object(self) -> Option<ObjectId> {
        match self {
            Self::Anonymous => None,
            Self::Shared { object, .. } | Self::Private { object, .. } | Self::Special { object } => {
                Some(object)
            }
        }
    }

    /// The same backing for a mapping that starts `bytes` later, or earlier where that is negative.
    #[must_use]
    pub const fn shifted(self, bytes: i64) -> Self {
        let pages = bytes >> crate::PAGE_SHIFT;
        match self {
            Self::Shared { object, offset } => Self::Shared {
                object,
                offset: offset.wrapping_add_signed(pages),
            },
            Self::Private { object, offset } => Self::Private {
                object,
                offset: offset.wrapping_add_signed(pages),
            },
            other => other,
        }
    }
}

/// One mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vma {
    /// The pages; never empty.
    pub range: PageRange,
    /// What the program may do with them.
    pub prot: Prot,
    /// What else is known.
    pub flags: VmaFlags,
    /// Where they come from.
    pub backing: Backing,
    /// The anonymous part, once there is one. `None` is Linux's unfaulted mapping, which takes on the identity of
    /// whatever it merges with. Always `None` for shared mappings.
    pub anon: Option<Faulted>,
    /// The userfaultfd that watches it.
    pub userfault: Option<UserfaultId>,
    /// The name given to it.
    pub name: Option<NameId>,
}

impl Vma {
    /// A mapping that no page of its own was ever written in.
    pub const fn new(range: PageRange, prot: Prot, flags: VmaFlags, backing: Backing) -> Self {
        Self {
            range,
            prot,
            flags,
            backing,
            anon: None,
            userfault: None,
            name: None,
        }
    }

    /// The first address.
    pub const fn start(&self) -> VirtAddr {
        self.range.start()
    }

    /// One past the last address.
    pub const fn end(&self) -> VirtAddr {
        self.range.end()
    }

    /// The identity of the anonymous part.
    pub fn identity(&self) -> Option<Identity> {
        self.anon.map(|anon| anon.identity)
    }

    /// Where the first page was, or would be, first faulted: Linux's `vma_start_anon_pgoff`, in bytes.
    pub fn home(&self) -> VirtAddr {
        self.anon.map_or(self.start(), |anon| anon.home)
    }

    /// Linux's `vm_pgoff`: the page of the object at the start of the mapping; of anonymous memory the page of its home.
    pub fn page_offset(&self) -> u64 {
        match self.backing {
            Backing::Shared { offset, .. } | Backing::Private { offset, .. } => offset,
            Backing::Anonymous | Backing::Special { .. } => self.home().get() >> crate::PAGE_SHIFT,
        }
    }

    /// The same mapping cut, or stretched, to `range`: object offset and home follow the start, so that every page stays
    /// what it was.
    #[must_use]
    pub fn with_range(&self, range: PageRange) -> Self {
        let bytes = range.start().get().wrapping_sub(self.start().get()) as i64;
        let anon = self.anon.map(|anon| anon.shifted(bytes));
        Self {
            range,
            backing: self.backing.shifted(bytes),
            anon,
            ..*self
        }
    }

    /// The same mapping at another place: an unfaulted one is at home wherever it lies, a faulted one keeps its home
    /// (Linux's `copy_vma`). An unfaulted private mapping of `/dev/zero` shows that home as its offset.
    #[must_use]
    pub const fn moved_to(&self, range: PageRange) -> Self {
        let own_placement = self.flags.contains(VmaFlags::OWN_PLACEMENT);
        let backing = match self.backing {
            Backing::Private { object, .. } if own_placement && self.anon.is_none() => Backing::Private {
                object,
                offset: range.start().get() >> crate::PAGE_SHIFT,
            },
            other => other,
        };
        Self {
            range,
            backing,
            ..*self
        }
    }

    /// Whether it counts and relates to its neighbours as `other` does, of which it is a part.
    pub(super) fn has_traits_of(&self, other: &Self) -> bool {
        self.flags == other.flags && self.identity() == other.identity()
    }

    /// Whether it is private memory that begins as zero, also where that was asked for by mapping `/dev/zero` (Linux's
    /// `vma_is_anonymous`).
    pub const fn is_anonymous(&self) -> bool {
        matches!(self.backing, Backing::Anonymous) || self.flags.contains(VmaFlags::OWN_PLACEMENT)
    }

    /// Whether it shows a file (Linux's `vm_file`), which the kernel's own pages are not.
    pub const fn has_file(&self) -> bool {
        matches!(self.backing, Backing::Shared { .. } | Backing::Private { .. })
    }

    /// Whether a write to a page that is not there needs no more than a new page: private anonymous memory, writable, with its
    /// identity, in pages of 4 KiB, watched by nobody.
    pub fn is_plain(&self) -> bool {
        self.backing == Backing::Anonymous
            && self.anon.is_some()
            && self.prot.contains(Prot::WRITE)
            && !self.flags.intersects(VmaFlags::HUGEPAGE | VmaFlags::UFFD_MASK)
    }

    /// Whether its pages are copied before they are first written (Linux's `is_cow_mapping`).
    pub const fn is_cow(&self) -> bool {
        !self.flags.contains(VmaFlags::SHARED) && self.flags.contains(VmaFlags::MAYWRITE)
    }

    /// Whether `mlock` changes anything of it (Linux's `vma_supports_mlock`).
    pub const fn can_be_locked(&self) -> bool {
        !self
            .flags
            .intersects(VmaFlags::SPECIAL.union(VmaFlags::DROPPABLE))
    }

    /// Whether it counts for `RLIMIT_DATA` (Linux's `is_data_mapping`).
    pub const fn is_data(&self) -> bool {
        self.prot.contains(Prot::WRITE) && !self.flags.intersects(VmaFlags::SHARED.union(VmaFlags::GROWSDOWN))
    }

    /// Whether it is code (Linux's `is_exec_mapping`).
    pub const fn is_exec(&self) -> bool {
        self.prot.contains(Prot::EXEC)
            && !self.prot.contains(Prot::WRITE)
            && !self.flags.contains(VmaFlags::GROWSDOWN)
    }

    /// Whether it is a stack (Linux's `is_stack_mapping`).
    pub const fn is_stack(&self) -> bool {
        self.flags.contains(VmaFlags::GROWSDOWN)
    }

    /// Whether a call that moves several mappings must refuse it (Linux's `vma_multi_allowed`).
    pub const fn refuses_multi_move(&self) -> bool {
        self.userfault.is_some() || self.flags.contains(VmaFlags::OWN_PLACEMENT)
    }

    /// Whether `MREMAP_DONTUNMAP` must refuse it.
    pub const fn refuses_dontunmap(&self) -> bool {
        self.flags
            .intersects(VmaFlags::DONTEXPAND.union(VmaFlags::PFNMAP))
    }

    /// Whether its object wants to know when it moves.
    pub const fn tells_object(&self) -> bool {
        matches!(self.backing, Backing::Special { .. })
    }
}
