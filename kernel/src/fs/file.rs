//! What an open file is: the trait that each kind implements, and the open file description that descriptors share.

use alloc::sync::Arc;
use core::ops::Range;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use linux_raw_sys::general::{O_ACCMODE, O_APPEND, O_NONBLOCK, O_PATH, O_RDONLY, O_WRONLY, S_IFMT, S_IFREG};
use mm::Errno;

use super::status::Status;
use crate::memory::Machine;
use crate::process::Process;

/// The bits of `open`'s flags that `fcntl(F_SETFL)` can change.
const CHANGEABLE: u32 = O_APPEND | O_NONBLOCK;

/// A name in a folder, as `getdents64` tells it.
pub(crate) struct FolderEntry {
    /// The name.
    pub(crate) name: alloc::vec::Vec<u8>,
    /// Its inode number.
    pub(crate) inode: u64,
    /// Type and permissions, as in `st_mode`.
    pub(crate) mode: u32,
    /// The position of what follows.
    pub(crate) next: u64,
}

/// A kind of file. What a kind doesn't do is answered as Linux answers it.
///
/// All buffers are the kernel's own: files never see a program's memory.
pub(crate) trait File: Send + Sync {
    /// What `fstat` tells.
    fn status(&self) -> Status;

    /// Reads from `offset` on. 0 is the end of the file.
    fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Errno> {
        let _ = (offset, buffer);
        Err(Errno::EINVAL)
    }

    /// Writes at `offset`.
    fn write(&self, offset: u64, bytes: &[u8]) -> Result<usize, Errno> {
        let _ = (offset, bytes);
        Err(Errno::EINVAL)
    }

    /// Whether the file has positions: `false` for a terminal, which `lseek` and `pread` refuse with `ESPIPE`.
    fn is_seekable(&self) -> bool {
        true
    }

    /// Whether `lseek` goes anywhere: where it does not, it answers 0 whatever it is asked.
    fn has_positions(&self) -> bool {
        true
    }

    /// Where `lseek` counts from with `SEEK_END`.
    ///
    /// # Errors
    /// `EINVAL` for a file whose text is made while it is read: nobody knows where it ends.
    fn end(&self) -> Result<u64, Errno> {
        Ok(self.status().size)
    }

    /// Whether `len` bytes may be read at `offset`, asked once before they are read in pieces.
    ///
    /// # Errors
    /// What the call then answers.
    fn check_read(&self, offset: u64, len: u64) -> Result<(), Errno> {
        let _ = (offset, len);
        Ok(())
    }

    /// Whether the file is a terminal (`isatty(3)`).
    fn is_terminal(&self) -> bool {
        false
    }

    /// The process whose mappings the file lists, for `PROCMAP_QUERY`.
    fn mappings_of(&self) -> Option<&Process> {
        None
    }

    /// The process that the file stands for (`pidfd_open(2)`).
    fn process(&self) -> Option<u32> {
        None
    }

    /// Sets the length (`ftruncate(2)`).
    fn set_len(&self, len: u64) -> Result<(), Errno> {
        let _ = len;
        Err(Errno::EINVAL)
    }

    /// Makes sure that `bytes` have their memory (`fallocate(2)`); the file then reaches to their end, unless it `keeps_len`.
    fn allocate(&self, bytes: Range<u64>, keeps_len: bool) -> Result<(), Errno> {
        let _ = (bytes, keeps_len);
        Err(Errno::EOPNOTSUPP)
    }

    /// Makes a hole of `bytes`, which read as zeros from now on (`fallocate(2)` with `FALLOC_FL_PUNCH_HOLE`).
    fn punch_hole(&self, bytes: Range<u64>) -> Result<(), Errno> {
        let _ = bytes;
        Err(Errno::EOPNOTSUPP)
    }

    /// What `mmap` maps.
    fn object(&self) -> Result<mm::Object<Machine>, Errno> {
        Err(Errno::ENODEV)
    }

    /// The entry of a folder at `position`, 0 for the first, or the next one there is; `None` past the last.
    fn entry(&self, position: u64) -> Result<Option<FolderEntry>, Errno> {
        let _ = position;
        Err(Errno::ENOTDIR)
    }

    /// The path that the file was opened by, as `/proc/self/fd` would show it; folders are looked up from it.
    fn path(&self) -> &[u8];
}

/// An open file description (`open(2)`): what `dup` shares.
pub(crate) struct OpenFile {
    /// The file itself.
    pub(crate) file: Arc<dyn File>,
    position: AtomicU64,
    flags: AtomicU32,
}

impl OpenFile {
    /// `file`, opened with `open`'s `flags`.
    pub(crate) fn new(file: Arc<dyn File>, flags: u32) -> Arc<Self> {
        Arc::new(Self {
            file,
            position: AtomicU64::new(0),
            flags: AtomicU32::new(flags),
        })
    }

    /// The flags, as `fcntl(F_GETFL)` tells them.
    pub(crate) fn flags(&self) -> u32 {
        self.flags.load(Ordering::Relaxed)
    }

    /// `fcntl(F_SETFL)`: sets `O_APPEND` and `O_NONBLOCK`; other bits are left alone, as Linux does.
    pub(crate) fn set_flags(&self, flags: u32) {
        let kept = self.flags() & !CHANGEABLE;
        self.flags.store(kept | flags & CHANGEABLE, Ordering::Relaxed);
    }

    /// Whether the file was opened for reading.
    pub(crate) fn is_readable(&self) -> bool {
        self.flags() & O_PATH == 0 && self.flags() & O_ACCMODE != O_WRONLY
    }

    /// Whether the file was opened for writing.
    pub(crate) fn is_writable(&self) -> bool {
        self.flags() & O_PATH == 0 && self.flags() & O_ACCMODE != O_RDONLY
    }

    /// Where the next `read` or `write` begins.
    pub(crate) fn position(&self) -> u64 {
        self.position.load(Ordering::Relaxed)
    }

    /// Sets where the next `read` or `write` begins.
    pub(crate) fn set_position(&self, position: u64) {
        self.position.store(position, Ordering::Relaxed);
    }

    /// Where a `write` without a position of its own begins: at the end with `O_APPEND`.
    pub(crate) fn write_position(&self) -> u64 {
        if self.flags() & O_APPEND != 0 {
            self.file.status().size
        } else {
            self.position()
        }
    }

    /// Whether the file is an ordinary one (`S_IFREG`).
    pub(crate) fn is_regular(&self) -> bool {
        self.file.status().mode & S_IFMT == S_IFREG
    }
}
