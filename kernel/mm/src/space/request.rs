//! What `mmap(2)` is asked for.

use crate::Errno;
use crate::machine::Machine;
use crate::object::Object;

/// What a new mapping shows.
#[derive(Clone)]
pub enum Backing<M: Machine> {
    /// Memory that begins as zero (`MAP_ANONYMOUS`).
    Anonymous,
    /// Huge pages that were set aside (`MAP_ANONYMOUS` with `MAP_HUGETLB`). There are none, but what is refused first is told first.
    HugePages {
        /// The argument `offset`, which Linux does look at here.
        offset: u64,
    },
    /// A file that the program has opened.
    Object {
        /// The file's contents.
        object: Object<M>,
        /// Where in the file the mapping begins, in bytes. arm64's `mmap` refuses one that is not page-aligned with
        /// `EINVAL` before it looks at the file descriptor; so must the caller.
        offset: u64,
        /// Whether the file was opened for writing, without which `MAP_SHARED` cannot be writable.
        writable: bool,
    },
    /// A file that cannot be mapped, and why (`EACCES`, `ENODEV`): Linux finds that out after it looked for a place.
    Refused(Errno),
}

/// The arguments of `mmap(2)`, as the program gave them.
#[derive(Clone)]
pub struct MapRequest<M: Machine> {
    /// A hint, or with `MAP_FIXED` the address; never untagged (arm64's tagged-address ABI).
    pub addr: u64,
    /// In bytes; rounded up to pages.
    pub len: u64,
    /// `PROT_*`.
    pub prot: u64,
    /// `MAP_*`.
    pub flags: u64,
    /// The file, or none.
    pub backing: Backing<M>,
}
