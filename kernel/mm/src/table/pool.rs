//! Table pages that are at hand: empty, and all zeros.
//!
//! A table that an edit empties goes here and is the next to be used, so that moving memory to and fro allocates nothing
//! and clears nothing. What an edit may need is reserved here before anything changes.
//!
//! Each block that is mapped has *deposited* here the tables that it takes to make pages of it. So a block can be split at any
//! time, by whatever cuts it, and no edit can fail for that.

use super::descriptor::Descriptor;
use super::page::Table;
use crate::PhysAddr;
use crate::machine::Machine;

/// How many unused tables an address space keeps between calls: enough for three levels at both ends of two ranges.
pub(super) const KEEP: usize = 12;

/// There is no memory left for what was asked; nothing has changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OutOfMemory;

/// A stack of empty tables, linked through their first entries.
#[derive(Default)]
pub(super) struct Pool {
    top: Option<Table>,
    count: usize,
    /// How many of them the call under way has been promised.
    promised: usize,
    /// How many more of them belong to the blocks that are mapped.
    deposited: usize,
}

impl Pool {
    /// Makes sure of `tables` more for the call under way.
    #[inline]
    pub(super) fn reserve<M: Machine>(&mut self, machine: &M, tables: usize) -> Result<(), OutOfMemory> {
        if self.count < self.promised + self.deposited + tables {
            self.stock(machine, tables)?;
        }
        self.promised += tables;
        Ok(())
    }

    /// Sets `tables` aside for a block that is about to be mapped.
    pub(super) fn deposit<M: Machine>(&mut self, machine: &M, tables: usize) -> Result<(), OutOfMemory> {
        self.stock(machine, tables)?;
        self.deposited += tables;
        Ok(())
    }

    /// Sets the table that came last aside for a block that takes its place.
    pub(super) fn keep_for_block(&mut self) {
        self.deposited += 1;
    }

    /// Gives up what was set aside for a block that is mapped no more.
    pub(super) fn withdraw(&mut self, tables: usize) {
        self.deposited -= tables;
    }

    /// Promises the call under way a table that was set aside for a block, which becomes a table.
    pub(super) fn redeem(&mut self) {
        self.deposited -= 1;
        self.promised += 1;
    }

    /// Whether any block has tables here.
    pub(super) fn has_deposits(&self) -> bool {
        self.deposited > 0
    }

    /// Makes sure of `tables` more beyond those that are promised and deposited, to be had by [`Self::take_spare`].
    pub(super) fn stock<M: Machine>(&mut self, machine: &M, tables: usize) -> Result<(), OutOfMemory> {
        let taken = self.promised + self.deposited;
        while self.count < taken + tables {
            let Some(table) = fresh(machine) else {
                // There may have been many.
                self.shrink(machine, taken.max(KEEP));
                return Err(OutOfMemory);
            };
            self.put(machine, table);
        }
        Ok(())
    }

    /// How many tables are at hand.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Ends a call: nothing is promised any more, and what is too much goes back to the machine.
    pub(super) fn settle<M: Machine>(&mut self, machine: &M) {
        self.promised = 0;
        self.shrink(machine, KEEP + self.deposited);
    }

    /// Gives all but `keep` tables back to the machine.
    pub(super) fn shrink<M: Machine>(&mut self, machine: &M, keep: usize) {
        while self.count > keep
            && let Some(table) = self.pop(machine)
        {
            // SAFETY: a table in the pool is in no entry, and was flushed before it came here.
            machine.give_frame(unsafe { table.into_frame() });
        }
    }

    /// Takes a table that was promised, or any other.
    pub(super) fn take<M: Machine>(&mut self, machine: &M) -> Option<Table> {
        let table = self.pop(machine).or_else(|| fresh(machine));
        self.promised = self.promised.saturating_sub(1);
        table
    }

    /// Takes a table that nobody was promised.
    pub(super) fn take_spare<M: Machine>(&mut self, machine: &M) -> Option<Table> {
        if self.count > self.promised + self.deposited {
            self.pop(machine)
        } else {
            fresh(machine)
        }
    }

    /// Puts an empty table in, which no TLB remembers. All its entries are absent.
    pub(super) fn put<M: Machine>(&mut self, machine: &M, table: Table) {
        let link = self.top.map_or(0, |top| top.address().get());
        table.live(machine).set(0, Descriptor::from_raw(link));
        self.top = Some(table);
        self.count += 1;
    }

    fn pop<M: Machine>(&mut self, machine: &M) -> Option<Table> {
        let table = self.top?;
        let entries = table.live(machine);
        let link = entries.get(0).raw();
        self.top = (link != 0).then(|| Table::of(Descriptor::table(PhysAddr::new(link))));
        entries.set(0, Descriptor::ABSENT);
        table.reset(machine);
        self.count -= 1;
        Some(table)
    }
}

fn fresh<M: Machine>(machine: &M) -> Option<Table> {
    let mut frame = machine.take_frame()?;
    machine.clear(&mut frame);
    Some(Table::from_zeroed(machine, frame))
}
