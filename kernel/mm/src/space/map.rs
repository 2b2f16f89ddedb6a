//! `mmap`: the checks of Linux's `do_mmap`, in its order, and the making of the mapping.

use super::limits::OvercommitPolicy;
use super::place::{Huge, Placement, Wish};
use super::view::Freed;
use super::{AddressSpace, Backing, MapRequest, Refusal, round_up_to_page};
use crate::machine::Machine;
use crate::object::Object;
use crate::vma::{self, Origin, Prot, Spare, Vma, VmaFlags};
use crate::{Errno, PAGE_SHIFT, PAGE_SIZE, PageRange, VirtAddr};
use linux_raw_sys::general as linux;

/// What `MAP_SHARED` does not complain about, and `MAP_SHARED_VALIDATE` allows (Linux's `LEGACY_MAP_MASK`).
const LEGACY_FLAGS: u64 = (linux::MAP_SHARED
    | linux::MAP_PRIVATE
    | linux::MAP_FIXED
    | linux::MAP_ANONYMOUS
    | linux::MAP_DENYWRITE
    | linux::MAP_EXECUTABLE
    | linux::MAP_GROWSDOWN
    | linux::MAP_LOCKED
    | linux::MAP_NORESERVE
    | linux::MAP_POPULATE
    | linux::MAP_NONBLOCK
    | linux::MAP_STACK
    | linux::MAP_HUGETLB
    | linux::MAP_HUGE_2MB
    | linux::MAP_HUGE_1GB) as u64;

/// Everything that decides what the mapping will be, after the flags and the file were looked at.
struct Kind<M: Machine> {
    prot: Prot,
    flags: VmaFlags,
    source: Source<M>,
}

/// Whether anything may be in the way of a new mapping.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Room {
    /// Nothing is.
    Free,
    /// What is mapped there is to be replaced (`MAP_FIXED`).
    ToBeMade,
}

/// Where the pages come from.
enum Source<M: Machine> {
    Anonymous,
    /// An object that nobody else knows, as long as the mapping, which shows it from this page on: `MAP_SHARED |
    /// MAP_ANONYMOUS` from its first, a shared mapping of `/dev/zero` from wherever it says.
    NewObject {
        page: u64,
    },
    Object {
        object: Object<M>,
        page: u64,
        shared: bool,
    },
}

impl<M: Machine> AddressSpace<M> {
    #[inline(never)]
    pub(super) fn map_request(&mut self, request: MapRequest<M>) -> Result<VirtAddr, Errno> {
        let flags = Flags(request.flags);
        if flags.has(linux::MAP_HUGETLB) {
            return Err(self.refuse_huge(&request, flags));
        }
        let (range, room) = self.choose_range(&request, flags)?;
        let kind = self.decode_kind(request, flags, range)?;
        let populate = kind.flags.contains(VmaFlags::LOCKED)
            || flags.has(linux::MAP_POPULATE) && !flags.has(linux::MAP_NONBLOCK);
        self.map_region(range, room, kind)?;
        if populate {
            self.drop_vain_lock(range.start());
            self.populate(range);
        }
        Ok(range.start())
    }

    /// The checks up to and with the search for a place.
    fn choose_range(&self, request: &MapRequest<M>, flags: Flags) -> Result<(PageRange, Room), Errno> {
        if request.len == 0 {
            return Err(Errno::EINVAL);
        }
        let len = round_up_to_page(request.len);
        if len == 0 {
            return Err(Errno::ENOMEM);
        }
        if let Backing::Object { offset, .. } = request.backing {
            (offset >> PAGE_SHIFT)
                .checked_add(len >> PAGE_SHIFT)
                .ok_or(Errno::EOVERFLOW)?;
        }
        if self.tree.len() > self.limits.max_map_count {
            return Err(Errno::ENOMEM);
        }
        let no_replace = flags.has(linux::MAP_FIXED_NOREPLACE);
        let wish = if no_replace || flags.has(linux::MAP_FIXED) {
            Wish::Fixed(request.addr)
        } else {
            Wish::Hint(self.round_hint(request.addr))
        };
        let huge = match &request.backing {
            _ if flags.is_shared() => Huge::Never,
            Backing::Anonymous => Huge::Multiples,
            Backing::Object { object, offset, .. } if object.is_zeros() => Huge::File(*offset),
            _ => Huge::Never,
        };
        let range = self.view().place(Placement { wish, len, huge })?;
        if no_replace && !self.tree.is_free(range) {
            return Err(Errno::EEXIST);
        }
        let replaces = matches!(wish, Wish::Fixed(_)) && !no_replace;
        Ok((range, if replaces { Room::ToBeMade } else { Room::Free }))
    }

