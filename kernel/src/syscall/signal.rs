//! Signals.

use alloc::sync::Arc;
use core::sync::atomic::Ordering;

use linux_raw_sys::general::{SI_TKILL, SI_USER, SIG_BLOCK, SIG_SETMASK, SIG_UNBLOCK};
use mm::Errno;

use super::{Answer, Call};
use crate::process::abi::{SignalAction, SignalStack};
use crate::process::signal::{self, Set, Signal, frame};
use crate::process::user::UserPtr;
use crate::process::{self, Thread};

pub(super) fn rt_sigaction(call: &mut Call<'_>) -> Answer {
    check_size(call.arg(3))?;
    let number = signal::checked(call.int(0))?;
    let new: Option<SignalAction> = call.pointer(1).non_null().map(UserPtr::read).transpose()?;
    let old = {
        let mut actions = call.process().actions.lock();
        let old = actions.get(number);
        if let Some(new) = new {
            actions.set(number, new)?;
        }
        old
    };
    if let Some(pointer) = call.pointer(2).non_null() {
        pointer.write(&old)?;
    }
    Ok(0)
}

pub(super) fn rt_sigprocmask(call: &mut Call<'_>) -> Answer {
    check_size(call.arg(3))?;
    let new: Option<u64> = call.pointer(1).non_null().map(UserPtr::read).transpose()?;
    let old = call.thread.signals.lock().blocked;
    if let Some(new) = new {
        let blocked = match call.uint(0) {
            SIG_BLOCK => old.0 | new,
            SIG_UNBLOCK => old.0 & !new,
            SIG_SETMASK => new,
            _ => return Err(Errno::EINVAL),
        };
        let mut signals = call.thread.signals.lock();
        signals.blocked = Set(blocked).without_unblockable();
        call.thread.attention.store(signals.is_due(), Ordering::Release);
    }
    if let Some(pointer) = call.pointer(2).non_null() {
        pointer.write(&old.0)?;
    }
    Ok(0)
}

pub(super) fn rt_sigpending(call: &mut Call<'_>) -> Answer {
    if call.arg(1) > Set::SIZE {
        return Err(Errno::EINVAL);
    }
    let pending = {
        let signals = call.thread.signals.lock();
        signals.pending().0 & signals.blocked.0
    };
    call.pointer(0).write(&pending).map(|()| 0)
}

/// Answers what `x0` held when the handler interrupted it, and changes all other registers, too.
pub(super) fn rt_sigreturn(call: &mut Call<'_>) -> Answer {
    signal::return_from_handler(&call.thread, call.frame)
}

pub(super) fn sigaltstack(call: &mut Call<'_>) -> Answer {
    let sp = call.frame.sp;
    let new: Option<SignalStack> = call.pointer(0).non_null().map(UserPtr::read).transpose()?;
    let old = frame::told_stack(sp, &call.thread.signals.lock().stack);
    if let Some(new) = new {
        frame::set_stack(&call.thread, sp, new)?;
    }
    if let Some(pointer) = call.pointer(1).non_null() {
        pointer.write(&old)?;
    }
    Ok(0)
}

/// To a process, or to the group of processes, of which there is one. "All others" are none.
pub(super) fn kill(call: &mut Call<'_>) -> Answer {
    let own = call.process().id;
    let target = match call.int(0) {
        0 => own,
        -1 => return Err(Errno::ESRCH),
        id if id < 0 && id.unsigned_abs() != own => return Err(Errno::ESRCH),
        id => id.unsigned_abs(),
    };
    let thread = process::find_thread(target).ok_or(Errno::ESRCH)?;
    send(call, &thread, call.int(1), SI_USER as i32)
}

pub(super) fn tkill(call: &mut Call<'_>) -> Answer {
    let id = call.int(0);
    let thread = thread(id)?;
    send(call, &thread, call.int(1), SI_TKILL)
}

pub(super) fn tgkill(call: &mut Call<'_>) -> Answer {
    let (process, id) = (call.int(0), call.int(1));
    if process <= 0 {
        return Err(Errno::EINVAL);
    }
    let thread = thread(id)?;
    if thread.process.id != process as u32 {
        return Err(Errno::ESRCH);
    }
    send(call, &thread, call.int(2), SI_TKILL)
}

fn thread(id: i32) -> Result<Arc<Thread>, Errno> {
    if id <= 0 {
        return Err(Errno::EINVAL);
    }
    process::find_thread(id as u32).ok_or(Errno::ESRCH)
}

/// Sends signal `number`; 0 only asks whether it could be sent.
fn send(call: &Call<'_>, thread: &Thread, number: i32, code: i32) -> Answer {
    if number != 0 {
        let number = signal::checked(number)?;
        let user = call.process().credentials.lock().users.real;
        signal::send(thread, Signal::sent(number, code, call.process().id, user))?;
    }
    Ok(0)
}

fn check_size(size: u64) -> Result<(), Errno> {
    if size == Set::SIZE {
        Ok(())
    } else {
        Err(Errno::EINVAL)
    }
}
