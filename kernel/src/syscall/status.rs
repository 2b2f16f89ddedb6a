//! What is told of a file.

use linux_raw_sys::general::{
    AT_EMPTY_PATH, AT_FDCWD, AT_NO_AUTOMOUNT, AT_STATX_SYNC_TYPE, AT_SYMLINK_NOFOLLOW, STATX__RESERVED,
};
use mm::Errno;

use super::{Answer, Call, open};
use crate::fs::status::Status;
use crate::process::user::UserPtr;

pub(super) fn newfstatat(call: &mut Call<'_>) -> Answer {
    let flags = call.uint(3);
    if flags & !(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    let status = status_of(call, flags)?;
    call.pointer(2).write(&status.to_stat())?;
    Ok(0)
}

pub(super) fn fstat(call: &mut Call<'_>) -> Answer {
    let open = call.process().files.lock().get(call.int(0))?.clone();
    call.pointer(1).write(&open.file.status().to_stat())?;
    Ok(0)
}

pub(super) fn statx(call: &mut Call<'_>) -> Answer {
    let (flags, mask) = (call.uint(2), call.uint(3));
    let known = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE;
    if mask & STATX__RESERVED != 0 || flags & AT_STATX_SYNC_TYPE == AT_STATX_SYNC_TYPE || flags & !known != 0
    {
        return Err(Errno::EINVAL);
    }
    let status = status_of(call, flags)?;
    call.pointer(4).write(&status.to_statx())?;
    Ok(0)
}

/// The status of what arguments 0 and 1 name; with `AT_EMPTY_PATH` and an empty or null path, of the descriptor itself.
fn status_of(call: &Call<'_>, flags: u32) -> Result<Status, Errno> {
    let path: UserPtr<u8> = call.pointer(1);
    let is_empty = || path.non_null().map_or(Ok(true), |path| Ok(path.read()? == 0));
    if flags & AT_EMPTY_PATH != 0 && is_empty()? && call.int(0) != AT_FDCWD {
        let open = call.process().files.lock().get(call.int(0))?.clone();
        return Ok(open.file.status());
    }
    Ok(open::place(call, flags)?.status())
}
