//! Taking everything out of a range.

use super::PageTables;
use super::descriptor::{Descriptor, Entry, Leaf};
use super::detach::{Extent, Found, Start};
use super::few::{Few, in_one_table};
use super::level::Level;
use super::page::{Table, Word};
use crate::machine::Machine;
use crate::{PAGE_SIZE, PageRange, VirtAddr};
use core::ops::Range;

/// What becomes of pages and blocks that are taken out.
pub(super) trait Sink {
    /// Takes a page or block, with its address and as the hardware left it. No TLB remembers it.
    fn take(&mut self, address: VirtAddr, level: Level, leaf: Leaf);

    /// Takes as many of some entries of a leaf table as it can at once, from the first on, and makes them absent; answers how many.
    #[inline]
    fn take_pages(&mut self, _: &[Word]) -> usize {
        0
    }
}

/// A sink that takes pages one by one.
pub(super) struct Each<F>(pub(super) F);

impl<F: FnMut(VirtAddr, Level, Leaf)> Sink for Each<F> {
    fn take(&mut self, address: VirtAddr, level: Level, leaf: Leaf) {
        (self.0)(address, level, leaf);
    }
}

impl<M: Machine> PageTables<M> {
    /// Takes out everything in `range` and hands each page and block to `sink`, with its address and as the hardware left
    /// it, once no TLB remembers it and every access to it is complete: the frame may be given back at once. Tables that
    /// become empty are taken out too. Guards vanish silently.
    ///
    /// Blocks that reach out of the range are split.
    pub fn unmap(&mut self, range: PageRange, sink: impl FnMut(VirtAddr, Level, Leaf)) {
        self.unmap_to(range, &mut Each(sink));
    }

    /// As [`Self::unmap`].
    #[inline]
    pub(super) fn unmap_to(&mut self, range: PageRange, sink: &mut impl Sink) {
        if range.is_empty() || in_one_table(Level::Pte, range) && self.unmap_few(range, sink).is_some() {
            return;
        }
        self.unmap_many(range, sink);
    }

    /// Unmaps whatever there may be.
    #[inline(never)]
    fn unmap_many(&mut self, range: PageRange, sink: &mut impl Sink) {
        if let Some((start, found)) = self.take_out(range) {
            self.drain_taken(range, start, found, sink);
        }
    }

    /// Empties `range`, all of it detached, which began at `start`, and flushed.
    #[inline]
    pub(super) fn drain_taken(&mut self, range: PageRange, start: Start, found: Found, sink: &mut impl Sink) {
        self.drain_in(start.level, start.table, range, false, sink);
        if found.cut {
            self.publish();
        }
    }

    /// Unmaps pages of one leaf table the short way; `None` if that is not to be gone, and nothing has changed.
    fn unmap_few(&mut self, range: PageRange, sink: &mut impl Sink) -> Option<()> {
        const PTE: usize = Level::Pte as usize;
        let way = self.way::<PTE>(range.start())?;
        let table = way.table();
        let first = Level::Pte.index(range.start());
        let entries = first..first + range.pages() as usize;
        let few = self.few(&way, self.held(&way)?, &entries, None);
        self.counters.read += PTE as u64 + range.pages();
        match few {
            Few::Part if self.detach_few(Level::Pte, table, &entries, range).present() == 0 => {
                return Some(());
            }
            Few::Part => {}
            Few::All { keeper, .. } => {
                self.take_out_all(range, &way, &keeper);
                self.give_above(&way, &keeper);
            }
        }
        self.drain_entries(table, entries, range.start(), sink);
        if matches!(few, Few::All { .. }) {
            self.give_table(table);
        }
        Some(())
    }

    /// Empties what `table` holds of `range`, all of it detached; `free` says that the table itself is. Answers how many
    /// entries are left in it.
    fn drain_in(
        &mut self,
        level: Level,
        table: Table,
        range: PageRange,
        free: bool,
        sink: &mut impl Sink,
    ) -> usize {
        if level == Level::Pte {
            return self.drain_pages(table, range, sink);
        }
        let extent = Extent::new(level, range);
        self.counters.read += extent.len() as u64;
        let mut base = range.start().align_down(level.size());
        let (mut gone, occupancy) = (0, table.occupancy(&self.machine));
        for index in extent.first..=extent.last {
            if gone == occupancy {
                break;
            }
            let word = table.live(&self.machine).word(index);
            let entry = word.get();
            if !entry.is_absent() && self.drain_entry(level, entry, base, range, free, sink) {
                table.live(&self.machine).set(index, Descriptor::ABSENT);
                gone += 1;
            }
            base = base + level.size();
        }
        self.counters.written += gone as u64;
        table.lose(&self.machine, gone)
    }

    /// Takes the pages in `range` out of a leaf table; answers how many entries are left in it.
    fn drain_pages(&mut self, table: Table, range: PageRange, sink: &mut impl Sink) -> usize {
        let first = Level::Pte.index(range.start());
        let entries = first..first + range.pages() as usize;
        self.drain_entries(table, entries, range.start(), sink)
    }

    /// Takes the pages of some entries out of a leaf table, the first of them that of `start`; answers how many entries are left in it.
    #[inline(always)]
    pub(super) fn drain_entries(
        &mut self,
        table: Table,
        entries: Range<usize>,
        start: VirtAddr,
        sink: &mut impl Sink,
    ) -> usize {
        /// Entries that go one by one where there is an unusual one, before the usual are looked for again.
        const ROUND: usize = 16;
        let words = self.live(table).words(entries);
        let occupancy = table.occupancy(&self.machine);
        let read = words.len() as u64;
        let (mut next, mut left) = (0, occupancy);
        while next < words.len() && left > 0 {
            let taken = sink.take_pages(&words[next..]);
            next += taken;
            left -= taken;
            let others = next..words.len().min(next + ROUND);
            next = others.end;
            for index in others {
                let (word, address) = (&words[index], start + index as u64 * PAGE_SIZE);
                left -= drain_page(word, address, sink) as usize;
            }
        }
        self.counters.read += read;
        self.counters.written += (occupancy - left) as u64;
        table.lose(&self.machine, occupancy - left)
    }

    /// Empties what an entry, the one at `base`, holds of `range`; answers whether nothing is left of it.
    fn drain_entry(
        &mut self,
        level: Level,
        entry: Descriptor,
        base: VirtAddr,
        range: PageRange,
        free: bool,
        sink: &mut impl Sink,
    ) -> bool {
        let Some(below) = level.below().filter(|_| entry.is_table(level)) else {
            if let Entry::Leaf(leaf) = entry.decode(level) {
                self.pool.withdraw(level.tables_for_pages());
                sink.take(base, level, leaf);
            }
            return true;
        };
        let free = free || !entry.is_valid();
        let child = Table::of(entry);
        let empty = self.drain_in(below, child, range.within(base, level.size()), free, sink) == 0;
        debug_assert_eq!(
            empty, free,
            "the tables that an edit empties are those that it detached"
        );
        if empty {
            self.give_table(child);
        }
        empty
    }
}

/// Makes the entry for the page at `address` absent; answers whether it was not before.
fn drain_page(word: &Word, address: VirtAddr, sink: &mut impl Sink) -> bool {
    let entry = word.get();
    if entry.is_absent() {
        return false;
    }
    word.set(Descriptor::ABSENT);
    if let Entry::Leaf(leaf) = entry.decode(Level::Pte) {
        sink.take(address, Level::Pte, leaf);
    }
    true
}
