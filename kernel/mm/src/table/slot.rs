//! One page's place in the tables: looked up once, then read and edited. This is the path of a page fault, and kept short.

use super::PageTables;
use super::attributes::Attributes;
use super::descriptor::{Descriptor, Entry, Leaf};
use super::level::Level;
use super::page::Table;
use super::pool::OutOfMemory;
use crate::machine::{Machine, Reach};
use crate::{PAGE_SIZE, PageRange, VirtAddr};

/// The place of one page: the lowest table that exists for it, and the entry found there.
pub struct Slot<'t, M: Machine> {
    tables: &'t mut PageTables<M>,
    address: VirtAddr,
    level: Level,
    table: Table,
    found: Descriptor,
}

impl<M: Machine> PageTables<M> {
    /// Walks to the lowest entry for the page at `address`: a page, a block, or an absent entry of any level.
    #[inline]
    pub(super) fn walk(&self, address: VirtAddr) -> (Level, Table, Descriptor) {
        match self.leaf_table(address) {
            Ok(table) => (Level::Pte, table, self.live(table).get(Level::Pte.index(address))),
            Err(end) => end,
        }
    }

    /// The leaf table for `address`, or where the walk there ends: with a block or an absent entry.
    #[inline]
    pub(super) fn leaf_table(&self, address: VirtAddr) -> Result<Table, (Level, Table, Descriptor)> {
        let mut table = self.root;
        // Each level by itself, so that shifts are constants.
        for level in [Level::Pgd, Level::Pud, Level::Pmd] {
            let entry = self.live(table).get(level.index(address));
            if !entry.is_table(level) {
                return Err((level, table, entry));
            }
            table = Table::of(entry);
        }
        Ok(table)
    }

    /// What is mapped at `address` (below `TASK_SIZE`): an absent entry, a leaf or a guard, and the level at which it was
    /// found, which is the size of the block or of the hole.
    pub fn query(&self, address: VirtAddr) -> (Level, Entry) {
        let (level, _, entry) = self.walk(address);
        (level, entry.decode(level))
    }

    /// The place of the page at `address` (page-aligned, below `TASK_SIZE`), to be read and edited.
    #[inline]
    pub fn slot(&mut self, address: VirtAddr) -> Slot<'_, M> {
        debug_assert!(address.is_aligned(PAGE_SIZE) && address.get() < crate::TASK_SIZE);
        let (level, table, found) = self.walk(address);
        self.counters.read += level as u64 + 1;
        Slot {
            tables: self,
            address,
            level,
            table,
            found,
        }
    }

    /// Maps one page where nothing is: [`Self::slot`] and [`Slot::fill`] in one.
    ///
    /// # Errors
    /// Where there is no memory for a table; nothing has changed.
    pub fn map(&mut self, address: VirtAddr, leaf: Leaf) -> Result<(), OutOfMemory> {
        self.slot(address).fill(leaf)
    }

    /// Maps one block, of 2 MiB or 1 GiB as `level` says, at `address` (aligned to that) where nothing is, not even an empty
    /// table. Tables for all of its pages are set aside with it, so that no edit that cuts the block needs any.
    ///
    /// # Errors
    /// Where there is no memory for a table; nothing has changed.
    pub fn map_block(&mut self, level: Level, address: VirtAddr, leaf: Leaf) -> Result<(), OutOfMemory> {
        let tables = level.tables_for_pages();
        self.pool.deposit(&self.machine, tables)?;
        let filled = self.slot(address).fill_at(level, Descriptor::leaf(level, leaf));
        if filled.is_err() {
            self.pool.withdraw(tables);
        }
        filled
    }
}

