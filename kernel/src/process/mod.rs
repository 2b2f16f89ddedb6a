//! Processes and threads, the scheduler, signals, and how a program comes into memory.
//!
//! Locks, in the order in which they may be held together: a process's `space`, then `files`, `limits`, `credentials`, `signals`, `name`; a
//! thread's `signals`; last the scheduler's own. A program's memory is copied under none of them.

pub(crate) mod abi;
mod asid;
pub(crate) mod clock;
mod crash;
pub(crate) mod credentials;
pub(crate) mod exec;
mod fault;
mod first;
pub(crate) mod limits;
pub(crate) mod random;
pub(crate) mod scheduler;
pub(crate) mod settings;
pub(crate) mod signal;
#[cfg(feature = "ktest")]
mod tests;
pub(crate) mod thread;
pub(crate) mod user;

pub(crate) use fault::{resolve_user_access, user_fault};
pub(crate) use first::run_first;
pub(crate) use scheduler::{current, preempt};
pub(crate) use thread::Thread;

use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use mm::{AddressSpace, Errno, PhysAddr};

use crate::arch::user_tables;
use crate::fs::Descriptors;
use crate::memory::{self, Machine};
use crate::sync::Mutex;
use asid::ProcessContext;
use credentials::Credentials;
use exec::Outline;
use limits::Limits;
use signal::Actions;

/// The file mode creation mask that a process starts with.
const FIRST_UMASK: u32 = 0o022;

/// A process: an address space and what its threads share.
pub(crate) struct Process {
    /// The process identifier, from 1.
    pub(crate) id: u32,
    /// The parent's identifier; 0 for the first process.
    pub(crate) parent: u32,
    /// The executable's absolute path.
    pub(crate) executable: Vec<u8>,
    /// The arguments that it was started with, each with its NUL (`/proc/PID/cmdline`).
    pub(crate) arguments: Vec<u8>,
    /// Where the program's parts lie in its memory.
    pub(crate) outline: Mutex<Outline>,
    /// Its memory. Never held while copying from or to the program.
    pub(crate) space: Mutex<AddressSpace<Machine>>,
    /// Its open files.
    pub(crate) files: Mutex<Descriptors>,
    /// Its resource limits.
    pub(crate) limits: Mutex<Limits>,
    /// Who it is and what it may do; changed by [`Process::change_credentials`].
    pub(crate) credentials: Mutex<Credentials>,
    /// What it does about signals.
    pub(crate) actions: Mutex<Actions>,
    /// Where signal handlers return to that don't say so themselves: in the vdso.
    pub(crate) signal_return: AtomicU64,
    /// Whether protection key 0 is still allocated: `pkey_free` takes it back, once.
    pub(crate) key_zero: AtomicBool,
    /// The file mode creation mask.
    pub(crate) umask: AtomicU32,
    /// When it began, in nanoseconds since power-on.
    pub(crate) started: u64,
    exit: Mutex<Option<ExitStatus>>,
    /// The top table of `space`, which stays while the space lives.
    root: PhysAddr,
    asid: ProcessContext,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExitStatus {
    /// By `exit` with this status.
    Exited(u8),
    /// By this signal.
    Signalled(u8),
}

impl ExitStatus {
    /// The status that a shell shows: 128 and the signal's number for a signal.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Exited(status) => status,
            Self::Signalled(signal) => 128 + signal,
        }
    }
}

