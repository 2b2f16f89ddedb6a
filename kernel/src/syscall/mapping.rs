//! Calls on the address space: all the deciding is in `mm`.

use linux_raw_sys::general::{MAP_ANONYMOUS, MAP_HUGETLB, O_PATH};
use mm::{Backing, Errno, MapRequest, PAGE_SIZE};

use super::{Answer, Call};
use crate::memory::Machine;
use crate::process::user;

/// How many pages `mincore` is asked about under one hold of the address space's lock.
const MINCORE_BATCH: usize = 512;

pub(super) fn brk(call: &mut Call<'_>) -> Answer {
    Ok(call.process().space.lock().brk(call.arg(0)))
}

pub(super) fn mmap(call: &mut Call<'_>) -> Answer {
    let (flags, offset) = (call.arg(3), call.arg(5));
    if !offset.is_multiple_of(PAGE_SIZE) {
        return Err(Errno::EINVAL);
    }
    match flags as u32 & (MAP_ANONYMOUS | MAP_HUGETLB) {
        MAP_ANONYMOUS => map(call, Backing::Anonymous),
        _ => map_other(call, flags, offset),
    }
}

/// `mmap` of anything but anonymous memory.
#[inline(never)]
fn map_other(call: &mut Call<'_>, flags: u64, offset: u64) -> Answer {
    let backing = match flags as u32 & MAP_ANONYMOUS {
        0 => file_backing(call, offset)?,
        _ => Backing::HugePages { offset },
    };
    map(call, backing)
}

/// `mmap` of whatever it is of.
#[inline(always)]
fn map(call: &mut Call<'_>, backing: Backing<Machine>) -> Answer {
    let [addr, len, prot, flags] = core::array::from_fn(|index| call.arg(index));
    let request = MapRequest {
        addr,
        len,
        prot,
        flags,
        backing,
    };
    let address = call.process().space.lock().mmap(request)?;
    Ok(address.get())
}

/// The file that argument 4 names, as something to map.
fn file_backing(call: &Call<'_>, offset: u64) -> Result<Backing<Machine>, Errno> {
    call.may_keep()?;
    let open = call.process().files.lock().get(call.int(4))?.clone();
    if open.flags() & O_PATH != 0 {
        return Err(Errno::EBADF);
    }
    if !open.is_readable() {
        return Ok(Backing::Refused(Errno::EACCES));
    }
    Ok(match open.file.object() {
        Ok(object) => Backing::Object {
            object,
            offset,
            writable: open.is_writable(),
        },
        Err(errno) => Backing::Refused(errno),
    })
}

pub(super) fn munmap(call: &mut Call<'_>) -> Answer {
    call.process()
        .space
        .lock()
        .munmap(call.arg(0), call.arg(1))
        .map(|()| 0)
}

// In the function of the table of calls: one frame less on a path that is measured.
#[inline(always)]
pub(super) fn mprotect(call: &mut Call<'_>) -> Answer {
    call.process()
        .space
        .lock()
        .mprotect(call.arg(0), call.arg(1), call.arg(2))
        .map(|()| 0)
}

pub(super) fn mremap(call: &mut Call<'_>) -> Answer {
    let [old, old_len, new_len, flags, new] = core::array::from_fn(|index| call.arg(index));
    let address = call
        .process()
        .space
        .lock()
        .mremap(old, old_len, new_len, flags, new)?;
    Ok(address.get())
}

pub(super) fn remap_file_pages(call: &mut Call<'_>) -> Answer {
    let [start, len, prot, page, flags] = core::array::from_fn(|index| call.arg(index));
    let mut space = call.process().space.lock();
    space.remap_file_pages(start, len, prot, page, flags).map(|()| 0)
}

pub(super) fn mincore(call: &mut Call<'_>) -> Answer {
    let (addr, answer) = (call.arg(0), call.arg(2));
    let pages = call.process().space.lock().mincore_pages(addr, call.arg(1))?;
    user::check_range(answer, pages)?;
    let mut batch = [0; MINCORE_BATCH];
    let mut done = 0;
    while done < pages {
        let room = (pages - done).min(MINCORE_BATCH as u64);
        let batch = &mut batch[..room as usize];
        let count = call
            .process()
            .space
            .lock()
            .mincore(addr + done * PAGE_SIZE, batch)?;
        user::copy_out(answer + done, &batch[..count])?;
        done += count as u64;
    }
    Ok(0)
}
