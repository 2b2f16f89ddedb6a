//! Calls that keep memory, and mappings, where they are: all the deciding is in `mm`.

use super::{Answer, Call};

pub(super) fn mlock(call: &mut Call<'_>) -> Answer {
    lock(call, 0)
}

pub(super) fn mlock2(call: &mut Call<'_>) -> Answer {
    lock(call, call.arg(2))
}

fn lock(call: &Call<'_>, flags: u64) -> Answer {
    let mut space = call.process().space.lock();
    space.mlock(call.arg(0), call.arg(1), flags).map(|()| 0)
}

pub(super) fn munlock(call: &mut Call<'_>) -> Answer {
    let mut space = call.process().space.lock();
    space.munlock(call.arg(0), call.arg(1)).map(|()| 0)
}

pub(super) fn mlockall(call: &mut Call<'_>) -> Answer {
    let mut space = call.process().space.lock();
    space.mlockall(call.arg(0)).map(|()| 0)
}

pub(super) fn munlockall(call: &mut Call<'_>) -> Answer {
    call.process().space.lock().munlockall();
    Ok(0)
}

pub(super) fn mseal(call: &mut Call<'_>) -> Answer {
    let mut space = call.process().space.lock();
    space.mseal(call.arg(0), call.arg(1), call.arg(2)).map(|()| 0)
}

pub(super) fn msync(call: &mut Call<'_>) -> Answer {
    let space = call.process().space.lock();
    space.msync(call.arg(0), call.arg(1), call.arg(2)).map(|()| 0)
}
