//! Who is who.

use alloc::sync::Arc;
use core::sync::atomic::Ordering;

use linux_raw_sys::general::{O_EXCL, O_NONBLOCK, O_RDWR};
use mm::Errno;

use super::open::give_descriptor;
use super::{Answer, Call};
use crate::fs::OpenFile;
use crate::fs::pidfd::ProcessFile;

/// `pidfd_open`'s flags (Linux's `PIDFD_NONBLOCK` and `PIDFD_THREAD`).
const PIDFD_NONBLOCK: u32 = O_NONBLOCK;
const PIDFD_THREAD: u32 = O_EXCL;

pub(super) fn getpid(call: &mut Call<'_>) -> Answer {
    Ok(call.process().id.into())
}

pub(super) fn getppid(call: &mut Call<'_>) -> Answer {
    Ok(call.process().parent.into())
}

pub(super) fn gettid(call: &mut Call<'_>) -> Answer {
    Ok(call.thread.id.into())
}

pub(super) fn umask(call: &mut Call<'_>) -> Answer {
    Ok(call
        .process()
        .umask
        .swap(call.uint(0) & 0o777, Ordering::Relaxed)
        .into())
}

/// A descriptor of a process: of the calling one, as long as no process knows another.
pub(super) fn pidfd_open(call: &mut Call<'_>) -> Answer {
    call.may_keep()?;
    let (id, flags) = (call.int(0), call.uint(1));
    if flags & !(PIDFD_NONBLOCK | PIDFD_THREAD) != 0 || id <= 0 {
        return Err(Errno::EINVAL);
    }
    if id as u32 != call.process().id {
        return Err(Errno::ESRCH);
    }
    let file = Arc::new(ProcessFile::new(id as u32));
    give_descriptor(call, OpenFile::new(file, O_RDWR | flags & PIDFD_NONBLOCK), true)
}
