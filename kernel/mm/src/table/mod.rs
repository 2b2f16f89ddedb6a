//! Page tables: descriptors, levels, and the tables of one address space, edited and relocated.
//!
//! [`PageTables`] knows nothing of mappings: it is told what to map where, and sees to it that the MMU never sees anything
//! but the state before or the state after, or nothing. Every edit that takes something away is one *bracket*:
//!
//! 1. **Detach.** Entries that lie in the range lose their valid bit, and nothing else ([`Descriptor::detached`]), at the
//!    highest level at which nothing outside of the range lies below. So no list of what was taken out is needed.
//! 2. **Flush**, once: `DSB ISHST`, the TLBIs, `DSB ISH`. From here on nobody reaches what was detached, the hardware's
//!    updates of access and dirty state included, and plain loads and stores do.
//! 3. **Take out or move** the entries, as plain words where a whole table was detached.
//! 4. **Publish** what is new: `DSB ISHST` before the store that makes a table reachable, and `DSB ISHST; ISB` at the end.
//!
//! The frames that an edit frees are handed to the caller in step 3, never before the flush is complete.
//!
//! One address space is edited by one caller at a time; the walkers of any core run all the while. A *call*
//! ([`PageTables::begin_call`]) is what counters and reservations refer to: a system call. Faults belong to the call before them.

pub mod attributes;
mod collapse;
mod contiguous;
mod counters;
pub mod descriptor;
mod detach;
mod few;
mod flush;
mod fork;
mod gone;
mod guard;
mod leaves;
pub mod level;
mod page;
mod pool;
mod protect;
mod release;
mod relocate;
mod slot;
mod split;
mod unmap;

pub use attributes::{Attributes, MAIR, Memory, Rights};
pub use counters::Counters;
pub use descriptor::{Descriptor, Entry, Leaf};
pub use fork::{Sharing, Users};
pub use leaves::Leaves;
pub use level::{CONTIGUOUS, ENTRIES, Level};
pub use pool::OutOfMemory;
pub use slot::Slot;

use crate::machine::{Asid, Machine};
use crate::{PageRange, PhysAddr, TASK_SIZE, VirtAddr};
use page::{Live, Plain, Table};
use pool::Pool;

/// The page tables of one address space: four levels under one root, and the empty tables that it keeps at hand.
pub struct PageTables<M: Machine> {
    machine: M,
    root: Table,
    asid: Asid,
    pool: Pool,
    counters: Counters,
    /// The counters when the call under way began.
    before: Counters,
}

impl<M: Machine> PageTables<M> {
    /// Tables that map nothing, for an address space whose TLB entries are told apart by `asid`.
    ///
    /// # Errors
    /// Where there is no frame for the root.
    pub fn new(machine: M, asid: Asid) -> Result<Self, OutOfMemory> {
        let mut pool = Pool::default();
        let root = pool.take(&machine).ok_or(OutOfMemory)?;
        Ok(Self {
            machine,
            root,
            asid,
            pool,
            counters: Counters::default(),
            before: Counters::default(),
        })
    }

    /// The root, for `TTBR0_EL1`. Tables that are dropped must be in no core's `TTBR0_EL1` any more.
    pub fn root(&self) -> PhysAddr {
        self.root.address()
    }

    /// The identifier that TLB entries of these tables carry.
    pub fn asid(&self) -> Asid {
        self.asid
    }

    /// Has them carry another identifier from now on; see [`AddressSpace::set_asid`](crate::AddressSpace::set_asid).
    pub fn set_asid(&mut self, asid: Asid) {
        self.asid = asid;
    }

    /// How many empty tables are at hand, those set aside for blocks among them.
    pub fn spare_tables(&self) -> usize {
        self.pool.len()
    }

    /// Whether anything is mapped by a block.
    pub fn has_blocks(&self) -> bool {
        self.pool.has_deposits()
    }

    /// The machine that the tables are made for.
    pub fn machine(&self) -> &M {
        &self.machine
    }

    /// Begins a system call: from here on [`Self::last_call`] counts, and what earlier calls reserved and did
    /// not use is free again.
    pub fn begin_call(&mut self) {
        self.before = self.counters;
        self.pool.settle(&self.machine);
    }

    /// What was done since the tables were made.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// What was done since [`Self::begin_call`].
    pub fn last_call(&self) -> Counters {
        self.counters - self.before
    }

    fn live(&self, table: Table) -> Live<'_> {
        table.live(&self.machine)
    }

    fn plain(&self, table: Table) -> Plain<'_> {
        table.plain(&self.machine)
    }

    /// Takes an empty table which a reservation promised.
    fn take_promised(&mut self) -> Table {
        self.counters.tables_taken += 1;
        // A caller that did not reserve is a fault of this kernel, and nothing that a program can bring about.
        self.pool
            .take(&self.machine)
            .expect("an edit needs tables that nobody reserved")
    }

    /// Gives back a table whose entries are all absent, and which was flushed since it was last reachable.
    fn give_table(&mut self, table: Table) {
        self.counters.tables_given += 1;
        self.pool.put(&self.machine, table);
    }
}

impl<M: Machine> Drop for PageTables<M> {
    /// Gives all tables back. Whoever mapped pages has taken them out before.
    fn drop(&mut self) {
        // What a failed test left behind may be anything.
        #[cfg(any(test, feature = "fake"))]
        if std::thread::panicking() {
            return;
        }
        let all = PageRange::new(VirtAddr::new(0), VirtAddr::new(TASK_SIZE));
        if let Some(all) = all {
            self.unmap(all, |_, _, _| {
                debug_assert!(false, "tables were dropped with pages in them")
            });
        }
        self.pool.put(&self.machine, self.root);
        self.pool.shrink(&self.machine, 0);
    }
}

#[cfg(test)]
mod tests;
