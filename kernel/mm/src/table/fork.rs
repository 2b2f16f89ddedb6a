//! A second set of tables with the same pages in them.
//!
//! Both sets share every page; where one may be stored to, it is copied first. So that the rights to store can be taken away by
//! plain stores, all tables are detached at the root and flushed, once for however many pages; then they are copied, and come
//! back as they were but for those rights. The other set is reachable by nobody until it is complete.

use super::PageTables;
use super::attributes::Attributes;
use super::descriptor::Descriptor;
use super::detach::Extent;
use super::level::{ENTRIES, Level};
use super::page::Table;
use super::pool::OutOfMemory;
use crate::machine::{Asid, Machine, Reach};
use crate::{PAGE_SIZE, PageRange, PhysAddr, TASK_SIZE, VirtAddr};

/// What becomes of the pages of a range that both sets of tables get.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sharing {
    /// Both may store to them.
    Shared,
    /// Whoever stores to one of them copies it first.
    CopyOnWrite,
}

/// Who counts the users of a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Users {
    /// The caller.
    Told,
    /// The caller, but for usual pages with one user: of these the word of the frame, 1, is made 2.
    SoleCounted,
}

/// The tables that it takes to hold what is mapped in ranges, counted in ascending order.
struct Census {
    tables: usize,
    /// Those that the blocks set aside.
    deposits: usize,
    /// The last entry of each level that was counted; tables that two ranges meet are counted once.
    last: [Option<u64>; Level::ALL.len()],
}

impl<M: Machine> PageTables<M> {
    /// Makes tables that map nothing, told apart by `asid`, and sets aside all that [`Self::share`] of `ranges` with them needs, so
    /// that it cannot fail. The ranges are in ascending order.
    ///
    /// # Errors
    /// Where there is no memory for them; nothing has changed.
    pub fn for_fork(&self, asid: Asid, ranges: impl Iterator<Item = PageRange>) -> Result<Self, OutOfMemory> {
        let mut census = Census {
            tables: 0,
            deposits: 0,
            last: [None; Level::ALL.len()],
        };
        ranges.for_each(|range| self.count_tables(Level::Pgd, self.root, range, &mut census));
        let mut child = Self::new(self.machine.clone(), asid)?;
        child.pool.reserve(&self.machine, census.tables)?;
        child.pool.deposit(&self.machine, census.deposits)?;
        Ok(child)
    }

    fn count_tables(&self, level: Level, table: Table, range: PageRange, census: &mut Census) {
        let extent = Extent::new(level, range);
        for index in extent.first..=extent.last {
            let entry = self.live(table).get(index);
            if entry.is_absent() {
                continue;
            }
            let base = level.base(range, index);
            if !census.is_new(level, base) {
                // What hangs there is another range's too, and has been counted; below it may be more.
            } else if entry.is_table(level) {
                census.tables += 1;
            } else {
                census.deposits += level.tables_for_pages();
            }
            match level.below() {
                Some(below) if below != Level::Pte && entry.is_table(level) => {
                    let part = range.within(base, level.size());
                    self.count_tables(below, Table::of(entry), part, census);
                }
                _ => {}
            }
        }
    }

    /// Maps what is in the ranges of `parts` in `child` too, which [`Self::for_fork`] made for them in the same call. No part cuts a
    /// block or contiguous group; they are in ascending order. `share` is told of each page that has one more user now, as far
    /// as `users` says; neither the page of zeros nor guards are such.
    pub fn share(
        &mut self,
        child: &mut Self,
        parts: impl Iterator<Item = (PageRange, Sharing)>,
        users: Users,
        mut share: impl FnMut(PhysAddr),
    ) {
        self.detach_root();
        let (from, to) = (self.root, child.root);
        for (range, sharing) in parts {
            match sharing {
                Sharing::Shared => {
                    self.share_in::<false>(child, Level::Pgd, (from, to), range, users, &mut share);
                }
                Sharing::CopyOnWrite => {
                    self.share_in::<true>(child, Level::Pgd, (from, to), range, users, &mut share);
                }
            }
        }
        self.order_stores();
        self.attach_root();
        self.publish();
    }

