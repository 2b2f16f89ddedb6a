//! The calls that a program's system calls and page faults become: one method each, which does what every call begins with and
//! hands over to the file that knows how.

use super::{AddressSpace, AdviceRequest, MapRequest};
use crate::fault::{Access, FaultError};
use crate::machine::{Asid, Machine};
use crate::object::{Object, whole_pages};
use crate::remap::Request;
use crate::{Errno, VirtAddr};
use core::ops::Range;

impl<M: Machine> AddressSpace<M> {
    /// A copy of this address space with `asid` as its address space identifier, as `fork(2)` makes it for a child: the same
    /// mappings with the same contents, limits and layout. Mappings under `MADV_DONTFORK` are left out, those under
    /// `MADV_WIPEONFORK` are empty; nothing is locked and no userfaultfd watches. Private pages are copied when either of the two
    /// stores to them; shared ones stay shared.
    ///
    /// # Errors
    /// `ENOMEM` where that would be more than the commit limit allows, or there is no memory for tables; nothing has changed.
    pub fn fork(&mut self, asid: Asid) -> Result<Self, Errno> {
        self.tables.begin_call();
        self.fork_space(asid)
    }

    /// `mmap(2)`: makes a mapping and answers its address.
    ///
    /// # Errors
    /// Linux's, see [`MapRequest`].
    #[inline]
    pub fn mmap(&mut self, request: MapRequest<M>) -> Result<VirtAddr, Errno> {
        self.begin_call();
        match self.map_plain(&request) {
            Some(addr) => Ok(addr),
            None => self.map_request(request),
        }
    }

