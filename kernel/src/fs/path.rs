//! From a path to what it names (`path_resolution(7)`).

use alloc::sync::Arc;
use alloc::vec::Vec;

use linux_raw_sys::general::{PATH_MAX, S_IFDIR, S_IFLNK, S_IFREG};
use mm::Errno;

use super::archive::Node;
use super::console::{Console, Stream};
use super::devices::{Device, DeviceFile};
use super::folder::Folder;
use super::proc;
use super::status::Status;
use super::stored::StoredFile;
use super::{File, archive};
use crate::process::credentials::{Access, Credentials};

/// How many symbolic links one path may lead through (Linux's `MAXSYMLINKS`).
const MOST_LINKS: usize = 40;

/// What a path names.
pub(crate) enum Place {
    /// A node of the archive at its canonical path.
    Stored(Vec<u8>, Node),
    /// An entry of `/proc`.
    Proc(proc::Entry),
    /// The console's device file.
    Console,
    /// Another device.
    Device(Device),
}

impl Place {
    /// What `stat` tells of the place itself.
    pub(crate) fn status(&self) -> Status {
        match self {
            Self::Stored(_, node) => StoredFile::status_of(node),
            Self::Proc(entry) => entry.status(),
            Self::Console => Console::new(Stream::Output).status(),
            Self::Device(device) => device.status(),
        }
    }

    /// The target of a symbolic link.
    ///
    /// # Errors
    /// `EINVAL` where the place is none.
    pub(crate) fn read_link(&self) -> Result<Vec<u8>, Errno> {
        match self {
            Self::Stored(_, node) if node.is_link() => Ok(node.bytes.to_vec()),
            Self::Proc(entry) => entry.read_link(),
            _ => Err(Errno::EINVAL),
        }
    }

    /// Opens the place.
    ///
    /// # Errors
    /// `ENXIO` for a device that isn't there, `ELOOP` for a link, `ENOMEM`.
    pub(crate) fn open(self) -> Result<Arc<dyn File>, Errno> {
        match self {
            Self::Stored(path, node) if node.is_folder() => Ok(Arc::new(Folder::new(&path))),
            Self::Stored(path, node) if node.is_file() => Ok(Arc::new(StoredFile::new(&path, node))),
            Self::Stored(_, node) if node.is_link() => Err(Errno::ELOOP),
            Self::Stored(..) => Err(Errno::ENXIO),
            Self::Proc(entry) => entry.open(),
            Self::Console => Ok(Arc::new(Console::new(Stream::Output))),
            Self::Device(device) => Ok(Arc::new(DeviceFile::new(device)?)),
        }
    }

    /// Whether `who` may do `access` here.
    ///
    /// # Errors
    /// `EROFS` where something of the archive is to be written to, `EACCES`.
    pub(crate) fn check_access(&self, access: Access, who: &Credentials) -> Result<(), Errno> {
        let status = self.status();
        let kind = status.mode & linux_raw_sys::general::S_IFMT;
        let stored = matches!(self, Self::Stored(..)) && (kind == S_IFREG || kind == S_IFDIR);
        if stored && access.writes() {
            return Err(Errno::EROFS);
        }
        let allowed = match self {
            Self::Proc(entry) => entry.allows(access, who),
            _ => who.may(access, &status),
        };
        if allowed { Ok(()) } else { Err(Errno::EACCES) }
    }

    /// Opens the place only to name it (`O_PATH`): whatever it is, a link too.
    ///
    /// # Errors
    /// As [`Place::open`], but for links.
    pub(crate) fn open_path(self) -> Result<Arc<dyn File>, Errno> {
        match self {
            Self::Stored(path, node) if !node.is_folder() => Ok(Arc::new(StoredFile::new(&path, node))),
            place => place.open(),
        }
    }

    fn is_link(&self) -> bool {
        self.status().mode & linux_raw_sys::general::S_IFMT == S_IFLNK
    }
}

