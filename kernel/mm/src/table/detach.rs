//! The first step of a bracket: everything in a range loses its valid bit, at the highest level that nobody shares.

use super::PageTables;
use super::descriptor::Descriptor;
use super::flush::Outdated;
use super::gone::Gone;
use super::level::{ENTRIES, Level};
use super::page::{Table, Word};
use crate::PageRange;
use crate::machine::{Machine, Reach};
use core::ops::Range;

/// What a detach met.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Found {
    /// Anything at all that is not absent.
    pub(super) anything: bool,
    /// Pages or blocks that a TLB may hold.
    pub(super) leaves: bool,
    /// Tables that hang in no other range.
    pub(super) tables: bool,
    /// A block or contiguous group that reaches out of the range; it was detached as a whole.
    pub(super) cut: bool,
    /// If not 0, the flush must reach to multiples of this, a power of two: a group reaches out of the range.
    pub(super) flush_unit: u64,
}

impl Found {
    /// What the flush must reach; `None` if no TLB can hold anything of the range.
    pub(super) fn reach(self) -> Option<Reach> {
        match (self.tables, self.leaves) {
            (true, _) => Some(Reach::Walk),
            (false, true) => Some(Reach::Leaf),
            (false, false) => None,
        }
    }

    /// What a flush must name after a detach of `range`, which began at `start`; `None` if no TLB can hold anything.
    #[inline(always)]
    pub(super) fn outdated(self, range: PageRange, start: Start) -> Option<Outdated> {
        let reach = self.reach()?;
        let (range, gone) = match self.flush_unit {
            0 => (range, Some(start.gone())),
            _ => (self.whole_groups(range), None),
        };
        Some(Outdated { range, reach, gone })
    }

    /// `range`, with the whole of the groups that reach out of it.
    fn whole_groups(self, range: PageRange) -> PageRange {
        let start = range.start().align_down(self.flush_unit);
        let end = range
            .end()
            .align_up(self.flush_unit)
            .and_then(|end| PageRange::new(start, end));
        end.expect("groups end below TASK_SIZE")
    }
}

/// Where an edit of a range begins: the lowest table under which the whole range lies and which keeps something when the
/// range is taken out. Nothing above it is touched.
#[derive(Clone, Copy)]
pub(super) struct Start {
    pub(super) level: Level,
    pub(super) table: Table,
}

impl Start {
    /// Where to look for what was taken out.
    const fn gone(self) -> Gone {
        Gone {
            level: self.level,
            table: self.table,
            free: false,
        }
    }
}

/// The entries of one table that a range meets.
pub(super) struct Extent {
    /// The first and the last of them.
    pub(super) first: usize,
    pub(super) last: usize,
    /// Those that lie in the range as a whole: all but one at either end, or none.
    pub(super) whole: Range<usize>,
}

impl Extent {
    pub(super) fn new(level: Level, range: PageRange) -> Self {
        let (first, last) = (level.index(range.start()), level.index(range.end() - 1));
        let start = first + !range.start().is_aligned(level.size()) as usize;
        let end = last + range.end().is_aligned(level.size()) as usize;
        Self {
            first,
            last,
            whole: start..end.max(start),
        }
    }

    /// How many entries the range meets.
    pub(super) const fn len(&self) -> usize {
        self.last - self.first + 1
    }

    /// The entry at the lower end, if it reaches out of the range.
    pub(super) fn head(&self) -> Range<usize> {
        self.first..self.whole.start
    }

    /// The entry at the upper end, if it reaches out of the range and is not the one at the lower end too.
    pub(super) fn tail(&self) -> Range<usize> {
        self.whole.end..self.last + 1
    }
}

/// What was met where entries of one table were detached. Two registers hold it.
#[derive(Clone, Copy, Default)]
pub(super) struct Met {
    /// How many were valid; and, in steps of [`Self::INVALID`], how many were neither valid nor absent.
    counts: u64,
    /// [`Self::LEAVES`] and [`Self::TABLES`]; other bits mean nothing.
    kinds: u64,
}

impl Met {
    const INVALID: u64 = 1 << 32;
    /// There was a leaf that a TLB may hold.
    const LEAVES: u64 = Descriptor::VALID;
    /// There was a table: a bit that [`Descriptor::with_cached`] never sets.
    const TABLES: u64 = 1 << 63;

    /// Counts valid entries that were detached, alike in kind and whether a TLB may hold them.
    #[inline(always)]
    fn add(&mut self, level: Level, entry: Descriptor, count: usize) {
        self.counts += count as u64;
        self.kinds |= if entry.is_table(level) {
            Self::TABLES
        } else {
            entry.with_cached().raw()
        };
    }

    /// How many were valid.
    #[inline(always)]
    pub(super) const fn valid(self) -> usize {
        (self.counts % Self::INVALID) as usize
    }

