//! The first two steps of a bracket, the short way: for whole entries of one table. Most edits are of that kind, and many are
//! of a few pages. It does what [`take_out`](PageTables::take_out) does, without recursion; each level has a routine of its own, in which
//! shifts and walks are constant.

use super::PageTables;
use super::descriptor::Descriptor;
use super::detach::{Met, detach_words};
use super::flush::Outdated;
use super::gone::Gone;
use super::level::{ENTRIES, Level};
use super::page::{Table, Word};
use crate::machine::{Machine, Reach};
use crate::{PageRange, VirtAddr};
use core::ops::Range;

/// The tables from the root down to the one of level `LEVEL` for an address.
#[derive(Clone, Copy)]
pub(super) struct Way<const LEVEL: usize> {
    /// One of each level; what lies beyond `LEVEL` means nothing.
    tables: [Table; Level::ALL.len()],
    address: VirtAddr,
}

impl<const LEVEL: usize> Way<LEVEL> {
    /// The table at the end.
    #[inline(always)]
    pub(super) const fn table(&self) -> Table {
        self.tables[LEVEL]
    }

    /// The table on the way of the level that `depth` says, and the index of the way's entry there.
    #[inline(always)]
    pub(super) const fn step(&self, depth: usize) -> (Table, usize) {
        (self.tables[depth], Level::ALL[depth].index(self.address))
    }
}

/// The lowest table on a way that holds anything else, or is spared: there the tables below it are taken out.
#[derive(Clone, Copy)]
pub(super) struct Keeper {
    /// Its level.
    pub(super) depth: usize,
    /// The table, and the index of the way's entry there.
    step: (Table, usize),
}

/// What neighbouring entries are to their table.
pub(super) enum Few {
    /// It may hold others.
    Part,
    /// It holds nothing else, and so many of them.
    All { count: usize, keeper: Keeper },
}

/// Whether all of `range` lies under one table of `level`.
#[inline(always)]
pub(super) fn in_one_table(level: Level, range: PageRange) -> bool {
    is_one_table(level, range.start(), range.end() - 1)
}

/// Whether two addresses are under one table of `level`.
#[inline(always)]
const fn is_one_table(level: Level, one: VirtAddr, other: VirtAddr) -> bool {
    (one.get() ^ other.get()) >> level.table_shift() == 0
}

/// Whether none of some entries is absent.
#[inline(always)]
fn are_present(words: &[Word]) -> bool {
    /// Entries a round: their tests are unrolled.
    const ROUND: usize = 8;
    let is_present = |word: &Word| !word.get().is_absent();
    let mut rounds = words.chunks_exact(ROUND);
    rounds.all(|round| round.iter().all(is_present)) && rounds.remainder().iter().all(is_present)
}

impl<M: Machine> PageTables<M> {
    /// The way to the table of level `LEVEL` for `address`; `None` where a table is missing, or a block is in the way.
    #[inline(always)]
    pub(super) fn way<const LEVEL: usize>(&self, address: VirtAddr) -> Option<Way<LEVEL>> {
        let mut tables = [self.root; Level::ALL.len()];
        for depth in 0..LEVEL {
            let level = Level::ALL[depth];
            let entry = self.live(tables[depth]).get(level.index(address));
            if !entry.is_table(level) {
                return None;
            }
            tables[depth + 1] = Table::of(entry);
        }
        Some(Way { tables, address })
    }

    /// The lowest table on the way to the one of level `LEVEL` for `address`, what its level is, and the index of the address there;
    /// `None` where a block is in the way. As far as `other` goes the same way it is known.
    #[inline(always)]
    pub(super) fn end_of_way<const LEVEL: usize>(
        &self,
        address: VirtAddr,
        other: &Way<LEVEL>,
    ) -> Option<(Table, usize, usize)> {
        const PMD: usize = Level::Pmd as usize;
        if LEVEL > PMD && is_one_table(Level::Pmd, other.address, address) {
            return self.end_below::<LEVEL>(other.tables[PMD], PMD, address);
        }
        self.end_below::<LEVEL>(self.root, 0, address)
    }

    /// [`Self::end_of_way`], from a table of the level that `depth` says on.
    #[inline(always)]
    fn end_below<const LEVEL: usize>(
        &self,
        mut table: Table,
        depth: usize,
        address: VirtAddr,
    ) -> Option<(Table, usize, usize)> {
        for depth in depth..LEVEL {
            let level = Level::ALL[depth];
            let index = level.index(address);
            let entry = self.live(table).get(index);
            if entry.is_absent() {
                return Some((table, depth, index));
            }
            if !entry.is_table(level) {
                return None;
            }
            table = Table::of(entry);
        }
        Some((table, LEVEL, Level::ALL[LEVEL].index(address)))
    }

