//! Threads and processes themselves.

use core::sync::atomic::Ordering;

use linux_raw_sys::general::robust_list_head;
use mm::Errno;

use super::{Answer, Call};
use crate::process::user::{self, UserPtr};
use crate::process::{self, ExitStatus, scheduler};

pub(super) fn exit(call: &mut Call<'_>) -> Answer {
    let clear = call.thread.clear_at_exit.load(Ordering::Relaxed);
    if clear != 0 {
        // Nobody is told where that can't be written, as on Linux.
        let _ = UserPtr::<u32>::new(clear).write(&0);
    }
    exit_group(call)
}

pub(super) fn exit_group(call: &mut Call<'_>) -> Answer {
    call.process().end(ExitStatus::Exited(call.int(0) as u8));
    scheduler::exit_current()
}

pub(super) fn set_tid_address(call: &mut Call<'_>) -> Answer {
    call.thread.clear_at_exit.store(call.arg(0), Ordering::Relaxed);
    Ok(call.thread.id.into())
}

/// The list says which locks a dying thread leaves behind for others. There are no others yet, so it isn't kept.
pub(super) fn set_robust_list(call: &mut Call<'_>) -> Answer {
    if call.arg(1) == size_of::<robust_list_head>() as u64 {
        Ok(0)
    } else {
        Err(Errno::EINVAL)
    }
}

pub(super) fn sched_yield(_: &mut Call<'_>) -> Answer {
    scheduler::yield_now();
    Ok(0)
}

/// The one core, in a mask of 64.
pub(super) fn sched_getaffinity(call: &mut Call<'_>) -> Answer {
    let (id, size) = (call.uint(0), call.uint(1));
    let mask = 1u64.to_le_bytes();
    if (size as usize) < mask.len() || !(size as usize).is_multiple_of(mask.len()) {
        return Err(Errno::EINVAL);
    }
    if id != 0 && process::find_thread(id).is_none() {
        return Err(Errno::ESRCH);
    }
    user::copy_out(call.arg(2), &mask)?;
    Ok(mask.len() as u64)
}
