//! Files in memory: `memfd_create(2)`.

use alloc::format;
use alloc::string::String;
use core::ops::Range;

use linux_raw_sys::general::S_IFREG;
use mm::{Errno, Object};

use super::file::File;
use super::status::Status;
use crate::memory::Machine;

/// The device that Linux's internal tmpfs mount has.
const DEVICE: (u32, u32) = (0, 1);

/// A file without a place in the tree, which lives as long as a descriptor or a mapping of it.
pub(crate) struct MemoryFile {
    object: Object<Machine>,
    path: String,
}

impl MemoryFile {
    /// An empty file, shown as `/memfd:NAME (deleted)`.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub(crate) fn new(name: &str) -> Result<Self, Errno> {
        let path = format!("/memfd:{name} (deleted)");
        Ok(Self {
            object: Object::memory(Machine, &path)?,
            path,
        })
    }
}

impl File for MemoryFile {
    fn status(&self) -> Status {
        Status {
            device: DEVICE,
            inode: self.object.inode(),
            mode: S_IFREG | 0o777,
            links: 0,
            size: self.object.len(),
            ..Status::default()
        }
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Errno> {
        Ok(self.object.read(offset, buffer))
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> Result<usize, Errno> {
        self.object.write(offset, bytes)
    }

    fn set_len(&self, len: u64) -> Result<(), Errno> {
        let shrinks = len < self.object.len();
        self.object.set_len(len)?;
        if shrinks {
            crate::process::for_each_space(|space| space.object_shrunk(&self.object));
        }
        Ok(())
    }

    fn allocate(&self, bytes: Range<u64>, keeps_len: bool) -> Result<(), Errno> {
        self.object.allocate(bytes, keeps_len)
    }

    fn punch_hole(&self, bytes: Range<u64>) -> Result<(), Errno> {
        crate::process::for_each_space(|space| space.object_punched(&self.object, &bytes));
        self.object.punch_hole(bytes)
    }

    fn object(&self) -> Result<Object<Machine>, Errno> {
        Ok(self.object.clone())
    }

    fn path(&self) -> &[u8] {
        self.path.as_bytes()
    }
}
