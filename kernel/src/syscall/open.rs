//! Files by name.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use linux_raw_sys::general::{
    AT_EACCESS, AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW, F_OK, MFD_ALLOW_SEALING, MFD_CLOEXEC, MFD_EXEC,
    MFD_HUGETLB, MFD_NOEXEC_SEAL, O_ACCMODE, O_CLOEXEC, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_PATH,
    O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY, R_OK, S_IFDIR, S_IFLNK, S_IFMT, W_OK, X_OK,
};
use mm::Errno;

use super::{Answer, Call};
use crate::fs::OpenFile;
use crate::fs::memfd::MemoryFile;
use crate::fs::path::{self, Place};
use crate::fs::status::Status;
use crate::process::credentials::Access;
use crate::process::user;

/// The longest name of a memory file (`memfd_create(2)`), with its NUL.
const MEMORY_NAME_SIZE: usize = 250;

pub(super) fn openat(call: &mut Call<'_>) -> Answer {
    let flags = call.uint(2);
    let path = call.path(1)?;
    let follow = flags & O_NOFOLLOW == 0 && flags & (O_CREAT | O_EXCL) != O_CREAT | O_EXCL;
    let place = match path::resolve(&folder(call, 0, &path)?, &path, follow) {
        // Nothing can be made: the archive doesn't change.
        Err(Errno::ENOENT) if flags & O_CREAT != 0 => return Err(Errno::EROFS),
        place => place?,
    };
    check_open(&place.status(), flags)?;
    check_access(call, &place, flags)?;
    let file = if flags & O_PATH != 0 {
        place.open_path()?
    } else {
        place.open()?
    };
    give_descriptor(
        call,
        OpenFile::new(file, flags & !(O_CLOEXEC | O_CREAT | O_EXCL)),
        flags & O_CLOEXEC != 0,
    )
}

/// Whether a file of this kind can be opened with `flags`.
fn check_open(status: &Status, flags: u32) -> Result<(), Errno> {
    let kind = status.mode & S_IFMT;
    if flags & (O_CREAT | O_EXCL) == O_CREAT | O_EXCL {
        return Err(Errno::EEXIST);
    }
    if flags & O_DIRECTORY != 0 && kind != S_IFDIR {
        return Err(Errno::ENOTDIR);
    }
    if flags & O_PATH != 0 {
        return Ok(());
    }
    let writes = flags & O_ACCMODE != O_RDONLY || flags & O_TRUNC != 0;
    match kind {
        S_IFLNK => Err(Errno::ELOOP),
        S_IFDIR if writes || flags & O_CREAT != 0 => Err(Errno::EISDIR),
        _ => Ok(()),
    }
}

/// Whether the process may open the file so: by its permissions, and because the archive doesn't change.
fn check_access(call: &Call<'_>, place: &Place, flags: u32) -> Result<(), Errno> {
    if flags & O_PATH != 0 {
        return Ok(());
    }
    let mode = flags & O_ACCMODE;
    let writes = mode != O_RDONLY || flags & O_TRUNC != 0;
    let access = Access::nothing()
        .and(Access::READ, mode != O_WRONLY)
        .and(Access::WRITE, writes);
    // Whose a file of /proc is, the credentials are asked for.
    let who = call.process().credentials.lock().clone();
    place.check_access(access, &who)
}

/// Gives `open` the lowest free descriptor.
pub(super) fn give_descriptor(call: &Call<'_>, open: Arc<OpenFile>, close_on_exec: bool) -> Answer {
    let limit = call.process().limits.lock().files();
    let number = call
        .process()
        .files
        .lock()
        .insert(open, close_on_exec, 0, limit)?;
    Ok(number as u64)
}

/// The canonical path of the folder that a relative `path` begins in: the one that the descriptor in argument `index` names, or
/// the root, which is every process's working directory.
fn folder(call: &Call<'_>, index: usize, path: &[u8]) -> Result<Vec<u8>, Errno> {
    if path.starts_with(b"/") || call.int(index) == AT_FDCWD {
        return Ok(Vec::new());
    }
    let open = call.process().files.lock().get(call.int(index))?.clone();
    if open.file.status().mode & S_IFMT != S_IFDIR {
        return Err(Errno::ENOTDIR);
    }
    Ok(open.file.path().strip_prefix(b"/").unwrap_or_default().to_vec())
}

/// The place that a folder's descriptor in argument 0 and a path in argument 1 name.
pub(super) fn place(call: &Call<'_>, flags: u32) -> Result<Place, Errno> {
    let path = call.path(1)?;
    path::resolve(&folder(call, 0, &path)?, &path, flags & AT_SYMLINK_NOFOLLOW == 0)
}

pub(super) fn readlinkat(call: &mut Call<'_>) -> Answer {
    let room = call.int(3);
    if room <= 0 {
        return Err(Errno::EINVAL);
    }
    let target = place(call, AT_SYMLINK_NOFOLLOW)?.read_link()?;
    let count = target.len().min(room as usize);
    user::copy_out(call.arg(2), &target[..count])?;
    Ok(count as u64)
}

pub(super) fn faccessat(call: &mut Call<'_>) -> Answer {
    access(call, 0)
}

pub(super) fn faccessat2(call: &mut Call<'_>) -> Answer {
    let flags = call.uint(3);
    if flags & !(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    access(call, flags)
}

/// What the process may do with a file; asked for its real user and group unless the flags say otherwise.
fn access(call: &Call<'_>, flags: u32) -> Answer {
    let mode = call.uint(2);
    if mode & !(R_OK | W_OK | X_OK) != 0 {
        return Err(Errno::EINVAL);
    }
    let place = place(call, flags)?;
    let access = Access::nothing()
        .and(Access::READ, mode & R_OK != 0)
        .and(Access::WRITE, mode & W_OK != 0)
        .and(Access::EXECUTE, mode & X_OK != 0);
    let mut who = call.process().credentials.lock().clone();
    if flags & AT_EACCESS == 0 {
        who.become_real();
    }
    if mode != F_OK {
        place.check_access(access, &who)?;
    }
    Ok(0)
}

/// The working directory is the root: there is no call to change it.
pub(super) fn getcwd(call: &mut Call<'_>) -> Answer {
    let path = b"/\0";
    if call.arg(1) < path.len() as u64 {
        return Err(Errno::ERANGE);
    }
    user::copy_out(call.arg(0), path)?;
    Ok(path.len() as u64)
}

pub(super) fn memfd_create(call: &mut Call<'_>) -> Answer {
    call.may_keep()?;
    let flags = call.uint(1);
    // Huge pages of hugetlbfs aren't there; seals can't be added, so that allowing them changes nothing.
    let known = MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC | MFD_NOEXEC_SEAL;
    if flags & MFD_HUGETLB != 0
        || flags & !known != 0
        || flags & (MFD_EXEC | MFD_NOEXEC_SEAL) == MFD_EXEC | MFD_NOEXEC_SEAL
    {
        return Err(Errno::EINVAL);
    }
    let name = user::string_in(call.arg(0), MEMORY_NAME_SIZE, Errno::EINVAL)?;
    let file = MemoryFile::new(&String::from_utf8_lossy(&name))?;
    give_descriptor(
        call,
        OpenFile::new(Arc::new(file), O_RDWR),
        flags & MFD_CLOEXEC != 0,
    )
}
