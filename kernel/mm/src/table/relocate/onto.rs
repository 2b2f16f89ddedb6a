//! Moving onto what is mapped at the target, and goes.
//!
//! Both ranges are detached, then one flush makes both unreachable. Only then the occupants are handed out, and what moves comes to
//! where they were: break-before-make, for the price of one bracket.
//!
//! That the occupants are still in their tables while the source is detached makes no table be taken out that should stay. But one could
//! stay that should go: a table that holds nothing but occupants and what moves away from it. Where the target lies under that table as
//! a whole, what moves comes back to it. Where it does not ([`meet_at_an_end`]) there are two brackets, and two flushes.

use super::few::Kind;
use crate::machine::Machine;
use crate::table::PageTables;
use crate::table::descriptor::Leaf;
use crate::table::detach::{Found, Start};
use crate::table::few::{Few, in_one_table};
use crate::table::level::Level;
use crate::table::unmap::{Each, Sink};
use crate::{PageRange, VirtAddr};

impl<M: Machine> PageTables<M> {
    /// Takes out everything in `target`, as [`Self::unmap`] does, and moves `source` to its start, as [`Self::relocate`] does. One flush is
    /// for both, but where `target` cuts a block, or reaches out of a table that the source lies under as well.
    ///
    /// The ranges do not overlap, and `target` is no shorter than `source`. [`Self::reserve_relocation`] was called before, in the same
    /// call, and so this cannot fail.
    ///
    /// # Panics
    /// If the ranges overlap.
    pub fn relocate_onto(
        &mut self,
        source: PageRange,
        target: PageRange,
        sink: impl FnMut(VirtAddr, Level, Leaf),
    ) {
        self.relocate_onto_to(source, target, &mut Each(sink));
    }

    /// As [`Self::relocate_onto`].
    #[inline]
    pub(in crate::table) fn relocate_onto_to(
        &mut self,
        source: PageRange,
        target: PageRange,
        sink: &mut impl Sink,
    ) {
        assert!(
            !source.overlaps(target),
            "a relocation of {source:?} onto itself, to {target:?}"
        );
        debug_assert!(source.len() <= target.len());
        if source.is_empty() {
            self.unmap_to(target, sink);
        } else if self.relocate_few_onto(source, target, sink).is_none() {
            self.relocate_all_onto(source, target, sink);
        }
    }

    /// The general way.
    #[inline(never)]
    fn relocate_all_onto(&mut self, source: PageRange, target: PageRange, sink: &mut impl Sink) {
        let Some((there, occupants)) = self.detach_apart(target) else {
            return self.relocate(source, target.start());
        };
        if occupants.cut || meet_at_an_end(source, target) {
            self.flush_taken(target, there, occupants);
            self.drain_taken(target, there, occupants, sink);
            return self.relocate(source, target.start());
        }
        let Some((here, found)) = self.detach_apart(source) else {
            self.flush_taken(target, there, occupants);
            return self.drain_taken(target, there, occupants, sink);
        };
        self.flush_both([found.outdated(source, here), occupants.outdated(target, there)]);
        if found.cut {
            self.split_in(here.level, here.table, source, Some(source));
        }
        self.drain_taken(target, there, occupants, sink);
        let room = PageRange::between(target.start(), target.start() + source.len());
        self.relocate_detached(source, room, here);
    }

    /// [`Self::detach`], not made part of whoever calls it.
    #[inline(never)]
    fn detach_apart(&mut self, range: PageRange) -> Option<(Start, Found)> {
        self.detach(range)
    }

    /// The short way for pages of one leaf table, onto those of another, whose place the one may take; `None` if that leads nowhere, and
    /// nothing has changed.
    #[inline]
    fn relocate_few_onto(
        &mut self,
        source: PageRange,
        target: PageRange,
        sink: &mut impl Sink,
    ) -> Option<()> {
        const PTE: usize = Level::Pte as usize;
        let few = in_one_table(Level::Pte, source) && in_one_table(Level::Pte, target);
        if !few || source.len() != target.len() {
            return None;
        }
        let (way, there) = (self.way::<PTE>(source.start())?, self.way::<PTE>(target.start())?);
        let (table, room) = (way.table(), there.table());
        let (held, occupied) = (self.held(&way)?, self.held(&there)?);
        if table == room {
            return None;
        }
        let entries_of = |range: PageRange| {
            let first = Level::Pte.index(range.start());
            first..first + range.pages() as usize
        };
        let (entries, places) = (entries_of(source), entries_of(target));
        let few = self.few(&way, held, &entries, Some(target.start()));
        // All tables above stay.
        let goes = self.few(&there, occupied, &places, Some(target.start()));
        let (count, kind, outdated) = match &few {
            Few::Part => {
                let (met, outdated) = self.detach_only(Level::Pte, table, &entries, source);
                (met.present(), met.kind(&entries), outdated)
            }
            Few::All { count, keeper } => {
                let outdated = self.unhang(source, &way, keeper);
                (*count, Kind::of_hanging(*count, &entries), Some(outdated))
            }
        };
        if count == 0 {
            // Nothing comes, and the other table may have to go.
            return None;
        }
        let (leaves, occupants) = match &goes {
            Few::Part => {
                let (met, occupants) = self.detach_only(Level::Pte, room, &places, target);
                (met.present() > 0, occupants)
            }
            Few::All { keeper, .. } => (true, Some(self.unhang(target, &there, keeper))),
        };
        self.flush_both([outdated, occupants]);
        if leaves {
            self.drain_entries(room, places.clone(), target.start(), sink);
        }
        let above = there.step(PTE - 1);
        let left = match (&few, &goes) {
            (Few::All { .. }, Few::All { .. }) => {
                self.shift_few(table, &entries, places.start);
                self.show(table, above);
                room
            }
            (_, goes) => {
                self.graft_few(table, &entries, room, places.start, kind);
                match goes {
                    Few::Part => self.publish(),
                    Few::All { .. } => self.show(room, above),
                }
                table
            }
        };
        if let Few::All { keeper, .. } = &few {
            self.give_above(&way, keeper);
            self.give_table(left);
        }
        self.note::<PTE>(&entries, count);
        Some(())
    }
}

/// Whether `target` reaches out of a table that `source` lies under as well, the root aside.
fn meet_at_an_end(source: PageRange, target: PageRange) -> bool {
    [Level::Pud, Level::Pmd, Level::Pte].into_iter().any(|level| {
        let table = |at: VirtAddr| at.get() >> level.table_shift();
        let tables = |range: PageRange| (table(range.start()), table(range.end() - 1));
        let ((first, last), (start, end)) = (tables(target), tables(source));
        first != last && start <= last && first <= end
    })
}