    /// How many entries the table at the end of `way` holds; `None` if the general way must be gone, for contiguous groups.
    #[inline(always)]
    pub(super) fn held<const LEVEL: usize>(&self, way: &Way<LEVEL>) -> Option<usize> {
        let (count, contiguous) = way.table().state(&self.machine);
        (!contiguous).then_some(count)
    }

    /// What the `entries` of the table at the end of `way`, which holds `count`, are to it. Tables above that `spared` lies under as
    /// well are not taken out.
    #[inline(always)]
    pub(super) fn few<const LEVEL: usize>(
        &self,
        way: &Way<LEVEL>,
        count: usize,
        entries: &Range<usize>,
        spared: Option<VirtAddr>,
    ) -> Few {
        if count > entries.len() || !self.holds(way.table(), entries, count) {
            return Few::Part;
        }
        let mut keeper = Keeper {
            depth: LEVEL - 1,
            step: way.step(LEVEL - 1),
        };
        for depth in (1..LEVEL).rev() {
            let (table, _) = keeper.step;
            let stays = spared.is_some_and(|other| is_one_table(Level::ALL[depth], way.address, other));
            if stays || table.occupancy(&self.machine) != 1 {
                break;
            }
            let above = depth - 1;
            keeper = Keeper {
                depth: above,
                step: way.step(above),
            };
        }
        Few::All { count, keeper }
    }

    /// Whether `count` of some entries of a table are not absent.
    #[inline(always)]
    fn holds(&self, table: Table, entries: &Range<usize>, count: usize) -> bool {
        if count == ENTRIES {
            return true;
        }
        let words = self.live(table).words(entries.clone());
        if count == words.len() {
            return are_present(words);
        }
        words.iter().filter(|word| !word.get().is_absent()).count() == count
    }

    /// Takes all tables of a way below `keeper` out and flushes them. All that is mapped by them lies in `range`. Nobody reaches them
    /// then.
    #[inline(always)]
    pub(super) fn take_out_all<const LEVEL: usize>(
        &mut self,
        range: PageRange,
        way: &Way<LEVEL>,
        keeper: &Keeper,
    ) {
        let Outdated { range, reach, gone } = self.unhang(range, way, keeper);
        self.flush(range, reach, gone);
    }

    /// Takes all tables of a way below `keeper` out, as [`Self::take_out_all`]; answers what is to be flushed.
    #[inline(always)]
    pub(super) fn unhang<const LEVEL: usize>(
        &mut self,
        range: PageRange,
        way: &Way<LEVEL>,
        keeper: &Keeper,
    ) -> Outdated {
        let (table, index) = keeper.step;
        // The hardware does not update table entries: there is no need for an atomic.
        self.live(table).set(index, Descriptor::ABSENT);
        table.lose(&self.machine, 1);
        self.counters.written += 1;
        let gone = Gone {
            level: const { Level::ALL[LEVEL] },
            table: way.table(),
            free: true,
        };
        Outdated {
            range,
            reach: Reach::Walk,
            gone: Some(gone),
        }
    }

    /// Gives back the tables above the one at the end of `way` that were taken out with it.
    #[inline(always)]
    pub(super) fn give_above<const LEVEL: usize>(&mut self, way: &Way<LEVEL>, keeper: &Keeper) {
        for depth in (1..LEVEL).rev() {
            if depth > keeper.depth {
                self.give_step(way.step(depth));
            }
        }
    }

    /// Gives back a table that was taken out and held one entry, to another that was taken out with it.
    #[inline(never)]
    pub(super) fn give_step(&mut self, (table, index): (Table, usize)) {
        self.live(table).set(index, Descriptor::ABSENT);
        table.lose(&self.machine, 1);
        self.counters.written += 1;
        self.give_table(table);
    }

    /// Detaches and flushes entries of a table of `level`, those that make up `range`; answers what they were.
    #[inline(always)]
    pub(super) fn detach_few(
        &mut self,
        level: Level,
        table: Table,
        entries: &Range<usize>,
        range: PageRange,
    ) -> Met {
        let (met, outdated) = self.detach_only(level, table, entries, range);
        if let Some(Outdated { range, reach, gone }) = outdated {
            self.flush(range, reach, gone);
        }
        met
    }

    /// Detaches entries as [`Self::detach_few`]; answers what is to be flushed, too.
    #[inline(always)]
    pub(super) fn detach_only(
        &mut self,
        level: Level,
        table: Table,
        entries: &Range<usize>,
        range: PageRange,
    ) -> (Met, Option<Outdated>) {
        let met = detach_words(&self.machine, level, self.live(table).words(entries.clone()));
        self.counters.written += met.valid() as u64;
        let outdated = met.reach(level).map(|reach| {
            let gone = Gone {
                level,
                table,
                free: false,
            };
            Outdated {
                range,
                reach,
                gone: Some(gone),
            }
        });
        (met, outdated)
    }
}
