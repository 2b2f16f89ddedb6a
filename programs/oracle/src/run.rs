//! Scripts being run.

use core::fmt::Display;

use rt::{Errno, syscall};

use crate::call::{Call, KINDS, Kind};
use crate::look;
use crate::observe::{self, Trouble};
use crate::outcome::Remap;
use crate::output::{Detail, Output};
use crate::places::{Address, Place};
use crate::sealed::Sealed;
use crate::snapshot::Snapshot;
use crate::tally::Tally;
use crate::world::World;

/// Runs scripts, one after the other.
pub(crate) struct Run {
    world: World,
    out: Output,
    tally: Tally,
}

/// What is known in the middle of a script.
#[derive(Default)]
struct Course {
    before: Snapshot,
    sealed: Sealed,
    annex: bool,
    heap: bool,
}

impl Run {
    /// Makes everything ready.
    ///
    /// # Errors
    /// What the calls say.
    pub(crate) fn new(detail: Detail) -> Result<Run, Trouble> {
        Ok(Run {
            world: World::new()?,
            out: Output::new(detail),
            tally: Tally::default(),
        })
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
        let mut count = 0;
        for call in calls {
            self.step(&call, &mut course)?;
            count += 1;
        }
        let hash = self.out.take_hash();
        self.world.reset()?;
        let free = free_pages()?;
        self.out.print(format_args!(
            "script {name} calls {count} hash {hash:016x} free {free}\n"
        ))?;
        Ok(())
    }

    /// Makes one call, and writes down what it did.
    fn step(&mut self, call: &Call, course: &mut Course) -> Result<(), Trouble> {
        let answer = self.world.make(call);
        self.tally.add(call, answer);
        match answer {
            Ok(value) => self.out.call(format_args!("{call} = {}\n", Address(value)))?,
            Err(errno) => self.out.call(format_args!("{call} = {errno}\n"))?,
        }
        course.annex |= call.kind == Kind::Annex;
        course.heap |= call.kind == Kind::Brk;
        let places = [Place::Annex, Place::Heap];
        let also = match (course.annex, course.heap) {
            (true, true) => &places[..],
            (true, false) => &places[..1],
            (false, true) => &places[1..],
            (false, false) => &[],
        };
        let after = observe::observe(&self.world.probe, &self.world.starts, also, &mut self.out)?;
        if call.kind == Kind::Look {
            look::look(&self.world.starts, &mut self.out)?;
        }
        self.out.end_call()?;
        self.judge(call, answer, course, &after)?;
        course.before = after;
        Ok(())
    }

    /// Counts what rule decided.
    fn judge(
        &mut self,
        call: &Call,
        answer: Result<u64, Errno>,
        course: &mut Course,
        after: &Snapshot,
    ) -> Result<(), Trouble> {
        let starts = &self.world.starts;
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
                before: &course.before,
                after,
                sealed: &course.sealed,
                process: self.world.process(),
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
            if !self.world.is_there(kind) {
                self.out.print(format_args!("missing {name}\n"))?;
            }
        }
        Ok(())
    }

    /// Prints how often everything was.
    ///
    /// # Errors
    /// Where the output goes nowhere.
    pub(crate) fn end(mut self) -> Result<(), Trouble> {
        self.tally.print(&mut self.out)?;
        self.out.print(format_args!("oracle: done\n"))?;
        self.out.flush()?;
        Ok(())
    }
}

/// How many pages the machine has left.
fn free_pages() -> Result<u64, Errno> {
    // `struct sysinfo`: uptime, three loads, total memory, free memory; 112 bytes in all.
    let mut words = [0u64; 14];
    // SAFETY: the kernel writes the structure, for which there is room.
    unsafe { syscall!(__NR_sysinfo, words.as_mut_ptr()) }?;
    Ok(words[5] / rt::PAGE as u64)
}
