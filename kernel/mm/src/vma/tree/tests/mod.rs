//! Tests of the tree. `check` states what must hold of every tree, and `model` compares it with a `BTreeMap`.

mod check;
mod memory;
mod model;
mod runs;

use super::VmaTree;
use crate::vma::{Backing, Prot, Vma, VmaFlags};
use crate::{PAGE_SIZE, PageRange, VirtAddr};

/// The pages from `start` to `end`, by number.
pub(super) fn pages(start: u64, end: u64) -> PageRange {
    PageRange::between(VirtAddr::new(start * PAGE_SIZE), VirtAddr::new(end * PAGE_SIZE))
}

/// A private anonymous mapping.
pub(super) fn anonymous(range: PageRange, prot: Prot) -> Vma {
    let flags = VmaFlags::MAYREAD | VmaFlags::MAYWRITE | VmaFlags::MAYEXEC | VmaFlags::ACCOUNT;
    Vma::new(range, prot, flags, Backing::Anonymous)
}

impl VmaTree {
    /// All mappings.
    pub(super) fn all(&self) -> std::vec::Vec<Vma> {
        self.iter(pages(0, crate::TASK_SIZE / PAGE_SIZE)).collect()
    }
}
