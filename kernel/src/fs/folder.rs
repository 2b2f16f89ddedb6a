//! A folder of the archive, opened to be listed.

use alloc::vec::Vec;

use linux_raw_sys::general::S_IFDIR;
use mm::Errno;

use super::archive;
use super::archive::Node;
use super::file::{File, FolderEntry};
use super::status::Status;
use super::stored::{self, StoredFile};

/// An open folder: `.`, `..`, then its members by name.
pub(crate) struct Folder {
    /// Absolute.
    path: Vec<u8>,
}

impl Folder {
    /// The folder at the canonical `path`.
    pub(crate) fn new(path: &[u8]) -> Self {
        Self {
            path: stored::absolute(path),
        }
    }

    /// The path by which the archive knows it.
    fn canonical(&self) -> &[u8] {
        &self.path[1..]
    }

    fn node(&self) -> Node {
        let missing = Node {
            inode: 1,
            mode: S_IFDIR | 0o755,
            modified: 0,
            bytes: &[],
        };
        archive()
            .and_then(|archive| archive.get(self.canonical()))
            .copied()
            .unwrap_or(missing)
    }
}

impl File for Folder {
    fn status(&self) -> Status {
        StoredFile::status_of(&self.node())
    }

    fn read(&self, _offset: u64, _buffer: &mut [u8]) -> Result<usize, Errno> {
        Err(Errno::EISDIR)
    }

    fn entry(&self, position: u64) -> Result<Option<FolderEntry>, Errno> {
        let dots: [&[u8]; 2] = [b".", b".."];
        if let Some(name) = dots.get(position as usize) {
            return Ok(Some(FolderEntry {
                name: name.to_vec(),
                inode: self.node().inode,
                mode: S_IFDIR,
                next: position + 1,
            }));
        }
        let entry = archive()
            .and_then(|archive| {
                archive
                    .children(self.canonical())
                    .nth(position as usize - dots.len())
            })
            .map(|(name, node)| FolderEntry {
                name: name.to_vec(),
                inode: node.inode,
                mode: node.mode,
                next: position + 1,
            });
        Ok(entry)
    }

    fn path(&self) -> &[u8] {
        &self.path
    }
}
