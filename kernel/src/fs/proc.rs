//! `/proc`: what a program reads about itself (`proc(5)`), and what its address space has cost.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use linux_raw_sys::general::{CAP_SYS_ADMIN, S_IFDIR, S_IFLNK, S_IFREG};
use mm::Errno;

use super::file::File;
use super::status::Status;
use crate::process::credentials::{Access, Credentials};
use crate::process::{self, Process};
use crate::sync::Mutex;

mod counters;
mod folder;
mod listing;
mod machine;
mod maps;
mod memory;
mod pagemap;
mod program;
mod setting;
mod smaps;
mod status;
pub(crate) mod sys;
mod text;

use counters::counters;
use folder::{Names, ProcFolder};
use listing::{Listing, Style};
use pagemap::PageMap;
use setting::{Setting, SettingFile};
use text::Text;

/// The device number of `/proc`.
const DEVICE: (u32, u32) = (0, 3);

/// Makes a file's text, at the moment that it is read.
type MakeText = fn(&Process, &mut Text);

/// What an ordinary file of `/proc` has in it.
#[derive(Clone, Copy)]
enum Content {
    /// Made in one piece.
    Text(MakeText),
    /// Something for each mapping.
    Mappings(Style),
    /// A word for each page.
    PageMap,
    /// Something of the kernel's that root may change.
    Setting(Setting),
}

