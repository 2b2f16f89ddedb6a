//! [`AddressSpace`], the one door that system calls and the fault handler come through.
//!
//! Every call takes the raw numbers of the system call, makes Linux's checks in Linux's order, and answers as Linux
//! answers. The caller holds the address space's lock throughout, and copies nothing from or to the program under it.
#![deny(unsafe_code)]

mod advise;
mod footprint;
mod fork;
mod heap;
mod huge;
mod limits;
mod lock;
mod map;
mod modify;
mod objects;
mod pagemap;
mod pages;
mod place;
mod populate;
mod protect;
mod remap_file;
mod report;
mod resident;
mod seal;
mod start;
mod sync;
#[cfg(test)]
mod tests;
mod unmap;
mod view;

use crate::fault::{Access, FaultError};
use crate::machine::{Asid, Machine};
use crate::object::Object;
use crate::remap::Request;
use crate::table::{Counters, OutOfMemory, PageTables};
use crate::vma::{Identity, VmaFlags, VmaTree};
use crate::{Errno, PAGE_SIZE, PageRange, PhysAddr, VirtAddr, page};
pub(crate) use modify::Refusal;
use objects::Objects;
pub(crate) use objects::object_page;
pub(crate) use place::{Placement, STACK_GUARD_GAP, Wish};
pub(crate) use view::{Freed, View, is_whole};

pub use advise::AdviceRequest;
pub use footprint::{Footprint, Proportional};
pub use huge::HugePages;
pub use limits::{
    Capabilities, DEFAULT_MAX_MAP_COUNT, DEFAULT_MMAP_MIN_ADDR, Layout, Limits, Overcommit, OvercommitPolicy,
    RLIM_INFINITY,
};
pub use pagemap::PageState;
pub use protect::check_protect;

/// What a new mapping shows.
#[derive(Clone)]
pub enum Backing<M: Machine> {
    /// Memory that begins as zero (`MAP_ANONYMOUS`).
    Anonymous,
    /// A file that the program has opened.
    Object {
        /// The file's contents.
        object: Object<M>,
        /// Where in the file the mapping begins, in bytes. arm64's `mmap` refuses one that is not page-aligned with
        /// `EINVAL` before it looks at the file descriptor; so must the caller.
        offset: u64,
        /// Whether the file was opened for writing, without which `MAP_SHARED` cannot be writable.
        writable: bool,
    },
    /// A file that cannot be mapped, and why (`EACCES`, `ENODEV`): Linux finds that out after it looked for a place.
    Refused(Errno),
}

/// The arguments of `mmap(2)`, as the program gave them.
#[derive(Clone)]
pub struct MapRequest<M: Machine> {
    /// A hint, or with `MAP_FIXED` the address; never untagged (arm64's tagged-address ABI).
    pub addr: u64,
    /// In bytes; rounded up to pages.
    pub len: u64,
    /// `PROT_*`.
    pub prot: u64,
    /// `MAP_*`.
    pub flags: u64,
    /// The file, or none.
    pub backing: Backing<M>,
}

/// One mapping, as a line of `/proc/PID/maps` shows it.
#[derive(Clone, Copy, Debug)]
pub struct Mapping<'a> {
    /// The pages.
    pub range: PageRange,
    /// `r`
    pub read: bool,
    /// `w`
    pub write: bool,
    /// `x`
    pub execute: bool,
    /// `s` instead of `p`.
    pub shared: bool,
    /// Where in the file the mapping begins, in bytes; zero for anonymous memory.
    pub offset: u64,
    /// The file's device, major and minor number; zero for anonymous memory.
    pub device: (u32, u32),
    /// The file's inode number; zero for anonymous memory.
    pub inode: u64,
    /// The file's path, `[heap]`, `[stack]`, `[vdso]`, or empty.
    pub name: &'a str,
    /// Whether it is of a file, or of shared memory, which Linux keeps in a file.
    pub has_file: bool,
    /// What else is known of it (`VmFlags` of `/proc/PID/smaps`).
    pub flags: VmaFlags,
    /// Whether the kernel would bring in 2 MiB blocks (`THPeligible`).
    pub block_eligible: bool,
}