    /// A hint below the lowest address that may be mapped is raised to it (Linux's `round_hint_to_min`).
    fn round_hint(&self, hint: u64) -> u64 {
        let hint = hint & !(PAGE_SIZE - 1);
        if hint != 0 && hint < self.limits.lowest_placed() {
            round_up_to_page(self.limits.lowest_placed())
        } else {
            hint
        }
    }

    /// The checks of locking, file and type.
    fn decode_kind(&self, request: MapRequest<M>, flags: Flags, range: PageRange) -> Result<Kind<M>, Errno> {
        let prot = prot_of(request.prot);
        let mut kind = Kind {
            prot,
            flags: flags.of_mapping() | self.lock_of_new,
            source: Source::Anonymous,
        };
        if flags.has(linux::MAP_LOCKED) && !self.view().may_lock_any() {
            return Err(Errno::EPERM);
        }
        if kind.flags.contains(VmaFlags::LOCKED) && !self.view().may_lock(range.pages()) {
            return Err(Errno::EAGAIN);
        }
        match request.backing {
            Backing::Anonymous => kind.decode_anonymous(flags)?,
            Backing::Object {
                object,
                offset,
                writable,
            } => {
                kind.decode_object(flags, object, offset, writable, range.len())?;
            }
            Backing::HugePages { .. } => return Err(Errno::EINVAL),
            Backing::Refused(errno) => {
                check_file_kind(flags)?;
                return Err(errno);
            }
        }
        if flags.has(linux::MAP_NORESERVE) && self.limits.overcommit.policy != OvercommitPolicy::Never {
            kind.flags |= VmaFlags::NORESERVE;
        }
        Ok(kind)
    }

    /// Linux's `mmap_region`: what is in the way goes, what is new comes.
    fn map_region(&mut self, range: PageRange, room: Room, kind: Kind<M>) -> Result<Vma, Errno> {
        let (prot, mut flags) = (kind.prot, kind.flags);
        // One for a hole in what is there, one for the mapping.
        self.tree.reserve(2)?;
        let freed = match room {
            Room::Free => Ok(Freed::default()),
            Room::ToBeMade => self.check_replace(range),
        };
        let freed = freed.map_err(|refusal| self.refuse(refusal))?;
        if prot.contains(Prot::WRITE) && !flags.intersects(VmaFlags::NORESERVE | VmaFlags::SHARED) {
            flags |= VmaFlags::ACCOUNT;
        }
        if !self.has_room(range, prot, flags, freed) {
            // What is in the way was cut off already.
            return Err(self.refuse(Refusal::behind_cuts(Errno::ENOMEM, range)));
        }
        let charge = kind.charge_of_object(range);
        if charge != 0 && !self.view().may_commit(charge) {
            // Linux finds out when it makes the object, and what was in the way is gone by then.
            self.unmap_pages(range, Some(Spare::mappings(1)));
            return Err(Errno::ENOMEM);
        }
        let backing = self.enter_source(kind.source, range)?;
        if let Some(object) = backing.object().filter(|_| charge != 0) {
            self.objects.charge(object, charge);
        }
        // Nothing fails from here on. The pages are counted first: what is replaced may be the object's last.
        let vma = Vma::new(range, prot, flags, backing);
        self.objects.mapped(&vma, range.pages());
        if freed.total != 0 {
            self.unmap_pages(range, Some(Spare::mappings(1)));
        }
        Ok(self.tree.map(vma, Origin::Usual))
    }