    /// How many were not absent.
    #[inline(always)]
    pub(super) const fn present(self) -> usize {
        self.valid() + (self.counts / Self::INVALID) as usize
    }

    /// What of entries of `level` the flush must reach; `None` if no TLB can hold any.
    #[inline(always)]
    pub(super) fn reach(self, level: Level) -> Option<Reach> {
        if level != Level::Pte && self.kinds & Self::TABLES != 0 {
            Some(Reach::Walk)
        } else {
            (self.kinds & Self::LEAVES != 0).then_some(Reach::Leaf)
        }
    }

    /// Detaches entries one by one.
    #[inline(always)]
    fn detach_each(&mut self, level: Level, words: &[Word]) {
        for word in words {
            let entry = word.get();
            if entry.is_absent() {
                continue;
            }
            if !entry.is_valid() {
                self.counts += Self::INVALID;
            } else if entry.is_table(level) {
                // The hardware does not update table entries: there is no need for an atomic.
                word.set(entry.detached());
                self.add(level, entry, 1);
            } else {
                self.add(level, word.take_valid(), 1);
            }
        }
    }
}

/// So many entries are looked at together, whether they are of the usual kind; fewer go one by one.
const ROUND: usize = 8;

/// Detaches entries of a table of `level`.
#[inline(always)]
pub(super) fn detach_words<M: Machine>(machine: &M, level: Level, words: &[Word]) -> Met {
    let mut met = Met::default();
    if words.len() < ROUND {
        met.detach_each(level, words);
        return met;
    }
    let (count, first) = Word::detach_settled(machine, level, words);
    if count == 0 {
        return detach_mixed(machine, level, words, met);
    }
    met.add(level, first, count);
    if count == words.len() {
        return met;
    }
    detach_mixed(machine, level, &words[count..], met)
}

/// Detaches entries of which the first is of another kind than those before, to which what was `met` belongs.
#[inline(never)]
fn detach_mixed<M: Machine>(machine: &M, level: Level, words: &[Word], mut met: Met) -> Met {
    // Where kinds alternate they are looked for ever more rarely.
    let (mut rest, mut singly) = (words, ROUND);
    loop {
        let (others, behind) = rest.split_at(rest.len().min(singly));
        if level == Level::Pte {
            met.detach_each(Level::Pte, others);
        } else {
            met.detach_each(level, others);
        }
        if behind.is_empty() {
            return met;
        }
        let (count, first) = Word::detach_settled(machine, level, behind);
        if count > 0 {
            met.add(level, first, count);
            singly = ROUND;
        } else {
            singly *= 2;
        }
        rest = &behind[count..];
    }
}

impl<M: Machine> PageTables<M> {
    /// Detaches everything in `range`, which is not empty, and flushes it: the first two steps of a bracket. Blocks and
    /// groups that reach out of the range are whole again outside of it, and detached inside. `None` if there was nothing.
    #[inline]
    pub(super) fn take_out(&mut self, range: PageRange) -> Option<(Start, Found)> {
        let (start, found) = self.detach(range)?;
        self.flush_taken(range, start, found);
        Some((start, found))
    }

    /// The second step, for what a detach of `range` met.
    #[inline]
    pub(super) fn flush_taken(&mut self, range: PageRange, start: Start, found: Found) {
        self.flush_found(range, start, found);
        if found.cut {
            self.split_in(start.level, start.table, range, Some(range));
        }
    }

    /// Detaches everything in `range`, and the rest of blocks and groups that it cuts; `None` if there is nothing.
    #[inline(always)]
    pub(super) fn detach(&mut self, range: PageRange) -> Option<(Start, Found)> {
        let mut found = Found::default();
        let (start, emptied) = self.start(range)?;
        if emptied {
            let index = start.level.index(range.start());
            let entry = self.live(start.table).get(index);
            self.live(start.table).set(index, entry.detached());
            self.counters.written += 1;
            (found.anything, found.tables) = (true, true);
        } else {
            self.detach_in(start.level, start.table, range, &mut found);
        }
        found.anything.then_some((start, found))
    }

    /// Where an edit of `range` begins, and whether what hangs there in the entry for the range is emptied as a whole;
    /// `None` if nothing is in the range.
    #[inline]
    fn start(&mut self, range: PageRange) -> Option<(Start, bool)> {
        let mut path = [self.root; Level::ALL.len()];
        let Start { level, table } = self.descend(range, |level, table| path[level as usize] = table)?;
        if level == Level::Pgd || !self.holds_only(level, table, range) {
            return Some((Start { level, table }, false));
        }
        // The table is emptied, and with it those above that hold nothing but this one.
        let keeps =
            |level: &Level| *level == Level::Pgd || path[*level as usize].occupancy(&self.machine) > 1;
        let keeper = Level::ALL[..level as usize].iter().rev().copied().find(keeps)?;
        Some((
            Start {
                level: keeper,
                table: path[keeper as usize],
            },
            true,
        ))
    }

