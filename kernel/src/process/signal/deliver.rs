//! From a pending signal to what is done about it.

use core::sync::atomic::Ordering;

use linux_raw_sys::general::{SA_NODEFER, SA_RESETHAND, SEGV_ACCERR, SEGV_MAPERR, SI_KERNEL};
use mm::Errno;

use super::{Default, Signal, default_of, frame};
use crate::arch::{self, UserFrame};
use crate::process::abi::SignalAction;
use crate::process::thread::Thread;
use crate::process::{ExitStatus, crash, scheduler};

/// `sa_handler` of the default action.
const SIG_DFL: u64 = 0;
/// `sa_handler` of a signal that is ignored.
const SIG_IGN: u64 = 1;

/// Sends `signal` to `thread`, which looks at it before it runs at EL0 again.
///
/// # Errors
/// `EAGAIN` where too many are pending.
pub(crate) fn send(thread: &Thread, signal: Signal) -> Result<(), Errno> {
    let action = thread.process.actions.lock().get(signal.number);
    let mut signals = thread.signals.lock();
    if is_ignored(signal.number, &action) && !signals.blocked.contains(signal.number) {
        return Ok(());
    }
    signals.add(signal)?;
    thread.attention.store(signals.is_due(), Ordering::Release);
    Ok(())
}

/// Delivers a signal that the running instruction has raised, at once: one that is blocked or ignored ends the process, since the
/// program couldn't go on. Nothing on the kernel stack may have to be dropped.
#[cold]
pub(crate) fn force(thread: &Thread, frame: &mut UserFrame, signal: Signal) -> ! {
    let action = thread.process.actions.lock().get(signal.number);
    let blocked = thread.signals.lock().blocked.contains(signal.number);
    if blocked || action.handler == SIG_DFL || action.handler == SIG_IGN {
        end(thread, frame, signal);
    }
    handle(thread, frame, signal, action);
    leave(thread, frame)
}

/// Does what is due about pending signals, on the way back to EL0: hardly ever anything.
#[inline]
pub(crate) fn if_due(thread: &Thread, frame: &mut UserFrame) {
    if thread.attention.load(Ordering::Acquire) {
        before_user(thread, frame);
    }
}

/// The same at the end of a system call or a fault. What is due may change any register of the program, which the quick way back
/// doesn't look at; so the kernel is left here then.
#[inline]
pub(crate) fn if_due_at_end(thread: &Thread, frame: &mut UserFrame) {
    // Whatever was noted with it is behind a lock.
    if thread.attention.load(Ordering::Relaxed) {
        leave(thread, frame);
    }
}

/// Does what is due and leaves the kernel by all that `frame` holds. Nothing on the kernel stack may have to be dropped.
#[cold]
fn leave(thread: &Thread, frame: &mut UserFrame) -> ! {
    before_user(thread, frame);
    // SAFETY: the thread's address space is active. Only a system call or a fault that is over lies on the stack.
    unsafe { arch::enter_user(frame) }
}

#[cold]
fn before_user(thread: &Thread, frame: &mut UserFrame) {
    loop {
        let next = {
            let mut signals = thread.signals.lock();
            let next = signals.take();
            thread.attention.store(signals.is_due(), Ordering::Release);
            next
        };
        let Some(signal) = next else { return };
        let action = thread.process.actions.lock().get(signal.number);
        if is_ignored(signal.number, &action) {
            continue;
        }
        if action.handler == SIG_DFL {
            end(thread, frame, signal);
        }
        handle(thread, frame, signal, action);
    }
}

/// `rt_sigreturn`: takes the program back to where a handler interrupted it. A frame that makes no sense is a `SIGSEGV`.
pub(crate) fn return_from_handler(thread: &Thread, frame: &mut UserFrame) -> ! {
    if frame::restore(thread, frame).is_err() {
        // As Linux says it: whether anything is mapped there or above.
        let mapped = frame.sp < thread.process.space.lock().end_of_mappings();
        let code = if mapped { SEGV_ACCERR } else { SEGV_MAPERR };
        refuse_frame(thread, frame, code);
    }
    thread
        .attention
        .store(thread.signals.lock().is_due(), Ordering::Release);
    leave(thread, frame)
}

/// Lets `frame` run the handler when EL0 is entered; where there is no place for its frame, that is a `SIGSEGV`.
fn handle(thread: &Thread, frame: &mut UserFrame, signal: Signal, action: SignalAction) {
    if enter(thread, frame, &signal, &action).is_err() {
        refuse_frame(thread, frame, SI_KERNEL);
    }
}

/// Makes `frame` enter the handler of `action`, and does to the thread's signals what its flags ask for.
///
/// # Errors
/// `EFAULT` where the handler's frame can't be written; `frame` is as it was.
fn enter(
    thread: &Thread,
    frame: &mut UserFrame,
    signal: &Signal,
    action: &SignalAction,
) -> Result<(), Errno> {
    if action.flags & u64::from(SA_RESETHAND) != 0 {
        let reset = SignalAction {
            handler: SIG_DFL,
            ..*action
        };
        // Only SIGKILL and SIGSTOP are refused, and they have no handler.
        let _ = thread.process.actions.lock().set(signal.number, reset);
    }
    frame::push(thread, frame, signal, action)?;
    let mut signals = thread.signals.lock();
    signals.blocked.0 |= action.mask;
    if action.flags & u64::from(SA_NODEFER) == 0 {
        signals.blocked = signals.blocked.with(signal.number);
    }
    thread.attention.store(signals.is_due(), Ordering::Release);
    Ok(())
}

/// The stack pointer leads nowhere: `SIGSEGV` with `code`, by its handler on an alternate stack if there is one, and otherwise for good.
fn refuse_frame(thread: &Thread, frame: &mut UserFrame, code: u32) {
    let signal = Signal::bad_stack(code, frame.sp);
    let action = thread.process.actions.lock().get(signal.number);
    let blocked = thread.signals.lock().blocked.contains(signal.number);
    let handled = action.handler != SIG_DFL && action.handler != SIG_IGN && !blocked;
    if !handled || enter(thread, frame, &signal, &action).is_err() {
        end(thread, frame, signal);
    }
}

fn is_ignored(signal: u8, action: &SignalAction) -> bool {
    action.handler == SIG_IGN || action.handler == SIG_DFL && default_of(signal) == Default::Nothing
}

/// Ends the process by `signal`, having told what there is to tell.
fn end(thread: &Thread, frame: &UserFrame, signal: Signal) -> ! {
    crash::report(thread, frame, &signal);
    thread.process.end(ExitStatus::Signalled(signal.number));
    scheduler::exit_current()
}
