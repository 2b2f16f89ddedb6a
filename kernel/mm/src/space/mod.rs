//! [`AddressSpace`], the one door that system calls and the fault handler come through.
//!
//! Every call takes the raw numbers of the system call, makes Linux's checks in Linux's order, and answers as Linux
//! answers. The caller holds the address space's lock throughout, and copies nothing from or to the program under it.
#![deny(unsafe_code)]

mod advise;
mod anywhere;
mod calls;
mod footprint;
mod fork;
mod heap;
mod huge;
mod limits;
mod lock;
mod map;
mod map_huge;
mod modify;
mod objects;
mod pagemap;
mod pages;
mod place;
mod populate;
mod protect;
mod remap_file;
mod report;
mod request;
mod resident;
mod seal;
mod start;
mod sync;
#[cfg(test)]
mod tests;
mod unmap;
mod view;

use crate::machine::{Asid, Machine};
use crate::table::{Counters, OutOfMemory, PageTables};
use crate::vma::{Identity, VmaFlags, VmaTree};
use crate::{Errno, PAGE_SIZE, PhysAddr, page};
pub(crate) use modify::Refusal;
use objects::Objects;
pub(crate) use objects::object_page;
pub(crate) use place::{HUGE, Huge, Placement, STACK_GUARD_GAP, Wish};
pub(crate) use view::{Freed, View, is_whole};

pub use advise::AdviceRequest;
pub use footprint::{Footprint, Proportional};
pub use huge::{HugePageMode, HugePages};
pub use limits::{
    Capabilities, DEFAULT_MAX_MAP_COUNT, DEFAULT_MMAP_MIN_ADDR, Layout, Limits, Overcommit, OvercommitPolicy,
    RLIM_INFINITY,
};
pub use pagemap::PageState;
pub use protect::check_protect;
pub use report::{Mapping, Usage};
pub use request::{Backing, MapRequest};

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
