//! `madvise` and `process_madvise`.

use linux_raw_sys::general::{PIDFD_SELF_THREAD, PIDFD_SELF_THREAD_GROUP};
use mm::{AdviceRequest, Errno};

use super::io::pieces;
use super::{Answer, Call};

pub(super) fn madvise(call: &mut Call<'_>) -> Answer {
    advise(call, call.arg(0), call.arg(1), call.arg(2)).map(|()| 0)
}

/// One piece of advice for many ranges; a process advises only itself.
pub(super) fn process_madvise(call: &mut Call<'_>) -> Answer {
    let (advice, flags) = (call.arg(3), call.uint(4));
    if flags != 0 {
        return Err(Errno::EINVAL);
    }
    let ranges = pieces(call)?;
    check_is_self(call)?;
    // Whether there is such advice is asked before the first range.
    AdviceRequest::decode(0, 0, advice)?;
    let total: u64 = ranges.iter().map(|range| range.len).sum();
    let mut done = 0;
    for (index, range) in ranges.into_iter().enumerate() {
        // Linux looks at an empty range only where it comes first, and at none where there is nothing else.
        if done == total || range.len == 0 && index > 0 {
            continue;
        }
        match advise(call, range.address, range.len, advice) {
            Ok(()) => done += range.len,
            Err(errno) if done == 0 => return Err(errno),
            // The answer says how far it came.
            Err(_) => break,
        }
    }
    Ok(done)
}

/// Follows advice, and lets others have the address space from stretch to stretch.
fn advise(call: &Call<'_>, address: u64, len: u64, advice: u64) -> Result<(), Errno> {
    let mut request = AdviceRequest::decode(address, len, advice)?;
    while !call.process().space.lock().advise(&mut request)? {}
    Ok(())
}

/// Whether argument 0 names the calling process.
fn check_is_self(call: &Call<'_>) -> Result<(), Errno> {
    let number = call.int(0);
    if [PIDFD_SELF_THREAD, PIDFD_SELF_THREAD_GROUP].contains(&number) {
        return Ok(());
    }
    let open = call.process().files.lock().get(number)?.clone();
    match open.file.process() {
        Some(id) if id == call.process().id => Ok(()),
        Some(_) => Err(Errno::ESRCH),
        None => Err(Errno::EBADF),
    }
}
