//! What a script can change of the process: who it is, its limits, how many mappings it may have.

use rt::file::File;
use rt::linux::general::*;
use rt::linux::prctl::PR_SET_THP_DISABLE;
use rt::{Errno, PAGE, syscall};

use crate::lines::Lines;
use crate::maps;
use crate::options::Options;

/// What a script has changed of the process, and what is to be put back after it.
#[derive(Default)]
pub(crate) struct Process {
    /// Whether it is root no more.
    changed_identity: bool,
    /// `RLIMIT_AS` and `RLIMIT_DATA`, where they are not what they were.
    limits: [Option<u64>; 2],
    /// Whether any limit is not what it was.
    changed_limits: bool,
    /// How many mappings may be, before this was changed.
    max_map_count: Option<u64>,
    /// Whether huge pages are allowed.
    huge: bool,
    /// `RLIMIT_MEMLOCK` of every script.
    locked: u64,
}

/// The user that a script becomes.
const USER: usize = 1000;
/// "Leave it as it is."
const SAME: usize = usize::MAX;
/// Where the limit on the number of mappings stands.
const MAX_MAP_COUNT: &core::ffi::CStr = c"/proc/sys/vm/max_map_count";
/// Limits that scripts change.
const RESOURCES: [u32; 3] = [RLIMIT_DATA, RLIMIT_MEMLOCK, RLIMIT_AS];

impl Process {
    /// What all scripts find: no huge pages, a stack that ends somewhere, no other limits.
    ///
    /// # Errors
    /// What the calls say.
    pub(crate) fn new(options: &Options<'_>) -> Result<Process, Errno> {
        let process = Process {
            locked: options.locked_limit(),
            ..Process::default()
        };
        process.set_huge(false);
        set_limit(RLIMIT_STACK, 8 << 20)?;
        process.lift_limits()?;
        Ok(process)
    }

    fn lift_limits(&self) -> Result<(), Errno> {
        for resource in RESOURCES {
            let is_locked = resource == RLIMIT_MEMLOCK;
            set_limit(resource, if is_locked { self.locked } else { u64::MAX })?;
        }
        Ok(())
    }

    /// Puts everything back.
    ///
    /// # Errors
    /// What the calls say.
    pub(crate) fn reset(&mut self) -> Result<(), Errno> {
        if core::mem::take(&mut self.changed_identity) {
            set_identity(0)?;
        }
        if let Some(before) = self.max_map_count.take() {
            write_max_map_count(before)?;
        }
        self.limits = [None; 2];
        if core::mem::take(&mut self.changed_limits) {
            self.lift_limits()?;
        }
        if core::mem::take(&mut self.huge) {
            self.set_huge(false);
        }
        Ok(())
    }

    /// Allows huge pages.
    pub(crate) fn allow_huge(&mut self) {
        self.huge = true;
        self.set_huge(true);
    }

    fn set_huge(&self, allowed: bool) {
        // SAFETY: sets a flag of the process.
        unsafe { syscall!(__NR_prctl, PR_SET_THP_DISABLE, !allowed, 0, 0, 0) }.ok();
    }

    /// Goes on as root (0), as a user (1), or as root without capabilities (2). What it was can be had back.
    ///
    /// # Errors
    /// What the calls say.
    pub(crate) fn become_who(&mut self, who: u64) -> Result<u64, Errno> {
        self.changed_identity = true;
        set_identity(0)?;
        match who {
            0 => Ok(0),
            1 => set_identity(USER).map(|()| 0),
            _ => drop_capabilities().map(|()| 0),
        }
    }

    /// Limits a resource to what is in use and `pages` more; locked memory to `pages`.
    ///
    /// # Errors
    /// What the calls say.
    pub(crate) fn limit(&mut self, resource: u64, pages: u64) -> Result<u64, Errno> {
        self.changed_limits = true;
        let resource = resource as u32;
        let bytes = used(resource)?.saturating_add(pages.saturating_mul(PAGE as u64));
        match resource {
            RLIMIT_AS => self.limits[0] = Some(bytes),
            RLIMIT_DATA => self.limits[1] = Some(bytes),
            _ => {}
        }
        set_limit(resource, bytes).map(|()| 0)
    }

