//! Calls on descriptors themselves.

use linux_raw_sys::general::{
    F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_GETFL, F_SETFD, F_SETFL, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE,
    FD_CLOEXEC, O_CLOEXEC,
};
use mm::Errno;

use super::open::give_descriptor;
use super::{Answer, Call};

pub(super) fn close(call: &mut Call<'_>) -> Answer {
    let open = call.process().files.lock().remove(call.int(0))?;
    drop(open);
    Ok(0)
}

pub(super) fn dup(call: &mut Call<'_>) -> Answer {
    let open = call.process().files.lock().get(call.int(0))?.clone();
    give_descriptor(call, open, false)
}

pub(super) fn dup3(call: &mut Call<'_>) -> Answer {
    let (from, to, flags) = (call.int(0), call.int(1), call.uint(2));
    if flags & !O_CLOEXEC != 0 || from == to {
        return Err(Errno::EINVAL);
    }
    let limit = call.process().limits.lock().files();
    let mut files = call.process().files.lock();
    let open = files.get(from)?.clone();
    let closed = files.replace(to, open, flags & O_CLOEXEC != 0, limit);
    // What was open there is closed without the lock.
    drop(files);
    closed.map(|_| to as u64)
}

pub(super) fn fcntl(call: &mut Call<'_>) -> Answer {
    let number = call.int(0);
    let open = call.process().files.lock().get(number)?.clone();
    let files = &call.process().files;
    match call.uint(1) {
        command @ (F_DUPFD | F_DUPFD_CLOEXEC) => {
            let limit = call.process().limits.lock().files();
            let from = usize::try_from(call.int(2)).map_err(|_| Errno::EINVAL)?;
            files
                .lock()
                .insert(open, command == F_DUPFD_CLOEXEC, from, limit)
                .map(|number| number as u64)
        }
        F_GETFD => Ok(if files.lock().close_on_exec(number)? {
            FD_CLOEXEC.into()
        } else {
            0
        }),
        F_SETFD => files
            .lock()
            .set_close_on_exec(number, call.uint(2) & FD_CLOEXEC != 0)
            .map(|()| 0),
        F_GETFL => Ok(open.flags().into()),
        F_SETFL => {
            open.set_flags(call.uint(2));
            Ok(0)
        }
        _ => Err(Errno::EINVAL),
    }
}

/// What `fallocate` makes of a range by its mode, but for `FALLOC_FL_KEEP_SIZE`: memory, or a hole. Other modes are for disks.
const MEMORY: u32 = 0;
const HOLE: u32 = FALLOC_FL_PUNCH_HOLE;

pub(super) fn fallocate(call: &mut Call<'_>) -> Answer {
    let (mode, offset, len) = (call.uint(1), call.arg(2) as i64, call.arg(3) as i64);
    let open = call.process().files.lock().get(call.int(0))?.clone();
    if offset < 0 || len <= 0 {
        return Err(Errno::EINVAL);
    }
    let keeps_len = mode & FALLOC_FL_KEEP_SIZE != 0;
    match mode & !FALLOC_FL_KEEP_SIZE {
        MEMORY => {}
        // A hole never makes a file longer, and the caller has to say that he knows.
        HOLE if keeps_len => {}
        _ => return Err(Errno::EOPNOTSUPP),
    }
    if !open.is_writable() {
        return Err(Errno::EBADF);
    }
    if !open.is_regular() {
        return Err(Errno::ENODEV);
    }
    let end = offset.checked_add(len).ok_or(Errno::EFBIG)?;
    let bytes = offset as u64..end as u64;
    let outcome = match mode & HOLE {
        0 => open.file.allocate(bytes, keeps_len),
        _ => open.file.punch_hole(bytes),
    };
    outcome.map(|()| 0)
}

pub(super) fn ftruncate(call: &mut Call<'_>) -> Answer {
    let len = call.arg(1);
    if i64::try_from(len).is_err() {
        return Err(Errno::EINVAL);
    }
    let open = call.process().files.lock().get(call.int(0))?.clone();
    if !open.is_writable() || !open.is_regular() {
        return Err(Errno::EINVAL);
    }
    open.file.set_len(len).map(|()| 0)
}
