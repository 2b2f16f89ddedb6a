//! Changing what may be done with the pages of a range.

use super::PageTables;
use super::attributes::Attributes;
use super::descriptor::{Descriptor, Leaf};
use super::detach::{Extent, Start};
use super::few::in_one_table;
use super::level::Level;
use super::page::Table;
use crate::PageRange;
use crate::machine::{Machine, Reach};
use core::ops::Range;

impl<M: Machine> PageTables<M> {
    /// Replaces the attributes of every page and block in `range` by what `edit` makes of them, and flushes what a TLB may
    /// remember otherwise. The edit changes rights, access, dirty state and software's bits, never what break-before-make is
    /// demanded for. It is asked once for pages with equal attributes that follow each other.
    ///
    /// Blocks that reach out of the range are edited as a whole: [`Self::split`] both ends before.
    ///
    /// # Panics
    /// If the edit needs break-before-make.
    pub fn protect(&mut self, range: PageRange, edit: impl Fn(Attributes) -> Attributes) {
        if range.is_empty() {
            return;
        }
        let mut edit = Edit { edit, last: None };
        let outdated = match self.protect_few(range, &mut edit) {
            Some(outdated) => outdated,
            None => self.protect_all(range, &mut edit),
        };
        if outdated {
            self.flush(range, Reach::Leaf, None);
        }
    }

    /// [`PageTables::protect_all`] of pages of one leaf table, the short way; `None` if that leads nowhere.
    #[inline]
    fn protect_few(
        &mut self,
        range: PageRange,
        edit: &mut Edit<impl Fn(Attributes) -> Attributes>,
    ) -> Option<bool> {
        if !in_one_table(Level::Pte, range) {
            return None;
        }
        let table = match self.leaf_table(range.start()) {
            Ok(table) => table,
            Err((_, _, entry)) => return entry.is_absent().then_some(false),
        };
        let (first, count) = (Level::Pte.index(range.start()), range.pages() as usize);
        self.counters.read += (Level::Pte as usize + count) as u64;
        Some(self.protect_pages(table, first..first + count, edit))
    }

    /// Edits what there is of `range`; answers whether a TLB may remember what no longer holds.
    fn protect_all(&mut self, range: PageRange, edit: &mut Edit<impl Fn(Attributes) -> Attributes>) -> bool {
        match self.lowest(range) {
            Some(Start { level, table }) => self.protect_in(level, table, range, edit),
            None => false,
        }
    }

    /// Edits what `table` holds of `range`; answers whether a TLB may remember what no longer holds.
    fn protect_in(
        &mut self,
        level: Level,
        table: Table,
        range: PageRange,
        edit: &mut Edit<impl Fn(Attributes) -> Attributes>,
    ) -> bool {
        let extent = Extent::new(level, range);
        self.counters.read += extent.len() as u64;
        if level == Level::Pte {
            return self.protect_pages(table, extent.whole, edit);
        }
        let mut outdated = false;
        for index in extent.first..=extent.last {
            let word = table.live(&self.machine).word(index);
            let entry = word.get();
            if entry.is_table(level) {
                if let Some(below) = level.below() {
                    let part = range.within(level.base(range, index), level.size());
                    outdated |= self.protect_in(below, Table::of(entry), part, edit);
                }
            } else if !entry.is_absent() {
                let (old, new) = word.update(|old| edit.of(old, level));
                outdated |= new.outdates(old, level);
                self.counters.written += (new != old) as u64;
            }
        }
        outdated
    }

    /// Edits pages of a leaf table; answers whether a TLB may remember what no longer holds.
    fn protect_pages(
        &mut self,
        table: Table,
        pages: Range<usize>,
        edit: &mut Edit<impl Fn(Attributes) -> Attributes>,
    ) -> bool {
        let (mut outdated, mut written) = (false, 0);
        for word in table.live(&self.machine).words(pages) {
            let entry = word.get();
            if !entry.is_absent() && entry != Descriptor::GUARD {
                let (old, new) = word.update(|old| edit.of(old, Level::Pte));
                outdated |= new.outdates(old, Level::Pte);
                written += (new != old) as u64;
            }
        }
        self.counters.written += written;
        outdated
    }
}

/// An edit of attributes, and what it came to the last time.
struct Edit<F> {
    edit: F,
    /// The attributes before and after.
    last: Option<(Attributes, Attributes)>,
}

impl<F: Fn(Attributes) -> Attributes> Edit<F> {
    /// The edited entry.
    #[inline]
    fn of(&mut self, old: Descriptor, level: Level) -> Descriptor {
        let before = old.attributes();
        let attributes = match self.last {
            Some((last, after)) if last == before => after,
            _ => {
                let after = self.checked(old, level);
                self.last = Some((before, after));
                after
            }
        };
        let address = old.address();
        Descriptor::leaf(level, Leaf { address, attributes })
    }

    fn checked(&self, old: Descriptor, level: Level) -> Attributes {
        let (address, attributes) = (old.address(), (self.edit)(old.attributes()));
        let new = Descriptor::leaf(level, Leaf { address, attributes });
        assert!(
            new.may_replace(old, level),
            "an edit of {old:?} needs break-before-make"
        );
        attributes
    }
}