/// Finds what `path` names, from the folder `base` (canonical) where it is relative. The last component's link is followed
/// only with `follow`.
///
/// # Errors
/// `ENOENT`, `ENOTDIR`, `ELOOP`, `ENAMETOOLONG`.
pub(crate) fn resolve(base: &[u8], path: &[u8], follow: bool) -> Result<Place, Errno> {
    if path.is_empty() {
        return Err(Errno::ENOENT);
    }
    if path.len() >= PATH_MAX as usize {
        return Err(Errno::ENAMETOOLONG);
    }
    let mut walk = Walk {
        at: start(base, path),
        rest: components(path),
        links: 0,
    };
    // A slash at the end asks for a folder, and follows a link to one.
    let must_be_folder = path.ends_with(b"/");
    let place = walk.run(follow || must_be_folder)?;
    if must_be_folder && !is_folder(&place) {
        return Err(Errno::ENOTDIR);
    }
    Ok(place)
}

/// The folder that a walk along `path` starts in.
fn start(base: &[u8], path: &[u8]) -> Vec<u8> {
    if path.starts_with(b"/") {
        Vec::new()
    } else {
        base.to_vec()
    }
}

/// The names in `path`, the first one last.
fn components(path: &[u8]) -> Vec<Vec<u8>> {
    let parts = path
        .split(|byte| *byte == b'/')
        .filter(|part| !part.is_empty() && *part != b".");
    parts.rev().map(<[u8]>::to_vec).collect()
}

fn is_folder(place: &Place) -> bool {
    place.status().mode & linux_raw_sys::general::S_IFMT == linux_raw_sys::general::S_IFDIR
}

/// A walk along a path.
struct Walk {
    /// The canonical path of the folder that has been reached.
    at: Vec<u8>,
    /// The names that are still to be walked, the next one last.
    rest: Vec<Vec<u8>>,
    links: usize,
}

impl Walk {
    fn run(&mut self, follow: bool) -> Result<Place, Errno> {
        while let Some(name) = self.rest.pop() {
            if !is_folder(&lookup(&self.at)?) {
                return Err(Errno::ENOTDIR);
            }
            if name == b".." {
                let parent = self.at.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
                self.at.truncate(parent);
                continue;
            }
            let parent_len = self.at.len();
            if parent_len > 0 {
                self.at.push(b'/');
            }
            self.at.extend_from_slice(&name);
            let place = lookup(&self.at)?;
            if place.is_link() && (follow || !self.rest.is_empty()) {
                self.enter_link(&place, parent_len)?;
            }
        }
        lookup(&self.at)
    }

    /// Goes on along the target of the link that has been reached.
    fn enter_link(&mut self, link: &Place, parent_len: usize) -> Result<(), Errno> {
        self.links += 1;
        if self.links > MOST_LINKS {
            return Err(Errno::ELOOP);
        }
        let target = link.read_link()?;
        self.at.truncate(parent_len);
        self.at = start(&self.at, &target);
        self.rest.extend(components(&target));
        Ok(())
    }
}

/// What lies at a canonical path.
fn lookup(path: &[u8]) -> Result<Place, Errno> {
    if path == b"proc" || path.starts_with(b"proc/") {
        let inner = path.strip_prefix(b"proc/").unwrap_or_default();
        return proc::lookup(inner).map(Place::Proc).ok_or(Errno::ENOENT);
    }
    if path == b"sys" || path.starts_with(b"sys/") {
        let inner = path.strip_prefix(b"sys/").unwrap_or_default();
        return proc::sys::lookup(inner).map(Place::Proc).ok_or(Errno::ENOENT);
    }
    if let b"dev/console" | b"dev/tty" = path {
        return Ok(Place::Console);
    }
    if let Some(device) = Device::at(path) {
        return Ok(Place::Device(device));
    }
    let node = archive()
        .and_then(|archive| archive.get(path))
        .copied()
        .or_else(|| virtual_folder(path));
    node.map(|node| Place::Stored(path.to_vec(), node))
        .ok_or(Errno::ENOENT)
}

/// The folders that are there without being in the archive.
fn virtual_folder(path: &[u8]) -> Option<Node> {
    let mode = linux_raw_sys::general::S_IFDIR | 0o755;
    matches!(path, b"" | b"dev").then_some(Node {
        inode: 1,
        mode,
        modified: 0,
        bytes: &[],
    })
}
