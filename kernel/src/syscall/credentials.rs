//! Who a process is, and what it may do.

use alloc::vec::Vec;

use linux_raw_sys::general::{
    _LINUX_CAPABILITY_VERSION_1, _LINUX_CAPABILITY_VERSION_2, _LINUX_CAPABILITY_VERSION_3, CAP_SETGID,
};
use mm::Errno;

use super::{Answer, Call};
use crate::process;
use crate::process::credentials::{Credentials, Ids, MOST_GROUPS};
use crate::process::user::UserPtr;

/// `struct __user_cap_data_struct`: effective, permitted and inheritable, 32 capabilities of each.
type CapabilityData = [u32; 3];

pub(super) fn getuid(call: &mut Call<'_>) -> Answer {
    Ok(call.process().credentials.lock().users.real.into())
}

pub(super) fn geteuid(call: &mut Call<'_>) -> Answer {
    Ok(call.process().credentials.lock().users.effective.into())
}

pub(super) fn getgid(call: &mut Call<'_>) -> Answer {
    Ok(call.process().credentials.lock().groups.real.into())
}

pub(super) fn getegid(call: &mut Call<'_>) -> Answer {
    Ok(call.process().credentials.lock().groups.effective.into())
}

pub(super) fn getresuid(call: &mut Call<'_>) -> Answer {
    let users = call.process().credentials.lock().users;
    write_three(call, users)
}

pub(super) fn getresgid(call: &mut Call<'_>) -> Answer {
    let groups = call.process().credentials.lock().groups;
    write_three(call, groups)
}

fn write_three(call: &Call<'_>, ids: Ids) -> Answer {
    for (index, id) in [ids.real, ids.effective, ids.saved].iter().enumerate() {
        call.pointer(index).write(id)?;
    }
    Ok(0)
}

pub(super) fn setuid(call: &mut Call<'_>) -> Answer {
    let id = call.uint(0);
    change(call, |who| who.change_users(|users, may| users.set(id, may)))
}

pub(super) fn setgid(call: &mut Call<'_>) -> Answer {
    let id = call.uint(0);
    change(call, |who| who.change_groups(|groups, may| groups.set(id, may)))
}

pub(super) fn setreuid(call: &mut Call<'_>) -> Answer {
    let (real, effective) = (call.uint(0), call.uint(1));
    change(call, |who| {
        who.change_users(|users, may| users.set_two(real, effective, may))
    })
}

pub(super) fn setregid(call: &mut Call<'_>) -> Answer {
    let (real, effective) = (call.uint(0), call.uint(1));
    change(call, |who| {
        who.change_groups(|groups, may| groups.set_two(real, effective, may))
    })
}

pub(super) fn setresuid(call: &mut Call<'_>) -> Answer {
    let ids = [call.uint(0), call.uint(1), call.uint(2)];
    change(call, |who| {
        who.change_users(|users, may| users.set_three(ids, may))
    })
}

pub(super) fn setresgid(call: &mut Call<'_>) -> Answer {
    let ids = [call.uint(0), call.uint(1), call.uint(2)];
    change(call, |who| {
        who.change_groups(|groups, may| groups.set_three(ids, may))
    })
}

/// Answers the user that was, whether it was changed or not.
pub(super) fn setfsuid(call: &mut Call<'_>) -> Answer {
    let old = call.process().credentials.lock().users.filesystem;
    let id = call.uint(0);
    change(call, |who| {
        who.set_filesystem_user(id);
        Ok(())
    })?;
    Ok(old.into())
}

/// As [`setfsuid`].
pub(super) fn setfsgid(call: &mut Call<'_>) -> Answer {
    let old = call.process().credentials.lock().groups.filesystem;
    let id = call.uint(0);
    change(call, |who| {
        who.change_groups(|groups, may| {
            groups.set_filesystem(id, may);
            Ok(())
        })
    })?;
    Ok(old.into())
}

