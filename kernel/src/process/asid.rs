//! Address space identifiers for processes: who has which is decided by the crate `hardware`.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use hardware::{Activation, Asids, Context};
use mm::machine::Asid;

use crate::arch::{cpu, tlb};
use crate::sync::Mutex;

/// How many cores run programs, and which one this is.
const CORES: usize = 1;
const THIS_CORE: usize = 0;

/// Held for as long as it takes to give one identifier out; no other lock is taken meanwhile.
static ASIDS: Mutex<Asids<CORES>> = Mutex::new(Asids::new());

/// The identifier of an address space that no core has used yet: nothing is ever cached under it.
pub(super) const UNUSED: Asid = Asid(0);

/// Has there be as many identifiers as this processor can tell apart. To be called before the first process runs.
pub(super) fn init() {
    ASIDS.lock().set_bits(cpu::features().asid_bits);
}

/// What a process remembers of its identifier.
pub(super) struct ProcessContext(AtomicU64);

impl ProcessContext {
    /// Of a process that has not run.
    pub(super) const fn new() -> Self {
        Self(AtomicU64::new(Context::NONE.raw()))
    }

    /// Gives the process that runs next on this core an identifier; answers it, and whether it is another than the one before.
    pub(super) fn activate(&self) -> (Asid, bool) {
        let old = Context::from_raw(self.0.load(Relaxed));
        let Activation { context, flush } = ASIDS.lock().activate(THIS_CORE, old);
        if flush {
            tlb::flush_all();
        }
        self.0.store(context.raw(), Relaxed);
        (Asid(context.asid()), context.asid() != old.asid())
    }
}
