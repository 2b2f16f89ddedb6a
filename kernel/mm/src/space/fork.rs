//! A copy of an address space: Linux's `dup_mmap`.
//!
//! Whether that is possible is found out first and all memory for it taken, so that running out of it leaves the parent as it was.

use super::limits::OvercommitPolicy;
use super::objects::Objects;
use super::report::everything;
use super::{AddressSpace, Errno};
use crate::machine::{Asid, Machine};
use crate::table::{OutOfMemory, Sharing, Users};
use crate::vma::{Faulted, Identity, Vma, VmaFlags, VmaTree};
use crate::{PageRange, page};

impl<M: Machine> AddressSpace<M> {
    pub(super) fn fork_space(&mut self, asid: Asid) -> Result<Self, Errno> {
        self.check_fork()?;
        let mut child = self.prepare_child(asid)?;
        // Nothing fails from here on.
        for vma in self.tree.iter(everything()).filter(is_copied) {
            let vma = child.inherited(&vma);
            child.objects.mapped(&vma, vma.range.pages());
            child.tree.insert(vma);
        }
        child.objects.sweep_all();
        let Self {
            tree,
            tables,
            machine,
            ..
        } = self;
        let words = machine.words();
        tables.share(
            &mut child.tables,
            shared_parts(tree),
            Users::SoleCounted,
            |page| {
                page::share_counted(words.of(page));
            },
        );
        Ok(child)
    }

    /// Whether there may be as much memory again that counts towards the commit limit.
    fn check_fork(&self) -> Result<(), Errno> {
        let view = self.view();
        let counted = |vma: &Vma| vma.flags.contains(VmaFlags::ACCOUNT);
        let mut pages = self
            .tree
            .iter(everything())
            .filter(is_copied)
            .filter(counted)
            .map(|vma| vma.range.pages());
        // Linux asks for one mapping after the other, and what it has allowed counts from then on.
        let fits = match self.limits.overcommit.policy {
            OvercommitPolicy::Never => view.may_commit(pages.sum()),
            _ => pages.all(|pages| view.may_commit(pages)),
        };
        if fits { Ok(()) } else { Err(Errno::ENOMEM) }
    }

    /// An address space in which nothing is mapped, with memory set aside for all that it is to inherit.
    fn prepare_child(&self, asid: Asid) -> Result<Self, Errno> {
        let ranges = shared_parts(&self.tree).map(|(range, _)| range);
        let tables = self
            .tables
            .for_fork(asid, ranges)
            .map_err(|OutOfMemory| Errno::ENOMEM)?;
        let mut tree = VmaTree::new();
        tree.reserve(self.tree.len() as usize)?;
        let objects: Objects<M> = self.objects.for_fork()?;
        page::share(&self.machine, self.zero_page);
        if let Some(block) = self.zero_block {
            page::share_block(&self.machine, block);
        }
        Ok(Self {
            machine: self.machine.clone(),
            tables,
            zero_page: self.zero_page,
            zero_block: self.zero_block,
            huge_pages: self.huge_pages,
            // What was offered has two users now, and stays.
            may_have_lazy: false,
            tree,
            objects,
            limits: self.limits,
            layout: self.layout,
            heap_end: self.heap_end,
            visited_before: 0,
            next_identity: self.next_identity,
            // `mlockall(MCL_FUTURE)` was for the parent alone.
            lock_of_new: VmaFlags::empty(),
        })
    }

    /// What a mapping of the parent's is in this, its child: not locked, not watched, and with an identity of its own, if it has any.
    fn inherited(&mut self, vma: &Vma) -> Vma {
        let wiped = vma.flags.contains(VmaFlags::WIPEONFORK);
        let anon = vma.anon.filter(|_| !wiped).map(|anon| Faulted {
            identity: Identity::by_fork(self.new_identity().number()),
            home: anon.home,
        });
        Vma {
            flags: vma.flags - VmaFlags::LOCKED_MASK - VmaFlags::UFFD_MASK,
            anon,
            userfault: None,
            ..*vma
        }
    }
}

/// Whether a child gets the mapping at all.
fn is_copied(vma: &Vma) -> bool {
    !vma.flags.contains(VmaFlags::DONTFORK)
}

/// Whose pages a child gets, and how: only what it could not bring in again by a fault (Linux's `vma_needs_copy`).
fn shared_parts(tree: &VmaTree) -> impl Iterator<Item = (PageRange, Sharing)> {
    let cannot_come_back = |vma: &Vma| {
        let kept = VmaFlags::PFNMAP | VmaFlags::MIXEDMAP | VmaFlags::MAYBE_GUARD;
        vma.anon.is_some() || vma.flags.intersects(kept)
    };
    let copied = |vma: &Vma| is_copied(vma) && !vma.flags.contains(VmaFlags::WIPEONFORK);
    tree.iter(everything())
        .filter(move |vma| copied(vma) && cannot_come_back(vma))
        .map(|vma| {
            let sharing = if vma.flags.contains(VmaFlags::SHARED) {
                Sharing::Shared
            } else {
                Sharing::CopyOnWrite
            };
            (vma.range, sharing)
        })
}
