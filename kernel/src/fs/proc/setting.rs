//! `/proc/sys` and what is like it in `/sys`: numbers and names of the kernel's, some of which root can change (`proc_sys(5)`).

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use linux_raw_sys::general::CAP_SYS_RAWIO;
use mm::{Errno, HugePageMode};

use super::text::{self, Text};
use super::{Content, Named};
use crate::fs::file::File;
use crate::fs::status::Status;
use crate::process;
use crate::process::abi::{HOST_NAME, RELEASE, VERSION};
use crate::process::credentials::{Access, MOST_GROUPS};
use crate::process::settings::{self, Settings};
use crate::sync::Mutex;

/// The largest C `int`, which most settings are.
const INT_MAX: u64 = i32::MAX as u64;
/// The most that is taken in by one write.
const LONGEST: usize = 64;

/// What a file of `/proc/sys` has in it.
#[derive(Clone, Copy)]
pub(super) enum Setting {
    /// A text that stays as it is.
    Text(&'static str),
    /// A number that stays as it is.
    Number(u64),
    /// One of the settings of memory, and the most that it can be set to.
    Memory(fn(&mut Settings) -> &mut u64, u64),
    /// `mmap_min_addr`, which needs a capability besides.
    LowestAddress,
    /// `overcommit_ratio` and `overcommit_kbytes`: to set one makes the other zero.
    Ratio,
    /// See `Ratio`.
    Kilobytes,
    /// Which memory may be huge: one of three words, with brackets around the one in force.
    HugePages,
}

/// The words of `transparent_hugepage/enabled`.
const MODES: [(&str, HugePageMode); 3] = [
    ("always", HugePageMode::Always),
    ("madvise", HugePageMode::Madvise),
    ("never", HugePageMode::Never),
];

/// The files of `/proc/sys/vm`.
pub(super) const VM: &[Named] = &[
    writable(
        "admin_reserve_kbytes",
        Setting::Memory(|all| &mut all.admin_reserve_kbytes, u64::MAX >> 1),
    ),
    fixed("legacy_va_layout", Setting::Number(0)),
    writable(
        "max_map_count",
        Setting::Memory(|all| &mut all.max_map_count, INT_MAX),
    ),
    writable("mmap_min_addr", Setting::LowestAddress),
    fixed("nr_hugepages", Setting::Number(0)),
    writable("overcommit_kbytes", Setting::Kilobytes),
    writable(
        "overcommit_memory",
        Setting::Memory(|all| &mut all.overcommit_memory, 2),
    ),
    writable("overcommit_ratio", Setting::Ratio),
    fixed("page-cluster", Setting::Number(3)),
    fixed("swappiness", Setting::Number(60)),
    fixed("unprivileged_userfaultfd", Setting::Number(0)),
    writable(
        "user_reserve_kbytes",
        Setting::Memory(|all| &mut all.user_reserve_kbytes, u64::MAX >> 1),
    ),
];

/// The files of `/proc/sys/kernel`.
pub(super) const KERNEL: &[Named] = &[
    fixed(
        "cap_last_cap",
        Setting::Number(linux_raw_sys::general::CAP_LAST_CAP as u64),
    ),
    fixed("core_pattern", Setting::Text("core")),
    fixed("domainname", Setting::Text("(none)")),
    fixed("hostname", Setting::Text(HOST_NAME)),
    fixed("kptr_restrict", Setting::Number(0)),
    fixed("ngroups_max", Setting::Number(MOST_GROUPS as u64)),
    fixed("osrelease", Setting::Text(RELEASE)),
    fixed("ostype", Setting::Text("Linux")),
    fixed("overflowgid", Setting::Number(65_534)),
    fixed("overflowuid", Setting::Number(65_534)),
    fixed("perf_event_paranoid", Setting::Number(3)),
    fixed("pid_max", Setting::Number(32_768)),
    // The layout is the same every time.
    fixed("randomize_va_space", Setting::Number(0)),
    fixed("threads-max", Setting::Number(32_768)),
    fixed("version", Setting::Text(VERSION)),
];

const fn writable(name: &'static str, setting: Setting) -> Named {
    (name, 0o644, Content::Setting(setting))
}

const fn fixed(name: &'static str, setting: Setting) -> Named {
    (name, 0o444, Content::Setting(setting))
}

impl Setting {
    fn add_to(self, text: &mut Text) {
        let mut all = settings::current();
        let number = match self {
            Self::Text(fixed) => return text.add(format_args!("{fixed}\n")),
            Self::Number(number) => number,
            Self::Memory(place, _) => *place(&mut all),
            Self::LowestAddress => all.mmap_min_addr,
            Self::Ratio => all.overcommit_ratio,
            Self::Kilobytes => all.overcommit_kbytes,
            Self::HugePages => {
                for (index, (word, mode)) in MODES.iter().enumerate() {
                    let space = if index == 0 { "" } else { " " };
                    match *mode == all.huge_pages {
                        true => text.add(format_args!("{space}[{word}]")),
                        false => text.add(format_args!("{space}{word}")),
                    }
                }
                return text.add_bytes(b"\n");
            }
        };
        text.add(format_args!("{number}\n"));
    }