/// Changes the process's credentials, and tells the address space.
pub(super) fn change(call: &Call<'_>, change: impl FnOnce(&mut Credentials) -> Result<(), Errno>) -> Answer {
    call.process().change_credentials(change).map(|()| 0)
}

pub(super) fn getgroups(call: &mut Call<'_>) -> Answer {
    let room = usize::try_from(call.int(0)).map_err(|_| Errno::EINVAL)?;
    call.may_keep()?;
    let groups = call.process().credentials.lock().supplementary.clone();
    if room != 0 {
        if groups.len() > room {
            return Err(Errno::EINVAL);
        }
        let list: UserPtr<u32> = call.pointer(1);
        for (index, group) in groups.iter().enumerate() {
            list.element(index as u64).write(group)?;
        }
    }
    Ok(groups.len() as u64)
}

pub(super) fn setgroups(call: &mut Call<'_>) -> Answer {
    // Who may not is told so before anything is read.
    if !call.process().credentials.lock().has(CAP_SETGID) {
        return Err(Errno::EPERM);
    }
    let count = call.uint(0);
    if count > MOST_GROUPS {
        return Err(Errno::EINVAL);
    }
    call.may_keep()?;
    let list: UserPtr<u32> = call.pointer(1);
    let mut groups = Vec::new();
    groups
        .try_reserve_exact(count as usize)
        .map_err(|_| Errno::ENOMEM)?;
    for index in 0..count.into() {
        groups.push(list.element(index).read()?);
    }
    change(call, |who| who.set_supplementary(groups))
}

pub(super) fn capget(call: &mut Call<'_>) -> Answer {
    let data: Option<UserPtr<CapabilityData>> = call.pointer(1).non_null();
    let (count, data) = match (words(call), data) {
        (Ok(count), Some(data)) => (count, data),
        // Asking for the version that the kernel has.
        (Ok(_) | Err(Errno::EINVAL), None) => return Ok(0),
        (Err(errno), _) => return Err(errno),
    };
    let id = u32::try_from(target(call)?).map_err(|_| Errno::EINVAL)?;
    let sets = if id == 0 || id == call.thread.id {
        call.process().credentials.lock().sets
    } else {
        let thread = process::find_thread(id).ok_or(Errno::ESRCH)?;
        thread.process.credentials.lock().sets
    };
    for index in 0..count {
        let part = |set: u64| (set >> (32 * index)) as u32;
        let word = [sets.effective, sets.permitted, sets.inheritable].map(part);
        data.element(index).write(&word)?;
    }
    Ok(0)
}

pub(super) fn capset(call: &mut Call<'_>) -> Answer {
    let count = words(call)?;
    let id = target(call)?;
    if id != 0 && id != call.thread.id as i32 {
        return Err(Errno::EPERM);
    }
    let data: UserPtr<CapabilityData> = call.pointer(1);
    let mut sets = [0; 3];
    for index in 0..count {
        for (set, part) in sets.iter_mut().zip(data.element(index).read()?) {
            *set |= u64::from(part) << (32 * index);
        }
    }
    let [effective, permitted, inheritable] = sets;
    change(call, |who| who.sets.set(effective, permitted, inheritable))
}

/// How many words of 32 capabilities the version in the header has; a version that there isn't is replaced by the newest.
///
/// # Errors
/// `EINVAL` for such a version, `EFAULT`.
fn words(call: &Call<'_>) -> Result<u64, Errno> {
    let version: UserPtr<u32> = call.pointer(0);
    match version.read()? {
        _LINUX_CAPABILITY_VERSION_1 => Ok(1),
        _LINUX_CAPABILITY_VERSION_2 | _LINUX_CAPABILITY_VERSION_3 => Ok(2),
        _ => {
            version.write(&_LINUX_CAPABILITY_VERSION_3)?;
            Err(Errno::EINVAL)
        }
    }
}

/// Whose capabilities the header names; 0 for one's own.
fn target(call: &Call<'_>) -> Result<i32, Errno> {
    call.pointer::<i32>(0).element(1).read()
}
