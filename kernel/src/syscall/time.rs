//! Clocks and sleeping.

use linux_raw_sys::general::{
    __kernel_timespec as timespec, CLOCK_BOOTTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_COARSE,
    CLOCK_MONOTONIC_RAW, CLOCK_PROCESS_CPUTIME_ID, CLOCK_REALTIME, CLOCK_REALTIME_COARSE, CLOCK_TAI,
    CLOCK_THREAD_CPUTIME_ID, TIMER_ABSTIME,
};
use mm::Errno;

use super::{Answer, Call};
use crate::process::clock::{SECOND, clock};
use crate::process::scheduler;
use crate::process::user::UserPtr;

pub(super) fn clock_gettime(call: &mut Call<'_>) -> Answer {
    let time = read_clock(call, call.uint(0))?;
    call.pointer(1).write(&from_nanoseconds(time)).map(|()| 0)
}

/// What the clock `id` says, in nanoseconds.
fn read_clock(call: &Call<'_>, id: u32) -> Result<u64, Errno> {
    match id {
        CLOCK_REALTIME | CLOCK_REALTIME_COARSE | CLOCK_TAI => Ok(clock().wall()),
        CLOCK_MONOTONIC | CLOCK_MONOTONIC_RAW | CLOCK_MONOTONIC_COARSE | CLOCK_BOOTTIME => {
            Ok(clock().since_boot())
        }
        CLOCK_PROCESS_CPUTIME_ID | CLOCK_THREAD_CPUTIME_ID => {
            Ok(scheduler::busy_since(call.process().started))
        }
        _ => Err(Errno::EINVAL),
    }
}

pub(super) fn clock_getres(call: &mut Call<'_>) -> Answer {
    read_clock(call, call.uint(0))?;
    if let Some(pointer) = call.pointer(1).non_null() {
        pointer.write(&timespec {
            tv_sec: 0,
            tv_nsec: 1,
        })?;
    }
    Ok(0)
}

pub(super) fn gettimeofday(call: &mut Call<'_>) -> Answer {
    let microseconds = clock().wall() / 1000;
    if let Some(pointer) = call.pointer::<[u64; 2]>(0).non_null() {
        pointer.write(&[microseconds / 1_000_000, microseconds % 1_000_000])?;
    }
    // The time zone: none.
    if let Some(pointer) = call.pointer::<u64>(1).non_null() {
        pointer.write(&0)?;
    }
    Ok(0)
}

pub(super) fn nanosleep(call: &mut Call<'_>) -> Answer {
    let deadline = clock().since_boot().saturating_add(nanoseconds(call.pointer(0))?);
    sleep(deadline, call.pointer(1).non_null())
}

pub(super) fn clock_nanosleep(call: &mut Call<'_>) -> Answer {
    let (id, flags) = (call.uint(0), call.uint(1));
    let wall = match id {
        CLOCK_REALTIME | CLOCK_TAI => true,
        CLOCK_MONOTONIC | CLOCK_BOOTTIME => false,
        CLOCK_PROCESS_CPUTIME_ID => return Err(Errno::EOPNOTSUPP),
        _ => return Err(Errno::EINVAL),
    };
    let time = nanoseconds(call.pointer(2))?;
    if flags & TIMER_ABSTIME == 0 {
        return sleep(
            clock().since_boot().saturating_add(time),
            call.pointer(3).non_null(),
        );
    }
    sleep(if wall { clock().since_boot_at(time) } else { time }, None)
}

/// Sleeps until `deadline`, in nanoseconds since power-on; where a signal comes first, `left` learns how long it would have been.
fn sleep(deadline: u64, left: Option<UserPtr<timespec>>) -> Answer {
    let outcome = scheduler::sleep_until(deadline);
    if let (Err(Errno::EINTR), Some(pointer)) = (outcome, left) {
        pointer.write(&from_nanoseconds(deadline.saturating_sub(clock().since_boot())))?;
    }
    outcome.map(|()| 0)
}

/// The time that a program gives; one that is longer than 584 years lasts as long.
fn nanoseconds(pointer: UserPtr<timespec>) -> Result<u64, Errno> {
    let time = pointer.read()?;
    let (Ok(seconds), Ok(rest)) = (u64::try_from(time.tv_sec), u64::try_from(time.tv_nsec)) else {
        return Err(Errno::EINVAL);
    };
    if rest >= SECOND {
        return Err(Errno::EINVAL);
    }
    Ok(seconds.saturating_mul(SECOND).saturating_add(rest))
}

fn from_nanoseconds(nanoseconds: u64) -> timespec {
    timespec {
        tv_sec: (nanoseconds / SECOND) as i64,
        tv_nsec: (nanoseconds % SECOND) as i64,
    }
}
