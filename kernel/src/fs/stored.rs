//! An ordinary file of the archive.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use mm::{Errno, Object};

use super::archive::Node;
use super::file::File;
use super::status::Status;
use crate::memory::Machine;
use crate::sync::Mutex;

/// The device number of the archive.
const DEVICE: (u32, u32) = (0, 2);

/// The objects of files that have been mapped, by inode number: all mappings of a file are of one object.
static OBJECTS: Mutex<BTreeMap<u64, Object<Machine>>> = Mutex::new(BTreeMap::new());

/// An open file of the archive; it can't be written.
pub(crate) struct StoredFile {
    /// Absolute.
    path: Vec<u8>,
    node: Node,
}

impl StoredFile {
    /// The file `node`, found at the canonical path `path`.
    pub(crate) fn new(path: &[u8], node: Node) -> Self {
        Self {
            path: absolute(path),
            node,
        }
    }

    /// What `stat` tells of any node of the archive.
    pub(crate) fn status_of(node: &Node) -> Status {
        Status {
            device: DEVICE,
            inode: node.inode,
            mode: node.mode,
            links: 1,
            size: node.bytes.len() as u64,
            modified: node.modified.into(),
            ..Status::default()
        }
    }

    /// The file's contents.
    pub(crate) fn bytes(&self) -> &'static [u8] {
        self.node.bytes
    }
}

impl File for StoredFile {
    fn status(&self) -> Status {
        Self::status_of(&self.node)
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Errno> {
        let rest = self.node.bytes.get(offset as usize..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn object(&self) -> Result<Object<Machine>, Errno> {
        let mut objects = OBJECTS.lock();
        if let Some(object) = objects.get(&self.node.inode) {
            return Ok(object.clone());
        }
        let object = Object::image(Machine, self.node.bytes, &String::from_utf8_lossy(&self.path))?;
        objects.insert(self.node.inode, object.clone());
        Ok(object)
    }

    fn path(&self) -> &[u8] {
        &self.path
    }
}

/// The path as a program sees it, of a canonical one.
pub(super) fn absolute(path: &[u8]) -> Vec<u8> {
    [b"/", path].concat()
}
