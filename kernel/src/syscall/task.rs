//! Threads and processes themselves.

use core::sync::atomic::Ordering;

use linux_raw_sys::general::robust_list_head;
use linux_raw_sys::prctl::{
    PR_GET_DUMPABLE, PR_GET_NAME, PR_GET_THP_DISABLE, PR_SET_NAME, PR_SET_THP_DISABLE,
};
use mm::{Errno, HugePages};

use super::{Answer, Call};
use crate::process::thread::{NAME_SIZE, shortened};
use crate::process::user::{self, UserPtr};
use crate::process::{self, ExitStatus, scheduler};

/// A flag of `PR_SET_THP_DISABLE`, since Linux 6.18: not where `MADV_HUGEPAGE` asked for them.
const PR_THP_DISABLE_EXCEPT_ADVISED: u64 = 2;

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

pub(super) fn prctl(call: &mut Call<'_>) -> Answer {
    let rest = [call.arg(2), call.arg(3), call.arg(4)];
    let unused = |from: usize| {
        if rest[from..].iter().all(|arg| *arg == 0) {
            Ok(())
        } else {
            Err(Errno::EINVAL)
        }
    };
    match call.uint(0) {
        PR_SET_NAME => {
            *call.thread.name.lock() = name_in(call.arg(1))?;
            Ok(0)
        }
        PR_GET_NAME => {
            let name = *call.thread.name.lock();
            call.pointer(1).write(&name).map(|()| 0)
        }
        PR_SET_THP_DISABLE => {
            unused(1)?;
            let policy = match (call.arg(1) != 0, rest[0]) {
                (false, 0) => HugePages::Allowed,
                (true, 0) => HugePages::Off,
                (true, PR_THP_DISABLE_EXCEPT_ADVISED) => HugePages::OnlyAdvised,
                _ => return Err(Errno::EINVAL),
            };
            call.process().space.lock().set_huge_page_policy(policy);
            Ok(0)
        }
        PR_GET_THP_DISABLE if call.arg(1) == 0 => {
            unused(0)?;
            Ok(match call.process().space.lock().huge_page_policy() {
                HugePages::Allowed => 0,
                HugePages::OnlyAdvised => 1 | PR_THP_DISABLE_EXCEPT_ADVISED,
                HugePages::Off => 1,
            })
        }
        // No core is dumped, but one could trace: SUID_DUMP_USER.
        PR_GET_DUMPABLE => Ok(1),
        _ => Err(Errno::EINVAL),
    }
}

/// The name at `address`, cut to what a thread can have.
fn name_in(address: u64) -> Result<[u8; NAME_SIZE], Errno> {
    let mut name = [0; NAME_SIZE];
    for (index, byte) in name.iter_mut().take(NAME_SIZE - 1).enumerate() {
        *byte = UserPtr::<u8>::new(address).element(index as u64).read()?;
        if *byte == 0 {
            break;
        }
    }
    Ok(shortened(&name))
}
