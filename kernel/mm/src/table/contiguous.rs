//! Groups of 16 neighbouring entries that the Contiguous bit makes one for the TLB (Arm ARM, D8.6.1).
//!
//! The hardware notes an access or a store in any one entry of a group, so the state of each is that of all together
//! (I_NFFSV). A group is whole or it is none: whoever takes out, moves or changes a part of it first takes all of it out,
//! flushes, and makes its entries single ones, each in the state of the group.

use super::PageTables;
use super::attributes::Attributes;
use super::descriptor::{Descriptor, Leaf};
use super::detach::Found;
use super::level::{CONTIGUOUS, Level};
use super::page::Table;
use crate::machine::Machine;
use crate::{PageRange, VirtAddr};
use core::ops::Range;

/// The indices of the group that `index` is in, or would be in.
const fn group(index: usize) -> Range<usize> {
    let first = index & !(CONTIGUOUS - 1);
    first..first + CONTIGUOUS
}

impl Level {
    /// The bytes that a contiguous group of this level covers.
    pub(super) const fn group_size(self) -> u64 {
        self.size() * CONTIGUOUS as u64
    }
}

impl<M: Machine> PageTables<M> {
    /// Detaches what lies outside of the entries `first..=last` but in a group with one of them.
    pub(super) fn detach_group_ends(
        &mut self,
        level: Level,
        table: Table,
        (first, last): (usize, usize),
        found: &mut Found,
    ) {
        for (end, outside) in [
            (first, group(first).start..first),
            (last, last + 1..group(last).end),
        ] {
            if !outside.is_empty() && self.live(table).get(end).is_contiguous(level) {
                found.cut = true;
                found.flush_unit = found.flush_unit.max(level.group_size());
                outside.for_each(|index| self.detach_leaf(table, index, found));
            }
        }
    }

    /// Makes single entries of the detached groups that the ends of `first..=last` cut; what lies outside is valid again.
    pub(super) fn unfold_ends(&mut self, level: Level, table: Table, (first, last): (usize, usize)) {
        // Both ends may cut the same group, which is one no more when it has been unfolded.
        let grouped = [first, last].map(|end| self.live(table).get(end).is_contiguous(level));
        let outside = [group(first).start..first, last + 1..group(last).end];
        for (end, (grouped, outside)) in [first, last].into_iter().zip(grouped.into_iter().zip(outside)) {
            if !grouped || outside.is_empty() {
                continue;
            }
            if self.live(table).get(end).is_contiguous(level) {
                self.unfold(level, table, group(end));
            }
            for index in outside {
                let entry = self.live(table).get(index);
                self.live(table).set(index, entry.attached());
            }
        }
    }

    /// Makes single entries of every group in `run`, which begins and ends with whole groups or none. All are detached, and
    /// stay so.
    pub(super) fn unfold_all(&mut self, level: Level, table: Table, run: Range<usize>) {
        let mut index = run.start;
        while index < run.end {
            if self.live(table).get(index).is_contiguous(level) {
                self.unfold(level, table, group(index));
            }
            index = group(index).end;
        }
    }

    /// Makes single entries of one group that is detached, each in the state of the group, and detached if it was.
    fn unfold(&mut self, level: Level, table: Table, group: Range<usize>) {
        let entries = table.live(&self.machine);
        let state = group.clone().map(|index| entries.get(index).attributes());
        let (accessed, dirty) = state.fold((false, false), |(accessed, dirty), attributes| {
            (
                accessed || attributes.contains(Attributes::ACCESSED),
                dirty || attributes.is_dirty(),
            )
        });
        for index in group {
            let old = entries.get(index);
            let mut attributes = old.attributes().expanded();
            if accessed {
                attributes = attributes.touched(dirty);
            }
            let single = Descriptor::leaf(
                level,
                Leaf {
                    address: old.address(),
                    attributes,
                },
            );
            entries.set(index, if old.is_valid() { single } else { single.detached() });
        }
        self.counters.read += CONTIGUOUS as u64;
        self.counters.written += CONTIGUOUS as u64;
    }

    /// Whether `at` lies within a contiguous group, and not at its beginning.
    pub(super) fn cuts_group(&self, at: VirtAddr) -> bool {
        let (level, _, entry) = self.walk(at);
        entry.is_contiguous(level) && !at.is_aligned(level.group_size())
    }

    /// Makes single entries of the group around `at`, if there is one.
    pub(super) fn break_group(&mut self, at: VirtAddr) {
        let (level, _, entry) = self.walk(at);
        if entry.is_contiguous(level) {
            let base = at.align_down(level.size());
            let entry = PageRange::from_len(base, level.size()).expect("a mapped page or block");
            self.cut(entry);
        }
    }
}
