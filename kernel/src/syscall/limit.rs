//! Resource limits, and what has been used.

use linux_raw_sys::general::{RUSAGE_CHILDREN, RUSAGE_SELF, RUSAGE_THREAD, rlimit64, rusage};
use mm::Errno;

use super::{Answer, Call};
use crate::process::clock::{SECOND, clock};
use crate::process::exec::CLOCK_TICKS;
use crate::process::scheduler;
use crate::process::user::{Plain, UserPtr};

pub(super) fn prlimit64(call: &mut Call<'_>) -> Answer {
    let (id, resource) = (call.uint(0), call.uint(1));
    let new = call.pointer(2).non_null().map(UserPtr::read).transpose()?;
    if id != 0 && id != call.process().id {
        return Err(Errno::ESRCH);
    }
    let old = call.process().limits.lock().get(resource)?;
    if let Some(new) = new {
        set(call, resource, new)?;
    }
    if let Some(pointer) = call.pointer(3).non_null() {
        pointer.write(&old)?;
    }
    Ok(0)
}

pub(super) fn getrlimit(call: &mut Call<'_>) -> Answer {
    let limit = call.process().limits.lock().get(call.uint(0))?;
    call.pointer(1).write(&limit).map(|()| 0)
}

pub(super) fn setrlimit(call: &mut Call<'_>) -> Answer {
    let limit = call.pointer(1).read()?;
    set(call, call.uint(0), limit).map(|()| 0)
}

fn set(call: &Call<'_>, resource: u32, limit: rlimit64) -> Result<(), Errno> {
    let limits = {
        let mut limits = call.process().limits.lock();
        limits.set(resource, limit, &call.process().credentials.lock())?;
        limits.clone()
    };
    limits.apply(call.process().space.lock().limits_mut());
    Ok(())
}

/// All of the time is the program's own: the kernel doesn't tell its part from it.
pub(super) fn getrusage(call: &mut Call<'_>) -> Answer {
    let mut usage = rusage::zeroed();
    match call.int(0) {
        who if who == RUSAGE_SELF as i32 || who == RUSAGE_THREAD as i32 => {
            let used = scheduler::busy_since(call.process().started);
            usage.ru_utime.tv_sec = (used / SECOND) as i64;
            usage.ru_utime.tv_usec = (used % SECOND / 1000) as i64;
        }
        RUSAGE_CHILDREN => {}
        _ => return Err(Errno::EINVAL),
    }
    call.pointer(1).write(&usage).map(|()| 0)
}

pub(super) fn times(call: &mut Call<'_>) -> Answer {
    let ticks = |nanoseconds: u64| nanoseconds / (SECOND / CLOCK_TICKS);
    if let Some(pointer) = call.pointer::<[u64; 4]>(0).non_null() {
        pointer.write(&[ticks(scheduler::busy_since(call.process().started)), 0, 0, 0])?;
    }
    Ok(ticks(clock().since_boot()))
}