    /// Takes in what is written; answers how much of it.
    ///
    /// # Errors
    /// `EINVAL` for what can't be, `EPERM` where a capability is missing.
    fn write(self, bytes: &[u8]) -> Result<usize, Errno> {
        if let Self::HugePages = self {
            // As Linux's sysfs_streq: with a newline or without.
            let word = bytes.strip_suffix(b"\n").unwrap_or(bytes);
            let found = MODES.iter().find(|(name, _)| name.as_bytes() == word);
            let (_, mode) = found.ok_or(Errno::EINVAL)?;
            settings::change(|all| all.huge_pages = *mode);
            return Ok(bytes.len());
        }
        let (number, taken) = number_in(bytes)?;
        self.set(number)?;
        Ok(taken)
    }

    /// # Errors
    /// `EINVAL` for a number that can't be, `EPERM` where a capability is missing.
    fn set(self, number: u64) -> Result<(), Errno> {
        let most = match self {
            Self::Memory(_, most) => most,
            Self::LowestAddress => u64::MAX,
            _ => INT_MAX,
        };
        if number > most {
            return Err(Errno::EINVAL);
        }
        if let Self::LowestAddress = self
            && !process::current().process.credentials.lock().has(CAP_SYS_RAWIO)
        {
            return Err(Errno::EPERM);
        }
        settings::change(|all| match self {
            Self::Memory(place, _) => *place(all) = number,
            Self::LowestAddress => all.mmap_min_addr = number,
            Self::Ratio => (all.overcommit_ratio, all.overcommit_kbytes) = (number, 0),
            Self::Kilobytes => (all.overcommit_ratio, all.overcommit_kbytes) = (0, number),
            Self::Text(_) | Self::Number(_) | Self::HugePages => {}
        });
        Ok(())
    }
}

/// An open file of `/proc/sys`.
pub(super) struct SettingFile {
    setting: Setting,
    path: String,
    status: Status,
    text: Mutex<Vec<u8>>,
}

impl SettingFile {
    pub(super) fn new(setting: Setting, path: String, status: Status) -> Arc<Self> {
        let text = Mutex::new(Vec::new());
        Arc::new(Self {
            setting,
            path,
            status,
            text,
        })
    }
}

impl File for SettingFile {
    fn status(&self) -> Status {
        self.status
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Errno> {
        if offset == 0 {
            let text = text::make(|text| self.setting.add_to(text))?;
            *self.text.lock() = text;
        }
        let text = self.text.lock();
        let rest = text.get(offset as usize..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    /// Takes in a number, or a word. A write that doesn't begin at the start is done without doing anything (`kernel.sysctl_writes_strict`).
    fn write(&self, offset: u64, bytes: &[u8]) -> Result<usize, Errno> {
        let who = process::current().process.credentials.lock().clone();
        if !who.may_setting(Access::WRITE, self.status.mode) {
            return Err(Errno::EPERM);
        }
        if offset != 0 || bytes.is_empty() {
            return Ok(bytes.len());
        }
        self.setting.write(bytes)
    }

    fn path(&self) -> &[u8] {
        self.path.as_bytes()
    }
}

/// The first number in `bytes`, decimal, or as in C with `0x` or `0` before it, and how many bytes it and the white space around it take.
///
/// # Errors
/// `EINVAL` where there is none.
fn number_in(bytes: &[u8]) -> Result<(u64, usize), Errno> {
    let text = core::str::from_utf8(&bytes[..bytes.len().min(LONGEST)]).map_err(|_| Errno::EINVAL)?;
    let word = text.split_ascii_whitespace().next().ok_or(Errno::EINVAL)?;
    let word = word.trim_end_matches('\0');
    let (digits, base) = match word.strip_prefix("0x").or(word.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None if word.len() > 1 && word.starts_with('0') => (&word[1..], 8),
        None => (word, 10),
    };
    // A sign is none of the digits, as no setting can be negative.
    if !digits.starts_with(|first: char| first.is_digit(base)) {
        return Err(Errno::EINVAL);
    }
    let number = u64::from_str_radix(digits, base).map_err(|_| Errno::EINVAL)?;
    let (_, rest) = text.split_once(word).ok_or(Errno::EINVAL)?;
    Ok((number, text.len() - rest.trim_ascii_start().len()))
}