    /// Maps all of `object` as Linux maps the vdso: private, never grown, split nor made writable by a program. A zero
    /// `addr` leaves the place to the kernel; another one is a hint.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn map_special(&mut self, addr: u64, object: Object<M>, prot: u64) -> Result<VirtAddr, Errno> {
        self.begin_call();
        self.map_special_object(addr, &object, prot)
    }

    /// Maps the first stack of a program: `len` bytes that end at `top`, readable and writable, growing downwards at a
    /// fault as far as [`Limits::stack`](super::Limits::stack) allows; `/proc/PID/maps` calls it `[stack]`.
    ///
    /// # Errors
    /// `ENOMEM` where the range is not free or there is no memory.
    pub fn map_stack(&mut self, top: u64, len: u64) -> Result<(), Errno> {
        self.begin_call();
        self.map_first_stack(top, len)
    }

    /// `munmap(2)`: removes whatever is mapped in the range.
    ///
    /// # Errors
    /// `EINVAL` for a range that is empty, not page-aligned or not below the end; `ENOMEM` where a mapping would be
    /// split and there are [`Limits::max_map_count`](super::Limits::max_map_count) already, or no memory is left.
    pub fn munmap(&mut self, addr: u64, len: u64) -> Result<(), Errno> {
        self.begin_call();
        self.unmap_request(addr, len)
    }

    /// `mprotect(2)`.
    ///
    /// # Errors
    /// Linux's.
    pub fn mprotect(&mut self, addr: u64, len: u64, prot: u64) -> Result<(), Errno> {
        self.begin_call();
        self.protect(addr, len, prot)
    }

    /// `mremap(2)`: resizes, moves or duplicates mappings and answers the new address.
    ///
    /// # Errors
    /// Linux's.
    pub fn mremap(
        &mut self,
        old: u64,
        old_len: u64,
        new_len: u64,
        flags: u64,
        new: u64,
    ) -> Result<VirtAddr, Errno> {
        self.begin_call();
        self.remap(Request::decode(old, old_len, new_len, flags, new)?)
    }

    /// `madvise(2)`, in one go; see [`Self::advise`].
    ///
    /// # Errors
    /// Linux's; `EINVAL` for advice that this kernel does not know.
    pub fn madvise(&mut self, addr: u64, len: u64, advice: u64) -> Result<(), Errno> {
        let mut request = AdviceRequest::decode(addr, len, advice)?;
        while !self.advise(&mut request)? {}
        Ok(())
    }

    /// Follows the advice of `madvise(2)`, or as much of it as may be done under one hold of the address space's lock; answers
    /// whether that was all. Until then the caller lets go of the lock and calls again.
    ///
    /// # Errors
    /// Linux's; the call has ended, and what was done before stays done.
    pub fn advise(&mut self, request: &mut AdviceRequest) -> Result<bool, Errno> {
        self.begin_call();
        self.advise_stretch(request)
    }

    /// The checks of `mincore(2)` on its range; answers the number of pages, each of which is a byte of the answer.
    ///
    /// # Errors
    /// `EINVAL` for an address that is not page-aligned, `ENOMEM` for a range beyond the end.
    pub fn mincore_pages(&self, addr: u64, len: u64) -> Result<u64, Errno> {
        self.resident_pages(addr, len)
    }

    /// Residency of the pages from `addr`, one byte each, 1 for a resident page: a stretch of the answer of `mincore(2)`.
    /// Answers how many pages that are: all of `answer`, or as far as the mapping at `addr` goes. The caller copies them to
    /// the program without the lock, and asks for the next stretch.
    ///
    /// # Errors
    /// `ENOMEM` where nothing is mapped at `addr`.
    pub fn mincore(&self, addr: u64, answer: &mut [u8]) -> Result<usize, Errno> {
        self.residency(addr, answer)
    }

    /// `brk(2)`: sets the end of the heap and answers it; the old end where `end` cannot be had.
    pub fn brk(&mut self, end: u64) -> u64 {
        self.begin_call();
        self.set_heap_end(end)
    }

    /// `mlock2(2)`, and without flags `mlock(2)`: keeps a range in memory. What cannot be locked, such as the vdso, is passed over.
    ///
    /// # Errors
    /// `EINVAL` for flags and for a range that wraps around; `EPERM` where the program may lock nothing; `ENOMEM` above
    /// [`Limits::locked`](super::Limits::locked), at a hole, behind which nothing is locked, at the limit of mappings, and where a page cannot be brought in;
    /// `EAGAIN` where memory runs out.
    pub fn mlock(&mut self, addr: u64, len: u64, flags: u64) -> Result<(), Errno> {
        self.begin_call();
        self.lock_request(addr, len, flags)
    }

    /// `munlock(2)`.
    ///
    /// # Errors
    /// `EINVAL` for a range that wraps around; `ENOMEM` at a hole and at the limit of mappings.
    pub fn munlock(&mut self, addr: u64, len: u64) -> Result<(), Errno> {
        self.begin_call();
        self.unlock_request(addr, len)
    }

    /// `mlockall(2)`: keeps all there is in memory, or all that will be mapped, or both. The latest call says what holds for
    /// mappings to come.
    ///
    /// # Errors
    /// `EINVAL` for flags; `EPERM` where the program may lock nothing; `ENOMEM` where it has more mapped than it may lock.
    pub fn mlockall(&mut self, flags: u64) -> Result<(), Errno> {
        self.begin_call();
        self.lock_all_request(flags)
    }

    /// `munlockall(2)`: also mappings to come are not locked.
    pub fn munlockall(&mut self) {
        self.begin_call();
        self.unlock_all();
    }

    /// `mseal(2)`: forbids for good to unmap, move, resize or replace what is mapped in a range, or to change its protection.
    ///
    /// # Errors
    /// `EINVAL` for flags, an address that is not page-aligned and a range that wraps around; `ENOMEM` for a range with a hole, of which
    /// nothing is sealed, and at the limit of mappings; `EINVAL` for part of the vdso.
    pub fn mseal(&mut self, addr: u64, len: u64, flags: u64) -> Result<(), Errno> {
        self.begin_call();
        self.seal_request(addr, len, flags)
    }

    /// `msync(2)`.
    ///
    /// # Errors
    /// `EINVAL` for flags and an address that is not page-aligned; `EBUSY` for `MS_INVALIDATE` of locked memory; `ENOMEM` for a range with
    /// a hole, or that wraps around.
    pub fn msync(&self, addr: u64, len: u64, flags: u64) -> Result<(), Errno> {
        self.sync_request(addr, len, flags)
    }

    /// `remap_file_pages(2)`: lets a part of a shared mapping show its object from `page` on.
    ///
    /// # Errors
    /// `EINVAL` for a protection, an empty range or one that wraps, and where the range is not mapped alike throughout; else those of
    /// [`AddressSpace::mmap`].
    pub fn remap_file_pages(
        &mut self,
        start: u64,
        len: u64,
        prot: u64,
        page: u64,
        flags: u64,
    ) -> Result<(), Errno> {
        self.begin_call();
        self.remap_file_request(start, len, prot, page, flags)
    }

    /// Makes good an access that the tables do not allow: brings in the page, copies it, or says which signal is due.
    ///
    /// # Errors
    /// See [`FaultError`].
    pub fn fault(&mut self, addr: u64, access: Access) -> Result<(), FaultError> {
        self.resolve_or_reclaim(addr, access)
    }

    /// Forgets the pages of `object` that lie past its end, after [`Object::set_len`] made it shorter. Each address
    /// space that may map the object is told.
    pub fn object_shrunk(&mut self, object: &Object<M>) {
        self.begin_call();
        self.cut_object(object);
    }
    /// Forgets the pages of `object` that lie in `bytes` as a whole, before [`Object::punch_hole`] gives them up; private copies and guards
    /// stay. Each address space that may map the object is told.
    pub fn object_punched(&mut self, object: &Object<M>, bytes: &Range<u64>) {
        self.begin_call();
        self.forget_pages_of(object, whole_pages(bytes));
    }
}