    /// The lowest table under which all of `range` lies; `None` if nothing is there.
    pub(super) fn lowest(&mut self, range: PageRange) -> Option<Start> {
        self.descend(range, |_, _| {})
    }

    /// Walks down to the lowest table of which the range takes more than one entry or a whole one, past each table on the way.
    #[inline]
    fn descend(&mut self, range: PageRange, mut pass: impl FnMut(Level, Table)) -> Option<Start> {
        let differ = range.start().get() ^ (range.end() - 1).get();
        let (mut level, mut table) = (Level::Pgd, self.root);
        let within = |level: Level| differ >> level.shift() == 0 && range.len() < level.size();
        while let Some(below) = level.below().filter(|_| within(level)) {
            let entry = self.live(table).get(level.index(range.start()));
            self.counters.read += 1;
            if entry.is_absent() {
                return None;
            }
            if !entry.is_table(level) {
                break;
            }
            (level, table) = (below, Table::of(entry));
            pass(level, table);
        }
        Some(Start { level, table })
    }

    /// Flushes what a detach of `range` met, if a TLB can hold any of it.
    #[inline]
    pub(super) fn flush_found(&mut self, range: PageRange, start: Start, found: Found) {
        let Some(reach) = found.reach() else { return };
        if found.flush_unit == 0 {
            return self.flush(range, reach, Some(start.gone()));
        }
        self.flush(found.whole_groups(range), reach, None);
    }

    /// Detaches what `table` holds of `range`.
    fn detach_in(&mut self, level: Level, table: Table, range: PageRange, found: &mut Found) {
        let extent = Extent::new(level, range);
        self.counters.read += extent.len() as u64;
        self.detach_group_ends(level, table, (extent.first, extent.last), found);
        for index in extent.head().chain(extent.tail()) {
            self.detach_end(level, table, index, range, found);
        }
        let met = detach_words(&self.machine, level, self.live(table).words(extent.whole));
        self.counters.written += met.valid() as u64;
        found.anything |= met.present() > 0;
        match met.reach(level) {
            Some(Reach::Leaf) => found.leaves = true,
            Some(Reach::Walk) => found.tables = true,
            None => {}
        }
    }

    /// Detaches what the entry of `index`, which reaches out of `range`, holds of it.
    fn detach_end(&mut self, level: Level, table: Table, index: usize, range: PageRange, found: &mut Found) {
        let entry = self.live(table).get(index);
        if entry.is_absent() {
            return;
        }
        let Some(below) = level.below().filter(|_| entry.is_table(level)) else {
            (found.anything, found.cut) = (true, true);
            return self.detach_leaf(table, index, found);
        };
        let part = range.within(level.base(range, index), level.size());
        if self.holds_only(below, Table::of(entry), part) {
            self.live(table).set(index, entry.detached());
            self.counters.written += 1;
            (found.anything, found.tables) = (true, true);
        } else {
            self.detach_in(below, Table::of(entry), part, found);
        }
    }

    pub(super) fn detach_leaf(&mut self, table: Table, index: usize, found: &mut Found) {
        if self.live(table).get(index).is_valid() {
            found.leaves |= self.live(table).word(index).detach();
            self.counters.written += 1;
        }
    }

    /// Whether everything below `table` lies in `range`, so that the table itself can be detached. Tables that are shared
    /// with a neighbour mostly say so by their occupancy, without a look at an entry.
    fn holds_only(&mut self, level: Level, table: Table, range: PageRange) -> bool {
        let occupancy = table.occupancy(&self.machine);
        let extent = Extent::new(level, range);
        if occupancy > extent.len() {
            return false;
        }
        // The ends first: they alone can be shared, and decide without a look at what lies between.
        let mut ends = extent.head().chain(extent.tail());
        if !ends.all(|index| self.end_belongs(level, table, range, index)) {
            return false;
        }
        // Whichever is less to look at: what lies inside, or what lies outside.
        let words = self.live(table).words(0..ENTRIES);
        let (below, inside, above) = (
            &words[..extent.first],
            &words[extent.first..=extent.last],
            &words[extent.last + 1..],
        );
        let few = inside.len() <= ENTRIES / 2;
        let only = if few {
            inside.iter().filter(|word| !word.get().is_absent()).count() == occupancy
        } else {
            below.iter().chain(above).all(|word| word.get().is_absent())
        };
        self.counters.read += if few { extent.len() } else { ENTRIES - extent.len() } as u64;
        only
    }

    /// Whether what lies below the entry of `index`, which reaches out of `range`, lies in the range.
    fn end_belongs(&mut self, level: Level, table: Table, range: PageRange, index: usize) -> bool {
        let entry = self.live(table).get(index);
        let part = range.within(level.base(range, index), level.size());
        let below = level.below().filter(|_| entry.is_table(level));
        entry.is_absent() || below.is_some_and(|below| self.holds_only(below, Table::of(entry), part))
    }
}