    /// Maps private anonymous memory where nothing is mapped.
    pub(super) fn map_anonymous(
        &mut self,
        range: PageRange,
        prot: Prot,
        flags: VmaFlags,
    ) -> Result<(), Errno> {
        let source = Source::Anonymous;
        self.map_region(range, Room::Free, Kind { prot, flags, source })
            .map(drop)
    }

    /// Whether a new mapping that replaces `freed` stays within the limits.
    pub(super) fn has_room(&self, range: PageRange, prot: Prot, flags: VmaFlags, freed: Freed) -> bool {
        let view = self.view();
        // What is replaced is taken off for RLIMIT_DATA as well, whether or not it counts there.
        let more = range.pages() - freed.total;
        let charge = match flags.contains(VmaFlags::ACCOUNT) {
            true => range.pages() - freed.accounted,
            false => 0,
        };
        view.may_expand(prot, flags, more, Freed::default()) && (charge == 0 || view.may_commit(charge))
    }

    /// Whether what is mapped in `range` may be replaced, and how much that is.
    pub(super) fn check_replace(&self, range: PageRange) -> Result<Freed, Refusal> {
        if self.tree.is_free(range) {
            return Ok(Freed::default());
        }
        self.view().check_unmap(range)?;
        Ok(self.view().freed_by(range))
    }

    /// The number of the object, entered if need be.
    fn enter_source(&mut self, source: Source<M>, range: PageRange) -> Result<vma::Backing, Errno> {
        Ok(match source {
            Source::Anonymous => vma::Backing::Anonymous,
            Source::NewObject { page } => {
                let object = Object::memory(self.machine.clone(), "/dev/zero (deleted)")?;
                object.set_len(range.len())?;
                vma::Backing::Shared {
                    object: self.objects.enter(&object)?,
                    offset: page,
                }
            }
            Source::Object { object, page, shared } => {
                let id = self.objects.enter(&object)?;
                if shared {
                    vma::Backing::Shared {
                        object: id,
                        offset: page,
                    }
                } else {
                    vma::Backing::Private {
                        object: id,
                        offset: page,
                    }
                }
            }
        })
    }
}

/// What `mprotect` may make of most mappings.
pub(super) const MAY_ALL: VmaFlags = VmaFlags::MAYREAD
    .union(VmaFlags::MAYWRITE)
    .union(VmaFlags::MAYEXEC);

impl<M: Machine> Kind<M> {
    /// How many pages count towards the commit limit because the mapping brings an object of shared memory with it.
    fn charge_of_object(&self, range: PageRange) -> u64 {
        match self.source {
            Source::NewObject { .. } if !self.flags.contains(VmaFlags::NORESERVE) => range.pages(),
            _ => 0,
        }
    }

    fn decode_anonymous(&mut self, flags: Flags) -> Result<(), Errno> {
        let grows = self.flags.contains(VmaFlags::GROWSDOWN);
        match flags.kind() {
            linux::MAP_SHARED if grows => return Err(Errno::EINVAL),
            linux::MAP_SHARED => {
                self.flags |= VmaFlags::SHARED | VmaFlags::MAYSHARE;
                self.source = Source::NewObject { page: 0 };
            }
            linux::MAP_DROPPABLE => {
                if flags.has(linux::MAP_LOCKED) || flags.has(linux::MAP_HUGETLB) || grows {
                    return Err(Errno::EINVAL);
                }
                self.flags |=
                    VmaFlags::DROPPABLE | VmaFlags::NORESERVE | VmaFlags::WIPEONFORK | VmaFlags::DONTDUMP;
            }
            linux::MAP_PRIVATE => {}
            _ => return Err(Errno::EINVAL),
        }
        Ok(())
    }