impl<M: Machine> Slot<'_, M> {
    /// Whether nothing is there.
    #[inline]
    pub fn is_absent(&self) -> bool {
        self.found.is_absent()
    }

    /// What is there.
    pub fn entry(&self) -> Entry {
        self.found.decode(self.level)
    }

    /// The level of what is there: [`Level::Pte`] for a page, and the size of the block or hole otherwise.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Maps a page where nothing is.
    ///
    /// Ends with `DSB ISHST`. The exception return that follows a fault makes it visible; whoever uses the address without
    /// one may take a needless fault, which finds the page and returns.
    ///
    /// # Errors
    /// Where there is no memory for a table; nothing has changed.
    #[inline]
    pub fn fill(self, leaf: Leaf) -> Result<(), OutOfMemory> {
        self.fill_at(Level::Pte, Descriptor::leaf(Level::Pte, leaf))
    }

    #[inline]
    pub(super) fn fill_at(self, level: Level, entry: Descriptor) -> Result<(), OutOfMemory> {
        assert!(
            self.found.is_absent() && self.level <= level,
            "{} is mapped already",
            self.address
        );
        if self.level != level {
            return self.fill_new_table(level, entry);
        }
        self.tables.put_entry(level, self.table, self.address, entry);
        Ok(())
    }

    /// Maps where tables are missing on the way.
    #[cold]
    fn fill_new_table(self, level: Level, entry: Descriptor) -> Result<(), OutOfMemory> {
        let Slot {
            tables,
            address,
            level: found,
            table,
            ..
        } = self;
        let (bottom, top) = tables.chain(address, found, level)?;
        tables.put_entry(level, bottom, address, entry);
        tables.put_entry(found, table, address, top.entry());
        Ok(())
    }

    /// Replaces the page or block that is there by another of the same size, and answers what it was at the end, with
    /// access and dirty state as the hardware left them.
    ///
    /// Where a TLB may remember what no longer holds, it has forgotten it when this returns; where the architecture demands
    /// it the old entry is taken out before the new one goes in (break-before-make). Until then nobody used the new page,
    /// and from then on nobody uses the old one.
    pub fn replace(self, leaf: Leaf) -> Leaf {
        let new = Descriptor::leaf(self.level, leaf);
        self.exchange(|_| new)
    }

    /// Replaces the attributes of what is there by what `edit` makes of them; otherwise as [`Self::replace`].
    pub fn set_attributes(self, edit: impl Fn(Attributes) -> Attributes) -> Leaf {
        let level = self.level;
        self.exchange(|old| {
            Descriptor::leaf(
                level,
                Leaf {
                    address: old.address(),
                    attributes: edit(old.attributes()),
                },
            )
        })
    }

    fn exchange(self, edit: impl Fn(Descriptor) -> Descriptor) -> Leaf {
        let Slot {
            tables,
            address,
            level,
            table,
            found,
        } = self;
        assert!(
            matches!(found.decode(level), Entry::Leaf(_)),
            "nothing is mapped at {address}"
        );
        if found.is_contiguous(level) {
            tables.break_group(address);
        }
        let index = level.index(address);
        let word = table.live(&tables.machine).word(index);
        // An edit that would need break-before-make detaches first and is made good afterwards.
        let (old, now) = word.update(|old| {
            let new = edit(old);
            if new.may_replace(old, level) {
                new
            } else {
                old.detached()
            }
        });
        let broken = !now.is_valid() && old.is_valid();
        tables.counters.written += 1 + broken as u64;
        let flushed = now.outdates(old, level);
        if flushed {
            let base = address.align_down(level.size());
            let range = PageRange::from_len(base, PAGE_SIZE).expect("a mapped page lies below TASK_SIZE");
            tables.flush(range, Reach::Leaf, None);
        }
        if broken {
            table.live(&tables.machine).set(index, edit(old));
        }
        if edit(old).is_contiguous(level) {
            table.note_contiguous(&tables.machine);
        }
        // A flush has made visible what came before it.
        if broken || !flushed {
            tables.order_stores();
        }
        Leaf {
            address: old.address(),
            attributes: old.attributes(),
        }
    }
}

impl<M: Machine> PageTables<M> {
    /// Puts an entry where none is, for every walker to see.
    #[inline]
    fn put_entry(&mut self, level: Level, table: Table, address: VirtAddr, entry: Descriptor) {
        if entry.is_contiguous(level) {
            table.note_contiguous(&self.machine);
        }
        self.live(table).set(level.index(address), entry);
        table.gain(&self.machine, 1);
        self.counters.written += 1;
        self.order_stores();
    }

    /// Makes the tables between an absent entry of `top` level and `bottom`, linked to each other but not to the rest yet:
    /// answers with the lowest and the highest of them.
    fn chain(&mut self, address: VirtAddr, top: Level, bottom: Level) -> Result<(Table, Table), OutOfMemory> {
        let lowest = self.take_spare()?;
        let mut highest = lowest;
        for level in Level::ALL
            .into_iter()
            .rev()
            .filter(|level| *level > top && *level < bottom)
        {
            let Ok(table) = self.take_spare() else {
                self.give_chain(highest, level, address);
                return Err(OutOfMemory);
            };
            self.live(table).set(level.index(address), highest.entry());
            table.gain(&self.machine, 1);
            self.counters.written += 1;
            highest = table;
        }
        Ok((lowest, highest))
    }

    /// Gives back the tables of an unfinished chain: `highest` would have hung in a table of `level`.
    fn give_chain(&mut self, highest: Table, level: Level, address: VirtAddr) {
        let (mut level, mut table) = (level, Some(highest));
        while let (Some(below), Some(current)) = (level.below(), table) {
            let next = self.live(current).get(below.index(address));
            self.live(current).set(below.index(address), Descriptor::ABSENT);
            table = (!next.is_absent()).then(|| Table::of(next));
            level = below;
            self.give_table(current);
        }
    }

    fn take_spare(&mut self) -> Result<Table, OutOfMemory> {
        let table = self.pool.take_spare(&self.machine).ok_or(OutOfMemory)?;
        self.counters.tables_taken += 1;
        Ok(table)
    }
}
