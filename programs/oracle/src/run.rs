//! Scripts being run.

use core::fmt::Display;

use rt::Errno;

use crate::call::{Call, KINDS, Kind};
use crate::empty;
use crate::memory;
use crate::observe::{self, Trouble};
use crate::outcome::Remap;
use crate::output::{Detail, Output};
use crate::places::{Address, Place};
use crate::sealed::Sealed;
use crate::snapshot::Snapshot;
use crate::system::System;
use crate::tally::Tally;

/// Runs scripts, one after the other.
pub(crate) struct Run<S> {
    system: S,
    out: Output,
    tally: Tally,
    /// Whether empty tables are taken away where huge pages are allowed.
    drop_tables: bool,
}

/// What is known in the middle of a script.
#[derive(Default)]
struct Course {
    /// Before the call and after it, in turn: they are too large to be copied after each.
    snapshots: [Snapshot; 2],
    calls: usize,
    sealed: Sealed,
    annex: bool,
    heap: bool,
    huge: bool,
}

impl<S: System> Run<S> {
    /// Nothing has run yet.
    pub(crate) fn new(system: S, detail: Detail, drop_tables: bool) -> Self {
        Run {
            system,
            out: Output::new(detail),
            tally: Tally::default(),
            drop_tables,
        }
    }

    /// Runs one script in an empty arena.
    ///
    /// # Errors
    /// What the calls say that look, and those that have to succeed.
    pub(crate) fn script(
        &mut self,
        name: impl Display,
        class: &str,
        calls: impl Iterator<Item = Call>,
    ) -> Result<(), Trouble> {
        if self.out.detail != Detail::Hash {
            self.out.print(format_args!("begin {name} {class}\n"))?;
        }
        let mut course = Course::default();
        for call in calls {
            self.step(&call, &mut course)?;
            course.calls += 1;
        }
        let count = course.calls;
        let lost = self.system.reset()?;
        if lost > 0 {
            self.out.call(format_args!("  {lost} frames are lost\n"))?;
        }
        let hash = self.out.take_hash();
        self.out
            .print(format_args!("script {name} calls {count} hash {hash:016x}\n"))?;
        // If the system ends, the script that it ended in is the one behind the last that is told.
        Ok(self.out.flush()?)
    }

    /// Makes one call, and writes down what it did.
    fn step(&mut self, call: &Call, course: &mut Course) -> Result<(), Trouble> {
        let answer = self.system.make(call);
        self.tally.add(call, answer);
        match answer {
            Ok(value) => self.out.call(format_args!("{call} = {}\n", Address(value)))?,
            Err(errno) => self.out.call(format_args!("{call} = {errno}\n"))?,
        }
        course.annex |= call.kind == Kind::Annex;
        course.heap |= call.kind == Kind::Brk;
        course.huge |= call.kind == Kind::Huge;
        let places = [Place::Annex, Place::Heap];
        let also = match (course.annex, course.heap) {
            (true, true) => &places[..],
            (true, false) => &places[..1],
            (false, true) => &places[1..],
            (false, false) => &[],
        };
        let after = &mut course.snapshots[(course.calls + 1) % 2];
        observe::observe(&self.system, also, after, &mut self.out)?;
        if call.kind == Kind::Look {
            self.system.look(&mut self.out)?;
        }
        self.out.end_call()?;
        if self.drop_tables && course.huge {
            empty::drop_tables(&mut self.system, after)?;
        }
        self.judge(call, answer, course)
    }

    /// Counts what rule decided.
    fn judge(&mut self, call: &Call, answer: Result<u64, Errno>, course: &mut Course) -> Result<(), Trouble> {
        let starts = &self.system.starts();
        let [first, second, third, fourth, fifth, ..] = call.words;
        if call.kind == Kind::Mseal && answer.is_ok() {
            let start = starts.real(first);
            let arena = starts.range(Place::Arena);
            course.sealed.add(&arena, start..start.saturating_add(second));
        }
        if call.kind == Kind::Mremap {
            let remap = Remap {
                words: [starts.real(first), second, third, fourth, starts.real(fifth)],
                answer,
                before: &course.snapshots[course.calls % 2],
                after: &course.snapshots[(course.calls + 1) % 2],
                sealed: &course.sealed,
                system: &self.system,
                starts,
            };
            if let Some(row) = remap.row()? {
                self.tally.add_row(row);
            }
            if let Some(several) = remap.several() {
                self.tally.add_several(several);
            }
        }
        Ok(())
    }

    /// Prints which calls there are not: `missing CALL`.
    ///
    /// # Errors
    /// Where the output goes nowhere.
    pub(crate) fn tell_missing(&mut self) -> Result<(), Trouble> {
        for (kind, name, _) in KINDS {
            if !self.system.is_there(kind) {
                self.out.print(format_args!("missing {name}\n"))?;
            }
        }
        Ok(())
    }

    /// Prints which line behind a script's name, from 1 on, is no call: `unread NAME LINE`.
    ///
    /// # Errors
    /// Where the output goes nowhere.
    pub(crate) fn tell_unread(&mut self, name: &str, line: usize) -> Result<(), Trouble> {
        self.out.print(format_args!("unread {name} {line}\n"))?;
        Ok(self.out.flush()?)
    }

    /// Prints how often everything was.
    ///
    /// # Errors
    /// Where the output goes nowhere.
    pub(crate) fn end(mut self) -> Result<(), Trouble> {
        self.tally.print(&mut self.out)?;
        self.out.print(format_args!("oracle: done\n"))?;
        self.out.flush()?;
        memory::tell();
        Ok(())
    }
}
