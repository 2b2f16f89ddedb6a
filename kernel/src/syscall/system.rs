//! The system as a whole.

use linux_raw_sys::general::{GRND_INSECURE, GRND_NONBLOCK, GRND_RANDOM};
use linux_raw_sys::system::new_utsname;
use mm::{Errno, PAGE_SIZE};

use super::{Answer, Call};
use crate::memory;
use crate::process::abi::{HOST_NAME, RELEASE, SystemInfo, VERSION};
use crate::process::clock::{SECOND, clock};
use crate::process::random;
use crate::process::user::{self, Plain};

pub(super) fn uname(call: &mut Call<'_>) -> Answer {
    let mut names = new_utsname::zeroed();
    fill(&mut names.sysname, "Linux");
    fill(&mut names.nodename, HOST_NAME);
    fill(&mut names.release, RELEASE);
    fill(&mut names.version, VERSION);
    fill(&mut names.machine, "aarch64");
    fill(&mut names.domainname, "(none)");
    call.pointer(0).write(&names).map(|()| 0)
}

fn fill(field: &mut [core::ffi::c_char], text: &str) {
    for (place, byte) in field.iter_mut().zip(text.bytes()) {
        *place = byte as core::ffi::c_char;
    }
}

pub(super) fn sysinfo(call: &mut Call<'_>) -> Answer {
    let mut info = SystemInfo::zeroed();
    info.uptime = clock().since_boot() / SECOND;
    info.total = memory::total_frames() as u64 * PAGE_SIZE;
    info.free = memory::free_frames() as u64 * PAGE_SIZE;
    info.processes[0] = 1;
    info.unit[0] = 1;
    call.pointer(0).write(&info).map(|()| 0)
}

pub(super) fn getrandom(call: &mut Call<'_>) -> Answer {
    let (address, flags) = (call.arg(0), call.uint(2));
    if flags & !(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE) != 0
        || flags & (GRND_RANDOM | GRND_INSECURE) == GRND_RANDOM | GRND_INSECURE
    {
        return Err(Errno::EINVAL);
    }
    let len = call.arg(1).min(i32::MAX as u64);
    user::check_range(address, len)?;
    let mut bytes = [0; 256];
    let mut done = 0;
    while done < len {
        let room = user::to_page_end(address + done);
        let count = (len - done).min(room).min(bytes.len() as u64);
        let bytes = &mut bytes[..count as usize];
        random::fill(bytes);
        match user::copy_out(address + done, bytes) {
            Err(errno) if done == 0 => return Err(errno),
            Err(_) => break,
            Ok(()) => done += count,
        }
    }
    Ok(done)
}
