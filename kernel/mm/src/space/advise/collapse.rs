//! `MADV_COLLAPSE`: makes blocks of 2 MiB out of pages, at once.

use super::AddressSpace;
use crate::fault::rights;
use crate::machine::{Block, Machine};
use crate::space::HugePages;
use crate::table::{Attributes, ENTRIES, Entry, Leaf, Level};
use crate::vma::{Prot, Vma, VmaFlags};
use crate::{Errno, PageRange, VirtAddr, page};

/// The size of a block.
const HUGE: u64 = Level::Pmd.size();

impl<M: Machine> AddressSpace<M> {
    /// # Errors
    /// `EINVAL` where the mapping or the process can have no blocks; else those of [`Self::collapse_blocks`].
    pub(super) fn collapse(&mut self, vma: &Vma, part: PageRange) -> Result<(), Errno> {
        if self.huge_pages == HugePages::Off || !may_have_blocks(vma) {
            return Err(Errno::EINVAL);
        }
        let start = (part.start() + (HUGE - 1)).align_down(HUGE);
        let blocks = PageRange::new(start, part.end().align_down(HUGE));
        match blocks.filter(|blocks| !blocks.is_empty()) {
            Some(blocks) => self.collapse_blocks(vma, blocks),
            None => Ok(()),
        }
    }

    /// Makes each aligned 2 MiB of `blocks`, which lies in `vma`, one block where its pages are not one already. Where there are no
    /// pages nothing is done, and it goes on behind.
    ///
    /// # Errors
    /// The last thing that went wrong: `EINVAL` where there is nothing at all, or a guard, `EBUSY` where a page is missing that a
    /// userfaultfd is to be asked for, `ENOMEM` where no block is free.
    fn collapse_blocks(&mut self, vma: &Vma, blocks: PageRange) -> Result<(), Errno> {
        let mut result = Ok(());
        for base in (blocks.start().get()..blocks.end().get()).step_by(HUGE as usize) {
            match self.collapse_one(vma, VirtAddr::new(base)) {
                Ok(()) => {}
                Err(Failure::Absent) => result = Err(Errno::EINVAL),
                Err(Failure::Ends(errno)) => return Err(errno),
            }
        }
        result
    }

    fn collapse_one(&mut self, vma: &Vma, base: VirtAddr) -> Result<(), Failure> {
        let range = PageRange::between(base, base + HUGE);
        match self.tables.query(base) {
            (Level::Pud | Level::Pmd, Entry::Leaf(_)) => return Ok(()),
            (Level::Pte, _) => {}
            _ => return Err(Failure::Absent),
        }
        if self.tables.first_guards(range).is_some() {
            return Err(Failure::Ends(Errno::EINVAL));
        }
        let watched = vma.flags.contains(VmaFlags::UFFD_MISSING);
        if watched && self.tables.leaves(range).count() < ENTRIES {
            return Err(Failure::Ends(Errno::EBUSY));
        }
        let block = self.machine.take_block().ok_or(Failure::Ends(Errno::ENOMEM))?;
        self.fill_and_map(vma, base, block);
        Ok(())
    }

    /// Copies the pages from `base` on into `block` and puts it in their place.
    fn fill_and_map(&mut self, vma: &Vma, base: VirtAddr, block: Block) {
        let Self { tables, machine, .. } = self;
        let leaf = Leaf {
            address: block.address(),
            attributes: Attributes::user(rights(vma)),
        };
        page::count_block(machine, &block);
        let mut frames = block.into_frames();
        tables.collapse(base, leaf, |_, page| {
            let Some(mut frame) = frames.next() else { return };
            match page.filter(|page| !page.attributes.contains(Attributes::ZERO_PAGE)) {
                Some(page) => {
                    machine.copy(page.address, &mut frame);
                    page::release(machine, page.address);
                }
                None => machine.clear(&mut frame),
            }
            let address = page::adopt(machine, frame);
            if vma.prot.contains(Prot::EXEC) {
                machine.sync_code(address);
            }
        });
    }
}

/// Why 2 MiB did not become a block.
enum Failure {
    /// Nothing is mapped there.
    Absent,
    /// Something that ends the call.
    Ends(Errno),
}

/// Linux's `thp_vma_allowable_orders` for an explicit collapse of anonymous memory: it has, or had, pages of its own, nothing
/// special lies in it, and the block that ends where it ends, or before, lies in it.
fn may_have_blocks(vma: &Vma) -> bool {
    let last = vma.end().align_down(HUGE).get().checked_sub(HUGE);
    vma.is_anonymous()
        && vma.anon.is_some()
        && !vma.flags.intersects(VmaFlags::SPECIAL | VmaFlags::NOHUGEPAGE)
        && last.is_some_and(|last| last >= vma.start().get())
}
