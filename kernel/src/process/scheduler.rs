//! The scheduler: one queue, round robin, on one core. A thread that waits gives the core away; one that doesn't loses it to the
//! next after a time slice. Where nothing can run, the boot context waits for an interrupt.
//!
//! Interrupts are masked whenever the kernel runs, so that nothing here is interrupted. The timer is armed only for something that
//! will happen: the end of a slice while others wait, or a sleeper's time. A program that is alone is never interrupted.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::UnsafeCell;
use core::marker::PhantomData;
use core::mem;
use core::ops::Deref;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, Ordering};

use mm::Errno;

use super::clock::clock;
use super::thread::Thread;
use super::{ExitStatus, Process, signal};
use crate::arch::{self, Context, UserFrame, timer, user_tables};
use crate::sync::IrqMutex;

/// How long a thread runs while others wait, in nanoseconds.
const SLICE: u64 = 10_000_000;

/// Who runs, who could, and who sleeps.
struct Queues {
    /// The thread that runs; `None` while the boot context waits for an interrupt.
    running: Option<Arc<Thread>>,
    /// Threads that could run, the next one first.
    ready: VecDeque<Arc<Thread>>,
    /// Threads that sleep, and the counter's value at which each wakes.
    sleeping: Vec<(u64, Arc<Thread>)>,
    /// A thread that has ended and whose stack was still in use when it did.
    ended: Option<Arc<Thread>>,
}

static QUEUES: IrqMutex<Queues> = IrqMutex::new(Queues {
    running: None,
    ready: VecDeque::new(),
    sleeping: Vec::new(),
    ended: None,
});

/// Ticks of the counter for which nothing could run.
static IDLE: AtomicU64 = AtomicU64::new(0);

/// The context that [`run`] was called in.
static BOOT: BootContext = BootContext(UnsafeCell::new(Context::EMPTY));

struct BootContext(UnsafeCell<Context>);

// SAFETY: reached only by a switch, with interrupts masked, on the one core that runs threads.
unsafe impl Sync for BootContext {}

/// The thread that runs now.
///
/// A value of this type lives on the kernel stack of the thread that it names: it can't be sent away, and the stack goes only when the
/// thread does.
pub(crate) struct Current(NonNull<Thread>, PhantomData<*const ()>);

impl Deref for Current {
    type Target = Thread;

    fn deref(&self) -> &Thread {
        // SAFETY: the thread runs, so the scheduler holds an `Arc` of it until the stack that `self` lies on is never used again.
        unsafe { self.0.as_ref() }
    }
}

/// The running thread, for code that only threads run.
///
/// # Panics
/// In the boot context, which is no thread.
pub(crate) fn current() -> Current {
    try_current().expect("a thread runs")
}

/// The running thread; `None` in the boot context.
pub(crate) fn try_current() -> Option<Current> {
    NonNull::new(arch::thread::current().cast_mut().cast()).map(|thread| Current(thread, PhantomData))
}

/// Lets `thread` run when its turn comes.
///
/// # Errors
/// `ENOMEM` where the queues have no room for one more.
pub(crate) fn start(thread: Arc<Thread>) -> Result<(), Errno> {
    make_room()?;
    let mut queues = QUEUES.lock();
    queues.ready.push_back(thread);
    // Whoever runs had no one to share the core with until now.
    arm_timer(&queues);
    Ok(())
}

/// Makes room in the queues for one more thread than there are, so that no later step allocates.
fn make_room() -> Result<(), Errno> {
    let wanted = {
        let queues = QUEUES.lock();
        let threads = queues.ready.len() + queues.sleeping.len() + 2;
        if queues.ready.capacity() >= threads && queues.sleeping.capacity() >= threads {
            return Ok(());
        }
        2 * threads
    };
    let mut ready = VecDeque::new();
    let mut sleeping = Vec::new();
    ready.try_reserve(wanted).map_err(|_| Errno::ENOMEM)?;
    sleeping.try_reserve(wanted).map_err(|_| Errno::ENOMEM)?;
    let mut queues = QUEUES.lock();
    ready.append(&mut queues.ready);
    sleeping.append(&mut queues.sleeping);
    let old = (
        mem::replace(&mut queues.ready, ready),
        mem::replace(&mut queues.sleeping, sleeping),
    );
    drop(queues);
    drop(old);
    Ok(())
}

/// Runs threads until `process` has ended. Called in the boot context, which from then on is where the core waits.
pub(crate) fn run(process: &Process) -> ExitStatus {
    loop {
        if let Some(status) = process.exit_status() {
            return status;
        }
        wake_sleepers();
        if QUEUES.lock().ready.is_empty() {
            let begun = timer::now();
            arch::interrupts::wait();
            IDLE.fetch_add(timer::now() - begun, Ordering::Relaxed);
        } else {
            switch(|_, _| {});
        }
    }
}

/// Gives the core to the next thread that could run.
pub(crate) fn yield_now() {
    switch(|queues, thread| queues.ready.push_back(thread));
}

/// Sleeps for `nanoseconds`.
///
/// # Errors
/// `EINTR` where a signal came instead.
pub(crate) fn sleep(nanoseconds: u64) -> Result<(), Errno> {
    sleep_until(clock().since_boot().saturating_add(nanoseconds))
}

