//! `prctl`: a process's many small properties.

use linux_raw_sys::prctl::{
    PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, PR_CAP_AMBIENT_IS_SET, PR_CAP_AMBIENT_LOWER,
    PR_CAP_AMBIENT_RAISE, PR_CAPBSET_DROP, PR_CAPBSET_READ, PR_GET_DUMPABLE, PR_GET_KEEPCAPS, PR_GET_NAME,
    PR_GET_NO_NEW_PRIVS, PR_GET_SECUREBITS, PR_GET_THP_DISABLE, PR_SET_DUMPABLE, PR_SET_KEEPCAPS,
    PR_SET_NAME, PR_SET_NO_NEW_PRIVS, PR_SET_SECUREBITS, PR_SET_THP_DISABLE,
};
use mm::{Errno, HugePages};

use super::credentials::change;
use super::{Answer, Call};
use crate::process::credentials::{AmbientChange, checked, flag};
use crate::process::thread::{NAME_SIZE, shortened};
use crate::process::user::UserPtr;

/// A flag of `PR_SET_THP_DISABLE`, since Linux 6.18: not where `MADV_HUGEPAGE` asked for them.
const PR_THP_DISABLE_EXCEPT_ADVISED: u64 = 2;

pub(super) fn prctl(call: &mut Call<'_>) -> Answer {
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
            zero_from(call, 3)?;
            let policy = match (call.arg(1) != 0, call.arg(2)) {
                (false, 0) => HugePages::Allowed,
                (true, 0) => HugePages::Off,
                (true, PR_THP_DISABLE_EXCEPT_ADVISED) => HugePages::OnlyAdvised,
                _ => return Err(Errno::EINVAL),
            };
            call.process().space.lock().set_huge_page_policy(policy);
            Ok(0)
        }
        PR_GET_THP_DISABLE => {
            zero_from(call, 1)?;
            Ok(match call.process().space.lock().huge_page_policy() {
                HugePages::Allowed => 0,
                HugePages::OnlyAdvised => 1 | PR_THP_DISABLE_EXCEPT_ADVISED,
                HugePages::Off => 1,
            })
        }
        _ => of_credentials(call),
    }
}

/// What concerns who the process is and what it may do.
fn of_credentials(call: &Call<'_>) -> Answer {
    let value = call.arg(1);
    let who = || call.process().credentials.lock();
    match call.uint(0) {
        PR_GET_DUMPABLE => Ok((!who().undumpable).into()),
        PR_SET_DUMPABLE if value > 1 => Err(Errno::EINVAL),
        PR_SET_DUMPABLE => change(call, |who| {
            who.undumpable = value == 0;
            Ok(())
        }),
        PR_GET_KEEPCAPS => Ok(who().sets.keeps().into()),
        PR_SET_KEEPCAPS => change(call, |who| who.sets.set_keeps(value)),
        PR_CAPBSET_READ => Ok((who().sets.bounding & flag(checked(value)?) != 0).into()),
        PR_CAPBSET_DROP => change(call, |who| who.sets.drop_bounding(value)),
        PR_GET_SECUREBITS => Ok(who().sets.secure_bits.into()),
        PR_SET_SECUREBITS => change(call, |who| who.sets.set_secure_bits(value)),
        PR_CAP_AMBIENT => ambient(call),
        PR_GET_NO_NEW_PRIVS => {
            zero_from(call, 1)?;
            Ok(who().no_new_privileges.into())
        }
        PR_SET_NO_NEW_PRIVS => {
            zero_from(call, 2)?;
            if value != 1 {
                return Err(Errno::EINVAL);
            }
            change(call, |who| {
                who.no_new_privileges = true;
                Ok(())
            })
        }
        _ => Err(Errno::EINVAL),
    }
}

fn ambient(call: &Call<'_>) -> Answer {
    let action = call.arg(1);
    if action == PR_CAP_AMBIENT_CLEAR_ALL.into() {
        zero_from(call, 2)?;
        return change(call, |who| {
            who.sets.ambient = 0;
            Ok(())
        });
    }
    let capability = checked(call.arg(2))?;
    zero_from(call, 3)?;
    match u32::try_from(action).map_err(|_| Errno::EINVAL)? {
        PR_CAP_AMBIENT_IS_SET => {
            let ambient = call.process().credentials.lock().sets.ambient;
            Ok((ambient & flag(capability) != 0).into())
        }
        PR_CAP_AMBIENT_RAISE => change(call, |who| {
            who.sets.change_ambient(AmbientChange::Raise, capability)
        }),
        PR_CAP_AMBIENT_LOWER => change(call, |who| {
            who.sets.change_ambient(AmbientChange::Lower, capability)
        }),
        _ => Err(Errno::EINVAL),
    }
}

/// # Errors
/// `EINVAL` unless the arguments from `first` to the fifth are zero.
fn zero_from(call: &Call<'_>, first: usize) -> Result<(), Errno> {
    if (first..=4).all(|index| call.arg(index) == 0) {
        Ok(())
    } else {
        Err(Errno::EINVAL)
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