/// How much of everything an address space holds; all in pages, but for the number of mappings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Mappings.
    pub mappings: u64,
    /// Pages of all mappings (`VmSize`).
    pub total: u64,
    /// Pages of private writable mappings (`VmData`).
    pub data: u64,
    /// Pages of locked mappings (`VmLck`).
    pub locked: u64,
    /// Pages that count towards the commit limit.
    pub accounted: u64,
}

/// A program's address space: its mappings, and the page tables that make them so.
pub struct AddressSpace<M: Machine> {
    pub(crate) machine: M,
    pub(crate) tables: PageTables<M>,
    /// A page full of zeros that nobody may write to: what is read before it is written. Address spaces that came of one another
    /// by fork share it; its references are counted by address spaces, not by entries.
    pub(crate) zero_page: PhysAddr,
    /// A block full of zeros, once memory that may be huge was read before it was written; otherwise as the page.
    pub(crate) zero_block: Option<PhysAddr>,
    pub(crate) huge_pages: HugePages,
    /// Whether `MADV_FREE` has offered pages that may still be there.
    may_have_lazy: bool,
    pub(crate) tree: VmaTree,
    pub(crate) objects: Objects<M>,
    limits: Limits,
    layout: Layout,
    /// Where the heap ends, once `brk` has set it.
    heap_end: u64,
    /// The number that the next identity of anonymous memory gets.
    next_identity: u64,
    /// How mappings to come are locked (`mlockall` with `MCL_FUTURE`; Linux's `def_flags`). A fork's child has none.
    lock_of_new: VmaFlags,
    /// The tree's count of nodes when the call under way began.
    visited_before: u64,
}

impl<M: Machine> AddressSpace<M> {
    /// Makes an empty address space with `asid` as its address space identifier.
    ///
    /// # Errors
    /// `ENOMEM` where there is no frame for the top table.
    pub fn new(machine: M, asid: Asid, limits: Limits, layout: Layout) -> Result<Self, Errno> {
        let mut zero = machine.take_frame().ok_or(Errno::ENOMEM)?;
        machine.clear(&mut zero);
        let tables = match PageTables::new(machine.clone(), asid) {
            Ok(tables) => tables,
            Err(OutOfMemory) => {
                machine.give_frame(zero);
                return Err(Errno::ENOMEM);
            }
        };
        Ok(Self {
            zero_page: page::adopt(&machine, zero),
            zero_block: None,
            huge_pages: HugePages::Allowed,
            may_have_lazy: false,
            machine,
            tables,
            tree: VmaTree::new(),
            objects: Objects::new(),
            limits,
            layout,
            heap_end: 0,
            next_identity: 1,
            lock_of_new: VmaFlags::empty(),
            visited_before: 0,
        })
    }

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

    /// The top table, for `TTBR0_EL1`.
    pub fn root(&self) -> PhysAddr {
        self.tables.root()
    }

    /// The address space identifier that the tables' entries are cached under.
    pub fn asid(&self) -> Asid {
        self.tables.asid()
    }

    /// Gives the address space another identifier, for when there are fewer of them than address spaces. No core uses it under the
    /// old one, and no TLB remembers anything under the new one.
    pub fn set_asid(&mut self, asid: Asid) {
        self.tables.set_asid(asid);
    }

    /// The machine that the address space takes its memory from.
    pub fn machine(&self) -> &M {
        &self.machine
    }

    /// The limits in force.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The limits in force, to change them (`setrlimit`, `capset`).
    pub fn limits_mut(&mut self) -> &mut Limits {
        &mut self.limits
    }

    /// Where the kernel places mappings; the program loader sets the heap and the stack.
    pub fn layout_mut(&mut self) -> &mut Layout {
        &mut self.layout
    }

    /// Whether memory may be huge.
    pub fn huge_page_policy(&self) -> HugePages {
        self.huge_pages
    }

    /// Says whether memory may be huge (`prctl(PR_SET_THP_DISABLE)`); what is huge stays so.
    pub fn set_huge_page_policy(&mut self, policy: HugePages) {
        self.huge_pages = policy;
    }

    /// How much of everything there is.
    pub fn usage(&self) -> Usage {
        self.count_usage()
    }

    /// What the page tables had to do since they were made, and in the last call alone.
    pub fn counters(&self) -> (Counters, Counters) {
        (self.tables.counters(), self.tables.last_call())
    }

