//! One mapping ([`Vma`]), the rules by which two become one ([`merge`]), and the tree of all of them ([`VmaTree`]).
//!
//! Nothing here knows of page tables or of what is mapped: an object is an opaque [`ObjectId`]. The names are Linux's
//! (`struct vm_area_struct`, `VM_*`) where Linux has one, so that its source and this one can be read side by side.
#![deny(unsafe_code)]

mod flags;
mod mapping;
pub mod merge;
#[cfg(test)]
mod tests;
mod tree;

pub use flags::{Prot, VmaFlags};
pub use mapping::{Backing, Faulted, Identity, NameId, ObjectId, UserfaultId, Vma};
pub use merge::Origin;
pub use tree::{
    Beside, Direction, FreeRequest, Iter, LoneMove, Place, Run, Slide, Spare, Start, Totals, VmaTree,
};
