//! Who is who.

use core::sync::atomic::Ordering;

use super::{Answer, Call};

pub(super) fn getpid(call: &mut Call<'_>) -> Answer {
    Ok(call.process().id.into())
}

pub(super) fn getppid(call: &mut Call<'_>) -> Answer {
    Ok(call.process().parent.into())
}

pub(super) fn gettid(call: &mut Call<'_>) -> Answer {
    Ok(call.thread.id.into())
}

/// User and group, real and effective: everything runs as root.
pub(super) fn root(_: &mut Call<'_>) -> Answer {
    Ok(0)
}

pub(super) fn umask(call: &mut Call<'_>) -> Answer {
    Ok(call
        .process()
        .umask
        .swap(call.uint(0) & 0o777, Ordering::Relaxed)
        .into())
}
