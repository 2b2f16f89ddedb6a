//! Mappings in order.

use super::VmaTree;
use super::path::Path;
use crate::vma::Vma;
use crate::{PageRange, VirtAddr};

/// Mappings in order; see [`VmaTree::iter`].
pub struct Iter<'a> {
    tree: &'a VmaTree,
    path: Option<Path>,
    end: VirtAddr,
}

impl<'a> Iter<'a> {
    pub(super) fn new(tree: &'a VmaTree, range: PageRange) -> Self {
        let path = (!tree.is_empty()).then(|| tree.locate(range.start().get()));
        Self {
            tree,
            path,
            end: range.end(),
        }
    }
}

impl Iterator for Iter<'_> {
    type Item = Vma;

    fn next(&mut self) -> Option<Vma> {
        let path = self.path?;
        let vma = self.tree.at(&path).filter(|vma| vma.start() < self.end);
        self.path = vma.and_then(|_| self.tree.step_on(&path));
        vma
    }
}
