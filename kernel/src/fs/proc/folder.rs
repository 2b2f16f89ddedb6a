//! A folder of `/proc`, opened to be listed.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use mm::Errno;

use crate::fs::file::{File, FolderEntry};
use crate::fs::status::Status;
use crate::process::Process;

/// The names in a folder.
pub(crate) enum Names {
    /// These.
    Listed(Vec<String>),
    /// The numbers of a process's open files, looked up as they are asked for: there may be a million.
    Descriptors(Arc<Process>),
}

/// An open folder of `/proc`.
pub(super) struct ProcFolder {
    path: String,
    names: Names,
    status: Status,
}

impl ProcFolder {
    pub(super) const fn new(path: String, names: Names, status: Status) -> Self {
        Self { path, names, status }
    }

    /// The name at `index` or the next one there is, and the index of what follows.
    fn name_from(&self, index: usize) -> Option<(Vec<u8>, usize)> {
        match &self.names {
            Names::Listed(names) => names
                .get(index)
                .map(|name| (name.clone().into_bytes(), index + 1)),
            Names::Descriptors(process) => {
                let number = process.files.lock().first_from(index)?;
                Some((format!("{number}").into_bytes(), number + 1))
            }
        }
    }
}

impl File for ProcFolder {
    fn status(&self) -> Status {
        self.status
    }

    fn read(&self, _offset: u64, _buffer: &mut [u8]) -> Result<usize, Errno> {
        Err(Errno::EISDIR)
    }

    fn entry(&self, position: u64) -> Result<Option<FolderEntry>, Errno> {
        let dots: [&[u8]; 2] = [b".", b".."];
        let position = position as usize;
        let found = match dots.get(position) {
            Some(name) => Some((name.to_vec(), position + 1)),
            None => self
                .name_from(position - dots.len())
                .map(|(name, next)| (name, next + dots.len())),
        };
        // The type 0 is "unknown": whoever needs it asks stat.
        Ok(found.map(|(name, next)| FolderEntry {
            name,
            inode: 1,
            mode: 0,
            next: next as u64,
        }))
    }

    fn path(&self) -> &[u8] {
        self.path.as_bytes()
    }
}
