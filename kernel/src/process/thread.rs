//! A thread: a kernel stack, the registers that are kept on it, and what is the thread's own in a process.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, AtomicU64};

use mm::Errno;

use super::signal::ThreadSignals;
use super::{Process, scheduler};
use crate::arch::{self, Context, FpState, UserFrame};
use crate::memory::KernelStack;
use crate::sync::Mutex;

/// The size of a thread's name with its NUL (`PR_SET_NAME`).
pub(crate) const NAME_SIZE: usize = 16;

/// What a new thread does in the kernel before it enters EL0 with the frame that this answers.
pub(crate) type Start = Box<dyn FnOnce(&Thread) -> UserFrame + Send>;

/// A thread of a process.
pub(crate) struct Thread {
    /// The thread identifier, unique among all; the first thread's is the process's.
    pub(crate) id: u32,
    /// The process that it belongs to.
    pub(crate) process: Arc<Process>,
    /// Whether there is something to do before EL0 is entered again: a signal to deliver.
    pub(crate) attention: AtomicBool,
    /// Its part in signals.
    pub(crate) signals: Mutex<ThreadSignals>,
    /// Its name, padded with NULs.
    pub(crate) name: Mutex<[u8; NAME_SIZE]>,
    /// Where a zero is written when the thread ends (`set_tid_address`); 0 for nowhere.
    pub(crate) clear_at_exit: AtomicU64,
    /// Taken when the thread first runs.
    start: Mutex<Option<Start>>,
    /// What the processor holds of the thread while it runs, and this while it doesn't.
    saved: SavedCell,
    /// Kept for as long as the thread may run on it.
    _stack: KernelStack,
}

/// The registers of a thread that doesn't run; those of EL0 lie on its kernel stack.
struct Saved {
    context: Context,
    floating_point: FpState,
    /// `TPIDR_EL0`, the program's thread pointer.
    thread_pointer: u64,
}

/// A place for them that a shared thread has.
struct SavedCell(UnsafeCell<Saved>);

// SAFETY: reached only by the scheduler as it switches from the thread or to it, with interrupts masked, on the one core that runs threads.
unsafe impl Sync for SavedCell {}

impl Thread {
    /// A thread of `process`, which begins with `start` when the scheduler first picks it.
    ///
    /// # Errors
    /// `ENOMEM` where there is no memory for a stack.
    pub(crate) fn new(id: u32, process: Arc<Process>, name: &[u8], start: Start) -> Result<Arc<Self>, Errno> {
        let stack = KernelStack::new().map_err(|_| Errno::ENOMEM)?;
        let saved = Saved {
            context: Context::new(stack.top(), scheduler::begin, 0),
            floating_point: FpState::new(),
            thread_pointer: 0,
        };
        Ok(Arc::new(Self {
            id,
            process,
            attention: AtomicBool::new(false),
            signals: Mutex::new(ThreadSignals::default()),
            name: Mutex::new(shortened(name)),
            clear_at_exit: AtomicU64::new(0),
            start: Mutex::new(Some(start)),
            saved: SavedCell(UnsafeCell::new(saved)),
            _stack: stack,
        }))
    }

    /// What the thread begins with, the first time that this is asked.
    pub(super) fn take_start(&self) -> Option<Start> {
        self.start.lock().take()
    }

    /// Keeps what the processor holds for EL0 and isn't on the kernel stack.
    ///
    /// # Safety
    /// The thread is the one that runs, interrupts are masked, and it is about to be switched away from.
    pub(super) unsafe fn save_user_registers(&self) {
        // SAFETY: by the caller's promise nothing else reaches `saved`.
        let saved = unsafe { &mut *self.saved.0.get() };
        saved.floating_point.save();
        saved.thread_pointer = arch::thread::user_pointer();
    }

    /// Gives the processor what [`Thread::save_user_registers`] kept.
    ///
    /// # Safety
    /// Interrupts are masked, and the thread is about to be switched to.
    pub(super) unsafe fn restore_user_registers(&self) {
        // SAFETY: by the caller's promise nothing else reaches `saved`.
        let saved = unsafe { &*self.saved.0.get() };
        saved.floating_point.restore();
        arch::thread::set_user_pointer(saved.thread_pointer);
    }

    /// Where the kernel's registers are kept while the thread doesn't run.
    pub(super) fn context(&self) -> *mut Context {
        // SAFETY: the pointer is only computed, inside the cell's value.
        unsafe { &raw mut (*self.saved.0.get()).context }
    }
}

/// `name` as a thread can have it: at most 15 bytes and a NUL.
pub(crate) fn shortened(name: &[u8]) -> [u8; NAME_SIZE] {
    let mut short = [0; NAME_SIZE];
    let count = name.len().min(NAME_SIZE - 1);
    short[..count].copy_from_slice(&name[..count]);
    short
}
