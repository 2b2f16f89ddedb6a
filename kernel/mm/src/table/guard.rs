//! Guard markers: entries that are not valid, stand for no page, and keep one from coming.

use super::PageTables;
use super::descriptor::Descriptor;
use super::level::Level;
use super::page::Table;
use super::pool::OutOfMemory;
use crate::PageRange;
use crate::machine::Machine;

impl<M: Machine> PageTables<M> {
    /// How many tables [`Self::guard`] of `range` needs that are not there.
    pub fn tables_for_guards(&self, range: PageRange) -> usize {
        if range.is_empty() {
            return 0;
        }
        self.missing_tables(Level::Pgd, Some(self.root), range)
    }

    /// Takes as many tables, so that guarding cannot fail.
    ///
    /// # Errors
    /// Where there is no memory for them; nothing has changed.
    pub fn reserve_guards(&mut self, tables: usize) -> Result<(), OutOfMemory> {
        // What is emptied before leaves its tables at hand.
        self.pool.stock(&self.machine, tables)
    }

    /// Puts a guard marker into every page of `range`, where nothing is but perhaps markers. The tables for that come from
    /// [`Self::reserve_guards`] in the same call.
    pub fn guard(&mut self, range: PageRange) {
        let mut at = range.start();
        while at < range.end() {
            let part = range.within(at.align_down(Level::Pmd.size()), Level::Pmd.size());
            self.guard_in_one_table(part);
            at = part.end();
        }
        self.order_stores();
    }

    /// Fills `part`, which lies under one leaf table.
    fn guard_in_one_table(&mut self, part: PageRange) {
        let slot = self.slot(part.start());
        if slot.level() != Level::Pte && slot.fill_at(Level::Pte, Descriptor::GUARD).is_err() {
            // A caller that did not reserve is a fault of this kernel.
            unreachable!("guards need tables that nobody reserved");
        }
        let (_, table, _) = self.walk(part.start());
        let first = Level::Pte.index(part.start());
        let mut came = 0;
        for word in self.live(table).words(first..first + part.pages() as usize) {
            let entry = word.get();
            if entry.is_absent() {
                word.set(Descriptor::GUARD);
                came += 1;
            } else {
                assert!(entry == Descriptor::GUARD, "a page is mapped in {part:?}");
            }
        }
        table.gain(&self.machine, came);
        self.counters.read += part.pages();
        self.counters.written += came as u64;
    }

    /// How many tables below one of `level` are not there that pages everywhere in `range` would need; `None` for a table that is
    /// itself missing.
    fn missing_tables(&self, level: Level, table: Option<Table>, range: PageRange) -> usize {
        let Some(below) = level.below() else { return 0 };
        let entries = entries_of(level, range);
        let Some(table) = table else {
            // All of them, and whatever hangs below.
            return entries + entries_below(below, range);
        };
        let first = level.index(range.start());
        (first..first + entries)
            .map(|index| {
                let part = range.within(level.base(range, index), level.size());
                let entry = self.live(table).get(index);
                let child = entry.is_table(level).then(|| Table::of(entry));
                let own = usize::from(child.is_none());
                own + self.missing_tables(below, child, part)
            })
            .sum()
    }
}

/// How many entries of `level` it takes to cover `range`.
fn entries_of(level: Level, range: PageRange) -> usize {
    let end = range.end().get().div_ceil(level.size());
    (end - range.start().get() / level.size()) as usize
}

/// How many tables hang in tables of `level` and below, where everything in `range` is mapped by pages.
fn entries_below(level: Level, range: PageRange) -> usize {
    match level.below() {
        Some(below) => entries_of(level, range) + entries_below(below, range),
        None => 0,
    }
}
