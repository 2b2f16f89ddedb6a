//! Tables, or an address space, in a wrapper that has every edit of them audited.

use super::FakeMachine;
use crate::PhysAddr;
use crate::machine::Asid;
use crate::space::AddressSpace;
use crate::table::PageTables;
use core::ops::{Deref, DerefMut};

/// How many entries are much.
const MUCH: usize = 256;

/// What has tables on a fake machine.
pub(crate) trait Tables {
    fn machine(&self) -> &FakeMachine;
    fn root(&self) -> PhysAddr;
    fn asid(&self) -> Asid;
}

macro_rules! tables {
    ($type:ty) => {
        impl Tables for $type {
            fn machine(&self) -> &FakeMachine {
                self.machine()
            }

            fn root(&self) -> PhysAddr {
                self.root()
            }

            fn asid(&self) -> Asid {
                self.asid()
            }
        }
    };
}

tables!(PageTables<FakeMachine>);
tables!(AddressSpace<FakeMachine>);

/// Whoever borrows it to edit it ends the call before, and begins another; see [`FakeMachine::watch`]. A look at everything takes
/// its time: where there is much, only some calls are audited.
pub(crate) struct Audited<T: Tables> {
    tables: T,
    /// How many calls go by before the next is audited.
    skipped: usize,
    // Dropped after the tables.
    end: End,
}

/// The end of an audit.
struct End {
    machine: FakeMachine,
    asid: Asid,
}

impl<T: Tables> Audited<T> {
    pub(crate) fn new(tables: T) -> Self {
        let end = End {
            machine: tables.machine().clone(),
            asid: tables.asid(),
        };
        Self {
            tables,
            skipped: 0,
            end,
        }
    }

    /// Without an audit of what is done.
    pub(crate) fn unaudited(&mut self) -> &mut T {
        self.end.machine.unwatch(self.end.asid);
        &mut self.tables
    }
}

impl<T: Tables> Deref for Audited<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.tables
    }
}

impl<T: Tables> DerefMut for Audited<T> {
    fn deref_mut(&mut self) -> &mut T {
        debug_assert_eq!(self.tables.asid(), self.end.asid);
        if let Some(skipped) = self.skipped.checked_sub(1) {
            self.skipped = skipped;
            return self.unaudited();
        }
        self.skipped = self.end.machine.watch(self.tables.root(), self.end.asid) / MUCH;
        &mut self.tables
    }
}

impl<T: Tables> Drop for Audited<T> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.end.machine.watch(self.tables.root(), self.end.asid);
        }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.machine.unwatch(self.asid);
    }
}