    /// How many nodes of the tree of mappings were gone through since it was made, and in the last call alone.
    pub fn nodes_visited(&self) -> (u64, u64) {
        let visited = self.tree.nodes_visited();
        (visited, visited - self.visited_before)
    }

    /// `mmap(2)`: makes a mapping and answers its address.
    ///
    /// # Errors
    /// Linux's, see [`MapRequest`].
    pub fn mmap(&mut self, request: MapRequest<M>) -> Result<VirtAddr, Errno> {
        self.begin_call();
        self.map_request(request)
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
    /// fault as far as [`Limits::stack`] allows; `/proc/PID/maps` calls it `[stack]`.
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
    /// split and there are [`Limits::max_map_count`] already, or no memory is left.
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
    /// [`Limits::locked`], at a hole, behind which nothing is locked, at the limit of mappings, and where a page cannot be brought in;
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

    /// Adds to `footprint` what is in memory of the mappings from `from` to `end`, and answers how far that came: some thousand
    /// pages at most are looked at in one call, and at `end` all have been. Both are rounded down to pages.
    pub fn measure(&self, from: u64, end: u64, footprint: &mut Footprint) -> u64 {
        let bound = |addr: u64| VirtAddr::new(addr.min(crate::TASK_SIZE)).align_down(PAGE_SIZE);
        let range = PageRange::new(bound(from), bound(end));
        let reached = range.map_or(bound(end), |range| self.add_footprint(range, footprint));
        if reached < bound(end) { reached.get() } else { end }
    }

    /// Writes the words of `/proc/PID/pagemap` for the pages from the one at `addr` on, see [`PageState`]; answers how many there are
    /// before the end of the address space. An address tag is ignored. The caller asks for no more than it wants to hold the lock for.
    pub fn pagemap(&self, addr: u64, words: &mut [u64]) -> usize {
        self.page_words(addr, words)
    }

    /// Where the last mapping ends; zero where there is none.
    pub fn end_of_mappings(&self) -> u64 {
        let (last, _) = self.tree.around(report::everything().end());
        last.map_or(0, |last| last.end().get())
    }

    /// How many page tables there are, in pages (`VmPTE`).
    pub fn table_pages(&self) -> u64 {
        let counters = self.tables.counters();
        // The top one is taken with the address space, before anything is counted.
        1 + counters.tables_taken.saturating_sub(counters.tables_given)
    }

    /// The mappings, lowest first.
    pub fn mappings(&self) -> impl Iterator<Item = Mapping<'_>> {
        self.mappings_from(0)
    }

    /// The mappings that end after `addr`, lowest first, so that a long list can be read piece by piece.
    pub fn mappings_from(&self, addr: u64) -> impl Iterator<Item = Mapping<'_>> {
        self.list_from(addr)
    }
}

impl<M: Machine> AddressSpace<M> {
    /// Begins a system call, for the counters and for what earlier calls have reserved.
    fn begin_call(&mut self) {
        self.tables.begin_call();
        self.visited_before = self.tree.nodes_visited();
    }

    /// An identity that no memory of this address space has yet.
    pub(crate) fn new_identity(&mut self) -> Identity {
        let identity = Identity::new(self.next_identity);
        self.next_identity += 1;
        identity
    }

    /// What a plan may look at.
    pub(crate) fn view(&self) -> View<'_> {
        View {
            tree: &self.tree,
            limits: &self.limits,
            layout: &self.layout,
            charged: self.objects.charged(),
        }
    }
}

impl<M: Machine> Drop for AddressSpace<M> {
    /// Gives every page back. The tables must be in no core's `TTBR0_EL1` any more.
    fn drop(&mut self) {
        self.clear_pages(report::everything());
        page::release(&self.machine, self.zero_page);
        if let Some(block) = self.zero_block {
            page::release_block(&self.machine, block);
        }
    }
}

/// Rounds a length up to whole pages, as Linux's `PAGE_ALIGN`: a length in the last page wraps to zero.
pub(crate) fn round_up_to_page(len: u64) -> u64 {
    len.wrapping_add(PAGE_SIZE - 1) & !(PAGE_SIZE - 1)
}
