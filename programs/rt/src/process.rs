//! The process: its end, its identity, the machine that it runs on.

use crate::Errno;
use crate::linux::general::SIGABRT;
use crate::linux::system::{new_utsname, sysinfo};

/// Ends the process.
pub fn exit(status: u8) -> ! {
    loop {
        // SAFETY: does not return.
        unsafe { crate::syscall!(__NR_exit_group, status) }.ok();
    }
}

/// Ends the process by SIGABRT, so that whoever waits sees 134.
pub fn abort() -> ! {
    // SAFETY: these calls touch no memory.
    unsafe {
        if let (Ok(process), Ok(thread)) = (crate::syscall!(__NR_getpid), crate::syscall!(__NR_gettid)) {
            crate::syscall!(__NR_tgkill, process, thread, SIGABRT).ok();
        }
    }
    exit(128 + SIGABRT as u8)
}

/// Memory of the machine in bytes, `sysinfo(2)`.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// All that the kernel uses.
    pub total: u64,
    /// What is free.
    pub free: u64,
}

/// Asks how much memory the machine has.
pub fn memory() -> Result<Memory, Errno> {
    // SAFETY: the structure is plain numbers, for which zero is a value.
    let mut info: sysinfo = unsafe { core::mem::zeroed() };
    // SAFETY: the kernel writes the structure.
    unsafe { crate::syscall!(__NR_sysinfo, &raw mut info) }?;
    let unit = u64::from(info.mem_unit.max(1));
    Ok(Memory {
        total: info.totalram * unit,
        free: info.freeram * unit,
    })
}

/// The system's name and release, `uname(2)`.
pub struct System(new_utsname);

impl System {
    /// Asks the kernel.
    pub fn ask() -> Result<System, Errno> {
        // SAFETY: the structure is plain bytes, for which zero is a value.
        let mut name: new_utsname = unsafe { core::mem::zeroed() };
        // SAFETY: the kernel writes the structure.
        unsafe { crate::syscall!(__NR_uname, &raw mut name) }?;
        Ok(System(name))
    }

    /// The kernel's name: `Linux`, and Inarch says the same to be taken for it.
    pub fn name(&self) -> &str {
        text(&self.0.sysname)
    }

    /// The kernel's release.
    pub fn release(&self) -> &str {
        text(&self.0.release)
    }

    /// The kernel's version: how it was built, where Inarch gives its own name.
    pub fn version(&self) -> &str {
        text(&self.0.version)
    }
}

/// The text before the first NUL.
fn text(bytes: &[core::ffi::c_char]) -> &str {
    // SAFETY: `c_char` is a byte under another name.
    let bytes = unsafe { core::slice::from_raw_parts(bytes.as_ptr().cast::<u8>(), bytes.len()) };
    let length = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    core::str::from_utf8(&bytes[..length]).unwrap_or("?")
}
