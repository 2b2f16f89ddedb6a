//! Blocks that an edit cuts: made tables of the next smaller size, with the same memory and attributes.

use super::PageTables;
use super::descriptor::{Descriptor, Entry, Leaf};
use super::detach::Extent;
use super::level::{ENTRIES, Level};
use super::page::Table;
use crate::machine::Machine;
use crate::{PAGE_SIZE, PageRange, VirtAddr};
use core::ops::Range;

impl<M: Machine> PageTables<M> {
    /// Splits the block or contiguous group that `at` (page-aligned) lies within, if there is one, so that a block or page ends and
    /// another begins there.
    pub fn split(&mut self, at: VirtAddr) {
        let (level, _, entry) = self.walk(at);
        let base = at.align_down(level.size());
        let inside = at != base && matches!(entry.decode(level), Entry::Leaf(_));
        if inside || self.cuts_group(at) {
            self.cut(PageRange::between(at, base + level.size()));
        }
    }

    /// Makes pages of the block that `at` lies in, if there is one: all that belong to the same leaf table.
    pub fn split_to_pages(&mut self, at: VirtAddr) {
        let page = at.align_down(PAGE_SIZE);
        if self.walk(page).0 != Level::Pte {
            self.cut(PageRange::between(page, page + PAGE_SIZE));
        }
    }

    /// Splits what the ends of `range` cut, by an edit that takes nothing out.
    pub(super) fn cut(&mut self, range: PageRange) {
        let Some((start, found)) = self.detach(range) else {
            return;
        };
        self.flush_found(range, start, found);
        self.split_in(start.level, start.table, range, None);
        self.publish();
    }

    /// Splits every block and group below `table` that an end of `range` cuts, all of them detached and flushed, so that
    /// only what lies in `detached` is detached afterwards: the range, or nothing.
    pub(super) fn split_in(
        &mut self,
        level: Level,
        table: Table,
        range: PageRange,
        detached: Option<PageRange>,
    ) {
        let extent = Extent::new(level, range);
        self.unfold_ends(level, table, (extent.first, extent.last));
        if detached.is_none() {
            self.attach_leaves(level, table, extent.whole.clone());
        }
        let Some(below) = level.below() else { return };
        for index in extent.head().chain(extent.tail()) {
            let entry = self.live(table).get(index);
            if entry.is_absent() {
                continue;
            }
            let base = level.base(range, index);
            let part = range.within(base, level.size());
            if entry.is_table(level) {
                self.split_in(below, Table::of(entry), part, detached);
                continue;
            }
            let child = self.split_block(level, entry, base, part, detached);
            self.order_stores();
            self.live(table).set(index, child.entry());
            self.counters.written += 1;
        }
    }

    /// Makes pages and blocks valid again; tables are left as they are.
    fn attach_leaves(&mut self, level: Level, table: Table, run: Range<usize>) {
        for word in self
            .live(table)
            .words(run)
            .iter()
            .filter(|word| !word.get().is_table(level))
        {
            word.set(word.get().attached());
        }
    }

    /// Makes the table that replaces one block, which is detached.
    fn split_block(
        &mut self,
        level: Level,
        block: Descriptor,
        base: VirtAddr,
        part: PageRange,
        detached: Option<PageRange>,
    ) -> Table {
        let child = self.expand(level, block);
        let Some(below) = level.below() else { return child };
        let inside = detached.and_then(|detached| detached.intersection(part));
        for index in 0..ENTRIES {
            let at = base + index as u64 * below.size();
            let entry = self.live(child).get(index);
            let piece = PageRange::from_len(at, below.size()).expect("a piece of a mapped block");
            if inside.is_some_and(|inside| inside.overlaps(piece)) || cuts(part, piece) {
                self.live(child).set(index, entry.detached());
            }
        }
        self.split_in(below, child, part, detached);
        child
    }

    /// Makes a table of entries of the next level out of a block, valid ones unless the block forbids access. The table is one
    /// that the block has set aside.
    pub(super) fn expand(&mut self, level: Level, block: Descriptor) -> Table {
        let Some(below) = level.below() else {
            unreachable!("a page is no block")
        };
        self.pool.redeem();
        let child = self.take_promised();
        let leaf = Leaf {
            address: block.address(),
            attributes: block.attributes().expanded(),
        };
        let (entries, first) = (self.plain(child), Descriptor::leaf(below, leaf));
        match below {
            Level::Pte => entries.fill::<{ Level::Pte.size() }>(0..ENTRIES, first),
            _ => entries.fill::<{ Level::Pmd.size() }>(0..ENTRIES, first),
        }
        child.gain(&self.machine, ENTRIES);
        self.counters.written += ENTRIES as u64;
        child
    }
}

/// Whether an end of `range` lies within `piece`.
fn cuts(range: PageRange, piece: PageRange) -> bool {
    let within = |at: VirtAddr| piece.start() < at && at < piece.end();
    within(range.start()) || within(range.end())
}
