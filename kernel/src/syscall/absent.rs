//! Calls about what this machine does not have: protection keys, and more than one node of memory.

use core::sync::atomic::Ordering;

use mm::Errno;

use super::{Answer, Call, mapping};

/// What `pkey_alloc` knows how to deny: access, writing, execution, reading.
const DENIALS: u64 = 0xf;

/// Memory policies: as a Linux without `CONFIG_NUMA`, which is how programs find out that there is nothing to place.
pub(super) fn no_policies(_: &mut Call<'_>) -> Answer {
    Err(Errno::ENOSYS)
}

/// No key can be had: Linux's answer on a processor without FEAT_S1POE.
pub(super) fn pkey_alloc(call: &mut Call<'_>) -> Answer {
    if call.arg(0) != 0 || call.arg(1) & !DENIALS != 0 {
        Err(Errno::EINVAL)
    } else {
        Err(Errno::ENOSPC)
    }
}

/// Key 0, which all memory has, can be freed, once.
pub(super) fn pkey_free(call: &mut Call<'_>) -> Answer {
    let key_zero = &call.process().key_zero;
    if call.int(0) == 0 && key_zero.swap(false, Ordering::Relaxed) {
        Ok(0)
    } else {
        Err(Errno::EINVAL)
    }
}

/// With the key -1, or with key 0 while it isn't freed, this is `mprotect`.
pub(super) fn pkey_mprotect(call: &mut Call<'_>) -> Answer {
    let key = call.int(3);
    if key == -1 || (key == 0 && call.process().key_zero.load(Ordering::Relaxed)) {
        return mapping::mprotect(call);
    }
    // What Linux looks at before the key.
    let [address, len, prot] = [call.arg(0), call.arg(1), call.arg(2)];
    if mm::check_protect(address, len, prot)? {
        Err(Errno::EINVAL)
    } else {
        Ok(0)
    }
}
