//! A descriptor of a process (`pidfd_open(2)`): it names the process, and nothing can be read from it.

use super::file::File;
use super::status::Status;

/// The device of Linux's pidfs.
const DEVICE: (u32, u32) = (0, 6);

/// A process, by its identifier.
pub(crate) struct ProcessFile {
    id: u32,
}

impl ProcessFile {
    /// Names the process `id`.
    pub(crate) const fn new(id: u32) -> Self {
        Self { id }
    }
}

impl File for ProcessFile {
    fn status(&self) -> Status {
        Status {
            device: DEVICE,
            inode: self.id.into(),
            // Of no type: Linux's has none either.
            mode: 0o700,
            links: 1,
            ..Status::default()
        }
    }

    fn is_seekable(&self) -> bool {
        false
    }

    fn process(&self) -> Option<u32> {
        Some(self.id)
    }

    fn path(&self) -> &[u8] {
        b"anon_inode:[pidfd]"
    }
}
