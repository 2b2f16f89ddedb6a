//! What is mapped, other than a program's own anonymous memory: shared memory, and files of the program's archive.

use crate::Errno;
use crate::machine::Machine;

/// A handle to something that can be mapped; a clone is another handle to the same thing. An open file holds one, and so
/// does every mapping of it. The last one gives the pages back.
///
/// Two handles are equal when they name the same object.
#[derive(Clone)]
pub struct Object<M: Machine> {
    machine: M,
}

impl<M: Machine> Object<M> {
    /// Makes an empty shared memory object, as `memfd_create(2)` does. `name` is the path that `/proc/PID/maps` shows.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn memory(machine: M, name: &str) -> Result<Self, Errno> {
        let _ = name;
        Ok(Self { machine })
    }

    /// Makes an object of a file that is wholly in memory and never changes. `name` is the path that `/proc/PID/maps` shows.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn image(machine: M, bytes: &'static [u8], name: &str) -> Result<Self, Errno> {
        let _ = (bytes, name);
        Ok(Self { machine })
    }

    /// The length in bytes.
    pub fn len(&self) -> u64 {
        0
    }

    /// Whether the object has no byte.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The inode number, unique among the objects of a machine.
    pub fn inode(&self) -> u64 {
        0
    }

    /// `ftruncate(2)`: sets the length of shared memory in bytes. Pages past a new, smaller end are dropped and the rest of the last page
    /// cleared; every address space that may map the object must then be told by
    /// [`AddressSpace::object_shrunk`](crate::AddressSpace::object_shrunk).
    ///
    /// # Errors
    /// `EINVAL` for a file of the archive, or a length over `i64::MAX`.
    pub fn set_len(&self, len: u64) -> Result<(), Errno> {
        let _ = (len, &self.machine);
        Err(Errno::ENOSYS)
    }

    /// Copies bytes from `offset` on into `buffer`; answers how many there were before the object's end.
    pub fn read(&self, offset: u64, buffer: &mut [u8]) -> usize {
        let _ = (offset, buffer);
        0
    }

    /// Copies `bytes` into shared memory at `offset`, which grows where that is needed; answers how many fitted.
    ///
    /// # Errors
    /// `ENOSPC` where there is no memory for any of them, `EINVAL` for a file of the archive.
    pub fn write(&self, offset: u64, bytes: &[u8]) -> Result<usize, Errno> {
        let _ = (offset, bytes);
        Err(Errno::ENOSYS)
    }
}