    /// Whether so many bytes more are too many for a limit that the script has set.
    ///
    /// # Errors
    /// What the calls say that look.
    pub(crate) fn is_limited(&self, more: u64) -> Result<bool, Errno> {
        for (limit, resource) in self.limits.into_iter().zip([RLIMIT_AS, RLIMIT_DATA]) {
            if let Some(limit) = limit
                && used(resource)?.saturating_add(more) > limit
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// How many mappings there may still be, if the script has said how many.
    ///
    /// # Errors
    /// What the file's calls say.
    pub(crate) fn room(&self) -> Result<Option<u64>, Errno> {
        match self.max_map_count {
            None => Ok(None),
            Some(_) => Ok(Some(read_max_map_count()?.saturating_sub(count()?))),
        }
    }

    /// Allows `more` mappings than there are.
    ///
    /// # Errors
    /// What the file's calls say.
    pub(crate) fn leave_room(&mut self, more: u64) -> Result<u64, Errno> {
        let before = read_max_map_count()?;
        let now = count()?;
        write_max_map_count(now + more)?;
        self.max_map_count.get_or_insert(before);
        Ok(0)
    }
}

/// Bytes of a resource that are in use, where scripts have limits relative to that.
fn used(resource: u32) -> Result<u64, Errno> {
    let bytes = match resource {
        RLIMIT_AS => size("VmSize:")?,
        RLIMIT_DATA => size("VmData:")?,
        _ => 0,
    };
    Ok(bytes)
}

/// A size of the process's, of which a line of `/proc/self/status` tells. What counts for a limit can't be told from the mappings: of data
/// those that grow downwards don't, and what a script has sealed is still there in the next.
fn size(name: &str) -> Result<u64, Errno> {
    let mut lines = Lines::open(c"/proc/self/status")?;
    while let Some(line) = lines.next()? {
        if let Some(size) = line.strip_prefix(name) {
            let size: Option<u64> = size.trim().trim_end_matches(" kB").parse().ok();
            return Ok(size.ok_or(Errno::EINVAL)? << 10);
        }
    }
    Err(Errno::ENOENT)
}

/// How many mappings there are.
fn count() -> Result<u64, Errno> {
    let mut mappings = 0;
    maps::each::<Errno>(u64::MAX, |_| {
        mappings += 1;
        Ok(())
    })?;
    Ok(mappings)
}

/// How many mappings there may be.
///
/// # Errors
/// What the file's calls say.
fn read_max_map_count() -> Result<u64, Errno> {
    let mut text = [0; 32];
    let text = File::open(MAX_MAP_COUNT)?.read_into(&mut text)?;
    let text = core::str::from_utf8(text).unwrap_or("").trim();
    text.parse().map_err(|_| Errno::EINVAL)
}

fn write_max_map_count(count: u64) -> Result<(), Errno> {
    use core::fmt::Write;
    let file = File::open_with(MAX_MAP_COUNT, O_WRONLY)?;
    let mut text = Digits::default();
    writeln!(text, "{count}").map_err(|_| Errno::EINVAL)?;
    rt::file::write_all(file.fd(), &text.bytes[..text.used])
}

/// Sets when the system makes huge pages, where it lets itself be told.
pub(crate) fn settle_huge_pages() {
    let settings = [
        (c"/sys/kernel/mm/transparent_hugepage/enabled", "madvise"),
        // Where the background makes one nevertheless, no page comes in by that.
        (
            c"/sys/kernel/mm/transparent_hugepage/khugepaged/max_ptes_none",
            "0",
        ),
        (
            c"/sys/kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs",
            "4294967295",
        ),
    ];
    for (path, value) in settings {
        if let Ok(file) = File::open_with(path, O_WRONLY) {
            rt::file::write_all(file.fd(), value.as_bytes()).ok();
        }
    }
}

/// Room for a number's text.
#[derive(Default)]
struct Digits {
    bytes: [u8; 24],
    used: usize,
}

impl core::fmt::Write for Digits {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        let end = self.used + text.len();
        let room = self.bytes.get_mut(self.used..end).ok_or(core::fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.used = end;
        Ok(())
    }
}

/// Sets the soft limit, and leaves the hard one as high as it can be.
fn set_limit(resource: u32, bytes: u64) -> Result<(), Errno> {
    let mut limit = rlimit64 {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the kernel writes one structure of plain numbers, and reads one.
    unsafe {
        syscall!(__NR_prlimit64, 0, resource, 0, &raw mut limit)?;
        let unlimited = rlimit64 {
            rlim_cur: bytes,
            rlim_max: u64::MAX,
        };
        if syscall!(__NR_prlimit64, 0, resource, &raw const unlimited, 0).is_ok() {
            return Ok(());
        }
        limit.rlim_cur = bytes.min(limit.rlim_max);
        syscall!(__NR_prlimit64, 0, resource, &raw const limit, 0).map(drop)
    }
}

/// Changes the effective user, and with it what capabilities are in force (capabilities(7)). Without the call one is root
/// already.
fn set_identity(user: usize) -> Result<(), Errno> {
    // SAFETY: no memory is involved.
    match unsafe { syscall!(__NR_setresuid, SAME, user, SAME) } {
        Err(Errno::ENOSYS) if user == 0 => return Ok(()),
        answer => answer?,
    };
    match user {
        0 => set_capabilities(None),
        _ => Ok(()),
    }
}

fn drop_capabilities() -> Result<(), Errno> {
    set_capabilities(Some([0; 2]))
}

/// Puts these capabilities in force, or all that may be.
fn set_capabilities(effective: Option<[u32; 2]>) -> Result<(), Errno> {
    #[repr(C)]
    struct Header {
        version: u32,
        pid: i32,
    }
    #[repr(C)]
    #[derive(Clone, Copy, Default)]
    struct Data {
        effective: u32,
        permitted: u32,
        inheritable: u32,
    }
    let mut header = Header {
        version: _LINUX_CAPABILITY_VERSION_3,
        pid: 0,
    };
    let mut data = [Data::default(); 2];
    // SAFETY: structures of plain numbers, as capset(2) has them for version 3.
    unsafe {
        syscall!(__NR_capget, &raw mut header, data.as_mut_ptr())?;
        for (index, part) in data.iter_mut().enumerate() {
            part.effective = effective.map_or(part.permitted, |effective| effective[index]);
        }
        syscall!(__NR_capset, &raw mut header, data.as_ptr()).map(drop)
    }
}