/// A name in a folder, the file's permissions, and what is in it.
type Named = (&'static str, u32, Content);

/// The files of `/proc/PID`, see `proc_pid(5)`.
const OF_PROCESS: &[Named] = &[
    ("auxv", 0o400, Content::Text(program::auxiliary_vector)),
    ("cmdline", 0o444, Content::Text(program::command_line)),
    ("comm", 0o444, Content::Text(program::command)),
    ("environ", 0o400, Content::Text(program::environment)),
    ("limits", 0o444, Content::Text(program::limits)),
    ("maps", 0o444, Content::Mappings(Style::Maps)),
    ("pagemap", 0o400, Content::PageMap),
    ("smaps", 0o444, Content::Mappings(Style::Smaps)),
    ("smaps_rollup", 0o444, Content::Text(smaps::rollup)),
    ("stat", 0o444, Content::Text(program::stat)),
    ("statm", 0o444, Content::Text(program::statm)),
    ("status", 0o444, Content::Text(status::status)),
];

/// The files of `/proc` itself.
const OF_MACHINE: &[Named] = &[
    ("cpuinfo", 0o444, Content::Text(machine::cpuinfo)),
    ("loadavg", 0o444, Content::Text(machine::loadavg)),
    ("meminfo", 0o444, Content::Text(machine::meminfo)),
    ("uptime", 0o444, Content::Text(machine::uptime)),
    ("version", 0o444, Content::Text(machine::version)),
];

/// The files of the kernel's own.
const OWN: &[Named] = &[
    ("counters", 0o444, Content::Text(counters)),
    ("memory", 0o444, Content::Text(memory::memory)),
];

/// Something in `/proc`.
pub(crate) enum Entry {
    /// A folder.
    Folder { path: String, names: Names },
    /// `self` and `thread-self`, and `exe`.
    Link(Vec<u8>),
    /// An ordinary file.
    File(Node),
}

/// An ordinary file.
pub(crate) struct Node {
    process: Arc<Process>,
    path: String,
    permissions: u32,
    content: Content,
}

/// Finds `path`, canonical and without `/proc/`.
pub(crate) fn lookup(path: &[u8]) -> Option<Entry> {
    let path = core::str::from_utf8(path).ok()?;
    let process = process::scheduler::try_current()?.process.clone();
    let (first, rest) = path.split_once('/').unwrap_or((path, ""));
    match (first, rest) {
        ("", _) => Some(folder_of(
            path,
            OF_MACHINE,
            &[&format!("{}", process.id), "inarch", "self", "sys", "thread-self"],
        )),
        ("inarch", "") => Some(folder_of(path, OWN, &[])),
        ("inarch", name) => file(OWN, name, path, process),
        ("self", "") => Some(Entry::Link(format!("{}", process.id).into_bytes())),
        ("thread-self", "") => {
            let thread = process::current().id;
            Some(Entry::Link(format!("{}/task/{thread}", process.id).into_bytes()))
        }
        ("sys", rest) => of_settings(process, path, rest),
        (name, rest) => match name.parse() {
            Ok(id) => of_process(process::find(id)?, path, rest),
            Err(_) if rest.is_empty() => file(OF_MACHINE, name, path, process),
            Err(_) => None,
        },
    }
}

/// Finds `rest` in `/proc/sys`.
fn of_settings(process: Arc<Process>, path: &str, rest: &str) -> Option<Entry> {
    let (first, name) = rest.split_once('/').unwrap_or((rest, ""));
    let table = match first {
        "" => return Some(folder_of(path, &[], &["kernel", "vm"])),
        "kernel" => setting::KERNEL,
        "vm" => setting::VM,
        _ => return None,
    };
    match name {
        "" => Some(folder_of(path, table, &[])),
        name => file(table, name, path, process),
    }
}

/// Finds `rest` in the folder of `process`.
fn of_process(process: Arc<Process>, path: &str, rest: &str) -> Option<Entry> {
    match rest {
        "" => Some(folder_of(path, OF_PROCESS, &["cwd", "exe", "fd", "root", "task"])),
        "cwd" | "root" => Some(Entry::Link(b"/".to_vec())),
        "exe" => Some(Entry::Link(process.executable.clone())),
        "fd" => Some(folder(path, Names::Descriptors(process))),
        "task" => {
            let threads = process::threads_of(&process);
            let names = threads.iter().map(|id| format!("{id}")).collect();
            Some(folder(path, Names::Listed(names)))
        }
        rest if rest.starts_with("fd/") => {
            let number = rest.strip_prefix("fd/")?.parse().ok()?;
            let open = process.files.lock().get(number).ok()?.clone();
            Some(Entry::Link(open.file.path().to_vec()))
        }
        rest if rest.starts_with("task/") => of_thread(process, path, rest.strip_prefix("task/")?),
        name => file(OF_PROCESS, name, path, process),
    }
}

/// Finds `rest` in the folder of the threads of `process`: a thread's has what the process's has, but for what there is once.
fn of_thread(process: Arc<Process>, path: &str, rest: &str) -> Option<Entry> {
    let (thread, rest) = rest.split_once('/').unwrap_or((rest, ""));
    let known = process::threads_of(&process).contains(&thread.parse().ok()?);
    match rest {
        _ if !known || rest.starts_with("task") => None,
        "" => Some(folder_of(path, OF_PROCESS, &["cwd", "exe", "fd", "root"])),
        rest => of_process(process, path, rest),
    }
}

fn folder(path: &str, names: Names) -> Entry {
    Entry::Folder {
        path: format!("/proc/{path}"),
        names,
    }
}

/// The folder of the files in `table` and whatever else is named.
fn folder_of(path: &str, table: &[Named], more: &[&str]) -> Entry {
    let names = table.iter().map(|(name, ..)| *name).chain(more.iter().copied());
    folder(path, Names::Listed(names.map(String::from).collect()))
}

fn file(table: &[Named], name: &str, path: &str, process: Arc<Process>) -> Option<Entry> {
    let (_, permissions, content) = table.iter().find(|(known, ..)| *known == name)?;
    Some(Entry::File(Node {
        process,
        path: format!("/proc/{path}"),
        permissions: *permissions,
        content: *content,
    }))
}

impl Entry {
    /// What `stat` tells.
    pub(crate) fn status(&self) -> Status {
        let mode = match self {
            Self::Folder { .. } => S_IFDIR | 0o555,
            Self::Link(_) => S_IFLNK | 0o777,
            Self::File(node) => S_IFREG | node.permissions,
        };
        let (owner, group) = match self {
            Self::File(node) if node.is_of_process() => node.process.credentials.lock().owner(),
            _ => (0, 0),
        };
        Status {
            device: DEVICE,
            inode: 1,
            mode,
            links: 1,
            owner,
            group,
            ..Status::default()
        }
    }

    /// The target of a link.
    ///
    /// # Errors
    /// `EINVAL` where the entry is none.
    pub(crate) fn read_link(&self) -> Result<Vec<u8>, Errno> {
        match self {
            Self::Link(target) => Ok(target.clone()),
            _ => Err(Errno::EINVAL),
        }
    }

    /// Whether `who` may do `access` to it.
    pub(crate) fn allows(&self, access: Access, who: &Credentials) -> bool {
        match self {
            Self::File(Node {
                content: Content::Setting(_),
                permissions,
                ..
            }) => who.may_setting(access, *permissions),
            _ => who.may(access, &self.status()),
        }
    }

    /// Opens the entry.
    ///
    /// # Errors
    /// `ELOOP` for a link.
    pub(crate) fn open(self) -> Result<Arc<dyn File>, Errno> {
        let status = self.status();
        match self {
            Self::Folder { path, names } => Ok(Arc::new(ProcFolder::new(path, names, status))),
            Self::Link(_) => Err(Errno::ELOOP),
            Self::File(node) => Ok(node.open(status)),
        }
    }
}

impl Node {
    /// Whether it is in the folder of a process, to whose user it belongs.
    fn is_of_process(&self) -> bool {
        self.path
            .strip_prefix("/proc/")
            .is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
    }

    fn open(self, status: Status) -> Arc<dyn File> {
        let Self {
            process,
            path,
            content,
            ..
        } = self;
        match content {
            Content::Mappings(style) => Arc::new(Listing::new(process, style, path, status)),
            Content::PageMap => {
                let shows_frames = process::current().process.credentials.lock().has(CAP_SYS_ADMIN);
                Arc::new(PageMap::new(process, path, status, shows_frames))
            }
            Content::Setting(setting) => SettingFile::new(setting, path, status),
            Content::Text(make) => Arc::new(TextFile {
                process,
                make,
                path,
                status,
                text: Mutex::new(Vec::new()),
            }),
        }
    }
}

/// An open file of text that is made anew whenever it is read from its start.
struct TextFile {
    process: Arc<Process>,
    make: MakeText,
    path: String,
    status: Status,
    text: Mutex<Vec<u8>>,
}

impl File for TextFile {
    fn status(&self) -> Status {
        self.status
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Errno> {
        if offset == 0 {
            let text = text::make(|text| (self.make)(&self.process, text))?;
            *self.text.lock() = text;
        }
        let text = self.text.lock();
        let rest = text.get(offset as usize..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn end(&self) -> Result<u64, Errno> {
        Err(Errno::EINVAL)
    }

    fn path(&self) -> &[u8] {
        self.path.as_bytes()
    }
}