    /// Detaches everything, and flushes it.
    fn detach_root(&mut self) {
        if self.root.occupancy(&self.machine) == 0 {
            return;
        }
        for word in self.live(self.root).words(0..ENTRIES) {
            word.set(word.get().detached());
        }
        let all = PageRange::between(VirtAddr::new(0), VirtAddr::new(TASK_SIZE));
        self.flush(all, Reach::Walk, None);
    }

    fn attach_root(&mut self) {
        for word in self.live(self.root).words(0..ENTRIES) {
            word.set(word.get().attached());
        }
    }

    /// Copies what `from` holds of `range` to `to`, a table of the child's for the same addresses.
    fn share_in<const COPY_ON_WRITE: bool>(
        &mut self,
        child: &mut Self,
        level: Level,
        (from, to): (Table, Table),
        range: PageRange,
        users: Users,
        share: &mut impl FnMut(PhysAddr),
    ) {
        let extent = Extent::new(level, range);
        self.counters.read += extent.len() as u64;
        let Some(below) = level.below() else {
            let (source, target) = (self.plain(from), self.plain(to));
            let edit = |entry| shared::<COPY_ON_WRITE>(Level::Pte, entry, share);
            let copied = if COPY_ON_WRITE && users == Users::SoleCounted {
                source.share_to(&self.machine, extent.whole, target, edit)
            } else {
                source.copy_to(extent.whole, target, edit)
            };
            to.gain_from(&self.machine, from, copied);
            self.counters.written += copied as u64;
            child.counters.written += copied as u64;
            return;
        };
        for index in extent.first..=extent.last {
            let entry = self.live(from).get(index);
            if entry.is_absent() {
                continue;
            }
            if entry.is_table(level) {
                let part = range.within(level.base(range, index), level.size());
                let table = child.table_at(to, index);
                self.share_in::<COPY_ON_WRITE>(child, below, (Table::of(entry), table), part, users, share);
                child.drop_if_empty(to, index, table);
            } else {
                debug_assert!(extent.whole.contains(&index), "a part cuts a block");
                let entry = shared::<COPY_ON_WRITE>(level, entry, share);
                self.live(from).set(index, entry);
                child.live(to).set(index, entry);
                to.gain_from(&self.machine, from, 1);
                self.counters.written += 1;
                child.counters.written += 1;
            }
        }
    }

    /// The table that hangs in an entry of a table that nobody reaches, or a new one.
    fn table_at(&mut self, parent: Table, index: usize) -> Table {
        let entry = self.live(parent).get(index);
        if !entry.is_absent() {
            return Table::of(entry);
        }
        let table = self.take_promised();
        self.live(parent).set(index, table.entry());
        parent.gain(&self.machine, 1);
        self.counters.written += 1;
        table
    }

    /// Takes a table out again that nothing came into.
    fn drop_if_empty(&mut self, parent: Table, index: usize, table: Table) {
        if table.occupancy(&self.machine) == 0 {
            self.live(parent).set(index, Descriptor::ABSENT);
            parent.lose(&self.machine, 1);
            self.give_table(table);
        }
    }
}

impl Census {
    /// Whether the entry of `level` at `base` was not counted before.
    fn is_new(&mut self, level: Level, base: VirtAddr) -> bool {
        let last = &mut self.last[level as usize];
        last.replace(base.get()) != Some(base.get())
    }
}

/// What a leaf or guard becomes in both sets of tables; tells `share` of its pages.
#[inline(always)]
fn shared<const COPY_ON_WRITE: bool>(
    level: Level,
    entry: Descriptor,
    share: &mut impl FnMut(PhysAddr),
) -> Descriptor {
    if COPY_ON_WRITE
        && level == Level::Pte
        && let Some(entry) = entry.written_page_copied_on_write()
    {
        share(entry.address());
        return entry;
    }
    shared_rarely::<COPY_ON_WRITE>(level, entry, share)
}

/// The same for whatever is not the usual page.
fn shared_rarely<const COPY_ON_WRITE: bool>(
    level: Level,
    entry: Descriptor,
    share: &mut impl FnMut(PhysAddr),
) -> Descriptor {
    if entry == Descriptor::GUARD || entry.attributes().contains(Attributes::ZERO_PAGE) {
        return entry;
    }
    for offset in (0..level.size()).step_by(PAGE_SIZE as usize) {
        share(entry.address() + offset);
    }
    if COPY_ON_WRITE {
        entry.copied_on_write()
    } else {
        entry
    }
}
