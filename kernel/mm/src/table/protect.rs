//! Changing what may be done with the pages of a range.

use super::PageTables;
use super::descriptor::{Attributes, Descriptor, Leaf};
use super::detach::{Extent, Start};
use super::level::Level;
use super::page::Table;
use crate::machine::{Machine, Reach};
use crate::{PageRange, VirtAddr};

impl<M: Machine> PageTables<M> {
    /// Replaces the attributes of every page and block in `range` by what `edit` makes of them, and flushes what a TLB may
    /// remember otherwise. The edit is given address, level and leaf; it changes rights, access, dirty state and software's
    /// bits, never what break-before-make is demanded for, and may be called again where the hardware came between.
    ///
    /// Blocks that reach out of the range are edited as a whole: [`Self::split`] both ends before.
    ///
    /// # Panics
    /// If the edit needs break-before-make.
    pub fn protect(&mut self, range: PageRange, edit: impl Fn(VirtAddr, Level, Leaf) -> Attributes) {
        if range.is_empty() {
            return;
        }
        let Some(Start { level, table }) = self.lowest(range) else {
            return;
        };
        if self.protect_in(level, table, range, &edit) {
            self.flush(range, Reach::Leaf);
        }
    }

    /// Edits what `table` holds of `range`; answers whether a TLB may remember what no longer holds.
    fn protect_in(
        &mut self,
        level: Level,
        table: Table,
        range: PageRange,
        edit: &impl Fn(VirtAddr, Level, Leaf) -> Attributes,
    ) -> bool {
        let extent = Extent::new(level, range);
        self.counters.read += extent.len() as u64;
        let mut base = range.start().align_down(level.size());
        let (mut outdated, mut written) = (false, 0);
        for index in extent.first..=extent.last {
            let word = table.live(&self.machine).word(index);
            let entry = word.get();
            match level.below() {
                Some(below) if entry.is_table(level) => {
                    let part = range.within(base, level.size());
                    outdated |= self.protect_in(below, Table::of(entry), part, edit);
                }
                _ if entry.is_absent() || entry == Descriptor::GUARD => {}
                _ => {
                    let (old, new) = word.update(|old| edited(level, base, old, edit));
                    outdated |= new.outdates(old, level);
                    written += (new != old) as u64;
                }
            }
            base = base + level.size();
        }
        self.counters.written += written;
        outdated
    }
}

fn edited(
    level: Level,
    base: VirtAddr,
    old: Descriptor,
    edit: &impl Fn(VirtAddr, Level, Leaf) -> Attributes,
) -> Descriptor {
    let leaf = Leaf {
        address: old.address(),
        attributes: old.attributes(),
    };
    let new = Descriptor::leaf(
        level,
        Leaf {
            attributes: edit(base, level, leaf),
            ..leaf
        },
    );
    assert!(
        new.may_replace(old, level),
        "an edit of {base} needs break-before-make"
    );
    new
}