/// Sleeps until `deadline`, in nanoseconds since power-on.
///
/// # Errors
/// `EINTR` where a signal came instead.
pub(crate) fn sleep_until(deadline: u64) -> Result<(), Errno> {
    let deadline = clock().ticks_at(deadline);
    while timer::now() < deadline {
        if current().attention.load(Ordering::Acquire) {
            return Err(Errno::EINTR);
        }
        switch(|queues, thread| queues.sleeping.push((deadline, thread)));
    }
    Ok(())
}

/// Ends the running thread.
pub(crate) fn exit_current() -> ! {
    switch(|queues, thread| queues.ended = Some(thread));
    unreachable!("a thread that has ended isn't switched to")
}

/// Gives the core to the next thread, and does what is due before EL0 is entered again. Called with interrupts masked after an interrupt
/// from EL0: the timer's, which is armed only for the end of a slice and for a sleeper.
pub(crate) fn preempt(frame: &mut UserFrame) {
    wake_sleepers();
    yield_now();
    signal::if_due(&current(), frame);
}

/// For how long threads have run since `time`, both in nanoseconds, `time` since power-on: the whole machine's work, which
/// is the program's.
pub(crate) fn busy_since(time: u64) -> u64 {
    let idle = clock().duration(IDLE.load(Ordering::Relaxed));
    clock().since_boot().saturating_sub(time).saturating_sub(idle)
}

/// Makes ready whoever has slept long enough, the earliest deadline first.
fn wake_sleepers() {
    let now = timer::now();
    let mut queues = QUEUES.lock();
    let queues = &mut *queues;
    let due = |sleeping: &[(u64, Arc<Thread>)]| {
        let (index, (deadline, _)) = sleeping
            .iter()
            .enumerate()
            .min_by_key(|(_, (deadline, _))| *deadline)?;
        (*deadline <= now).then_some(index)
    };
    while let Some(index) = due(&queues.sleeping) {
        let (_, thread) = queues.sleeping.swap_remove(index);
        queues.ready.push_back(thread);
    }
    arm_timer(queues);
}

/// Arms the timer for the next thing that will happen.
fn arm_timer(queues: &Queues) {
    let wake = queues.sleeping.iter().map(|(deadline, _)| *deadline).min();
    let slice = (!queues.ready.is_empty() && queues.running.is_some())
        .then(|| clock().ticks_at(clock().since_boot() + SLICE));
    match wake.into_iter().chain(slice).min() {
        Some(deadline) => timer::set_deadline(deadline),
        None => timer::clear_deadline(),
    }
}

/// Puts the running thread, if one runs, where `place` says, and goes on with the next one or the boot context. Returns when the
/// caller is switched to again.
fn switch(place: impl FnOnce(&mut Queues, Arc<Thread>)) {
    let (from, to) = {
        let mut queues = QUEUES.lock();
        let from = queues.running.take();
        let from_pointer = from.as_ref().map(Arc::as_ptr);
        if let Some(thread) = from {
            place(&mut queues, thread);
        }
        let to = queues.ready.pop_front();
        let to_pointer = to.as_ref().map(Arc::as_ptr);
        queues.running = to;
        arm_timer(&queues);
        (from_pointer, to_pointer)
    };
    if from != to {
        // SAFETY: interrupts are masked and there is one core, so the queues keep both threads until the switch is done; the thread
        // that has ended is kept in `ended` until another stack is in use.
        unsafe { change_thread(from.map(|thread| &*thread), to.map(|thread| &*thread)) };
        reap();
    }
}

/// Changes from one thread to another; `None` is the boot context, which has no part at EL0.
///
/// # Safety
/// Interrupts are masked, `from` is what runs now, and both live until `from` runs again.
unsafe fn change_thread(from: Option<&Thread>, to: Option<&Thread>) {
    let context = |thread: Option<&Thread>| thread.map_or(BOOT.0.get(), Thread::context);
    if let Some(from) = from {
        // SAFETY: by the caller's promise.
        unsafe { from.save_user_registers() };
    }
    if let Some(to) = to {
        // SAFETY: by the caller's promise.
        unsafe { to.restore_user_registers() };
        to.process.activate();
    } else {
        user_tables::remove();
    }
    arch::thread::set_current(to.map_or(core::ptr::null(), |thread| (&raw const *thread).cast()));
    // SAFETY: both contexts live by the caller's promise; the one that is switched to was made by `Context::new` or by an earlier switch.
    unsafe { arch::switch(context(from), context(to)) };
}

/// Drops the thread that ended before this one was switched to.
fn reap() {
    let ended = QUEUES.lock().ended.take();
    drop(ended);
}

/// Where every new thread begins, switched to with interrupts masked.
pub(super) extern "C" fn begin(_: usize) -> ! {
    reap();
    let thread = current();
    let Some(start) = thread.take_start() else {
        unreachable!("a thread begins once")
    };
    let mut frame = start(&thread);
    signal::if_due(&thread, &mut frame);
    // SAFETY: the thread's address space is active, and nothing on this stack is used again.
    unsafe { arch::enter_user(&frame) }
}