    fn decode_object(
        &mut self,
        flags: Flags,
        object: Object<M>,
        offset: u64,
        writable: bool,
        len: u64,
    ) -> Result<(), Errno> {
        // Linux's `file_mmap_ok`: no byte beyond the largest file. A device has as many as there are numbers.
        let largest = if object.is_zeros() {
            u64::MAX
        } else {
            i64::MAX as u64
        };
        if offset.checked_add(len).is_none_or(|end| end > largest) {
            return Err(Errno::EOVERFLOW);
        }
        check_file_kind(flags)?;
        let shared = flags.kind() != linux::MAP_PRIVATE;
        if shared {
            if self.prot.contains(Prot::WRITE) && !writable {
                return Err(Errno::EACCES);
            }
            self.flags |= VmaFlags::MAYSHARE;
            if writable {
                self.flags |= VmaFlags::SHARED;
            } else {
                self.flags -= VmaFlags::MAYWRITE;
            }
        }
        if self.flags.contains(VmaFlags::GROWSDOWN) {
            return Err(Errno::EINVAL);
        }
        let page = offset >> PAGE_SHIFT;
        self.flags
            .set(VmaFlags::OWN_PLACEMENT, object.is_zeros() && !shared);
        self.source = if shared && object.is_zeros() {
            Source::NewObject { page }
        } else {
            Source::Object { object, page, shared }
        };
        Ok(())
    }
}

/// The type of a mapping of a file.
pub(super) fn check_file_kind(flags: Flags) -> Result<(), Errno> {
    match flags.kind() {
        linux::MAP_SHARED_VALIDATE if flags.0 & !LEGACY_FLAGS != 0 => Err(Errno::EOPNOTSUPP),
        linux::MAP_SHARED | linux::MAP_SHARED_VALIDATE | linux::MAP_PRIVATE => Ok(()),
        _ => Err(Errno::EINVAL),
    }
}

/// The `MAP_*` bits of a request.
#[derive(Clone, Copy)]
pub(super) struct Flags(u64);

impl Flags {
    /// Whether any of these bits is set.
    pub(super) fn has(self, flag: u32) -> bool {
        self.0 & u64::from(flag) != 0
    }

    /// The type of the mapping, one of the values under `MAP_TYPE`.
    fn kind(self) -> u32 {
        self.0 as u32 & linux::MAP_TYPE
    }

    /// Whether Linux places it as shared memory: it looks at the bit, not at the type.
    fn is_shared(self) -> bool {
        self.has(linux::MAP_SHARED)
    }

    /// What size of huge pages is asked for, in bytes: 2 MiB, or one of arm64's with 4 KiB pages.
    pub(super) fn huge_page_size(self) -> Option<u64> {
        match (self.0 as u32 >> linux::MAP_HUGE_SHIFT) & linux::MAP_HUGE_MASK {
            0 => Some(1 << 21),
            known @ (16 | 21 | 25 | 30) => Some(1 << known),
            _ => None,
        }
    }

    /// The flags of the mapping that come from the call's alone.
    pub(super) fn of_mapping(self) -> VmaFlags {
        let mut flags = MAY_ALL;
        flags.set(VmaFlags::GROWSDOWN, self.has(linux::MAP_GROWSDOWN));
        flags.set(VmaFlags::LOCKED, self.has(linux::MAP_LOCKED));
        // Linux notes it even where there is nothing to synchronize.
        flags.set(VmaFlags::SYNC, self.has(linux::MAP_SYNC));
        // A stack of 2 MiB pages would be mostly waste (since Linux 6.7).
        flags.set(VmaFlags::NOHUGEPAGE, self.has(linux::MAP_STACK));
        flags
    }
}

/// The protection bits that `mmap` knows; it ignores the others.
pub(super) fn prot_of(prot: u64) -> Prot {
    Prot::from_bits_truncate(prot as u8)
}