impl Process {
    /// A process with an empty address space and no open file, to run the program at the path `executable`.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub(crate) fn new(
        id: u32,
        parent: u32,
        executable: &[u8],
        arguments: &[&[u8]],
    ) -> Result<Arc<Self>, Errno> {
        let limits = Limits::default();
        let mut memory = mm::Limits {
            memory_pages: memory::total_frames() as u64,
            ..mm::Limits::default()
        };
        settings::current().apply(&mut memory);
        limits.apply(&mut memory);
        let space = AddressSpace::new(Machine, asid::UNUSED, memory, mm::Layout::default())?;
        let root = space.root();
        Ok(Arc::new(Self {
            id,
            parent,
            executable: executable.to_vec(),
            arguments: arguments
                .iter()
                .flat_map(|argument| [*argument, &[0]].concat())
                .collect(),
            outline: Mutex::new(Outline::default()),
            space: Mutex::new(space),
            files: Mutex::new(Descriptors::default()),
            limits: Mutex::new(limits),
            credentials: Mutex::new(Credentials::default()),
            actions: Mutex::new(Actions::default()),
            signal_return: AtomicU64::new(0),
            key_zero: AtomicBool::new(true),
            umask: AtomicU32::new(FIRST_UMASK),
            started: clock::clock().since_boot(),
            exit: Mutex::new(None),
            root,
            asid: ProcessContext::new(),
        }))
    }

    /// Makes the process's memory what EL0 sees.
    fn activate(&self) {
        let (asid, is_new) = self.asid.activate();
        if is_new {
            self.space.lock().set_asid(asid);
        }
        // SAFETY: the space keeps its top table while it lives, and lives while a thread of its process runs. It maps frames that it or
        // an object owns. The TLB holds nothing of another space under the identifier.
        unsafe { user_tables::install(self.root, asid) };
    }

    /// Changes the credentials, and tells the address space what it may do from now on.
    ///
    /// # Errors
    /// Those of `change`, which then has changed nothing.
    pub(crate) fn change_credentials(
        &self,
        change: impl FnOnce(&mut Credentials) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        let mut space = self.space.lock();
        let mut credentials = self.credentials.lock();
        change(&mut credentials)?;
        let effective = credentials.sets.effective;
        space.limits_mut().capabilities = mm::Capabilities::from_bits_truncate(effective);
        Ok(())
    }

    /// Ends the process: its threads run no more, and whoever waits for it learns `status`. The first status stays.
    pub(crate) fn end(&self, status: ExitStatus) {
        self.exit.lock().get_or_insert(status);
    }

    /// How the process ended; `None` while it runs.
    pub(crate) fn exit_status(&self) -> Option<ExitStatus> {
        *self.exit.lock()
    }
}

/// All threads there are.
static THREADS: Mutex<Vec<Weak<Thread>>> = Mutex::new(Vec::new());

/// Enters a thread into the list by which others find it.
///
/// # Errors
/// `ENOMEM`.
fn register(thread: &Arc<Thread>) -> Result<(), Errno> {
    let mut threads = THREADS.lock();
    threads.retain(|thread| thread.strong_count() > 0);
    threads.try_reserve(1).map_err(|_| Errno::ENOMEM)?;
    threads.push(Arc::downgrade(thread));
    Ok(())
}

/// The thread `id`.
pub(crate) fn find_thread(id: u32) -> Option<Arc<Thread>> {
    THREADS
        .lock()
        .iter()
        .filter_map(Weak::upgrade)
        .find(|thread| thread.id == id)
}

/// The process `id`.
pub(crate) fn find(id: u32) -> Option<Arc<Process>> {
    let threads = THREADS.lock();
    let thread = threads
        .iter()
        .filter_map(Weak::upgrade)
        .find(|thread| thread.process.id == id);
    thread.map(|thread| thread.process.clone())
}

/// The identifiers of the threads of `process`, the oldest first.
pub(crate) fn threads_of(process: &Process) -> Vec<u32> {
    let threads = THREADS.lock();
    let of_process = |thread: &Arc<Thread>| thread.process.id == process.id;
    let threads = threads.iter().filter_map(Weak::upgrade).filter(of_process);
    threads.map(|thread| thread.id).collect()
}

/// How many threads `process` has.
pub(crate) fn thread_count(process: &Process) -> u64 {
    threads_of(process).len() as u64
}

/// Of all address spaces, the pages that count towards the commit limit and the page tables.
pub(crate) fn total_usage() -> (u64, u64) {
    let sums = (AtomicU64::new(0), AtomicU64::new(0));
    for_each_space(|space| {
        sums.0.fetch_add(space.usage().accounted, Ordering::Relaxed);
        sums.1.fetch_add(space.table_pages(), Ordering::Relaxed);
    });
    (sums.0.into_inner(), sums.1.into_inner())
}

/// Does `work` on every address space, one after the other. Takes no memory: a file is also cut to get some back.
pub(crate) fn for_each_space(work: impl Fn(&mut AddressSpace<Machine>)) {
    // One thread a process is enough: the first has the process's number, and stays in the list while the process does.
    let leader = |thread: &Arc<Thread>| thread.id == thread.process.id;
    let at = |index: usize| THREADS.lock().get(index).map(Weak::upgrade);
    for thread in (0..).map_while(at).flatten().filter(leader) {
        work(&mut thread.process.space.lock());
    }
}
