//! Faults in memory that may be huge: a block of 2 MiB at once.
//!
//! Memory that [`HugePageMode`](crate::HugePageMode) lets be huge gets a block where all of its 2 MiB lie in the mapping and the tables have nothing
//! there yet, and where one is free; else it gets pages, and nobody is told. Memory that is read first shows the huge page of
//! zeros. After a fork a block is written by whoever has it alone; where two have it, it is made pages of, and these are copied.

use super::FaultError;
use super::resolve::{read_only, rights};
use crate::machine::{BLOCK_SIZE, Block, Machine};
use crate::space::AddressSpace;
use crate::table::{Attributes, Leaf, Level};
use crate::vma::{Vma, VmaFlags};
use crate::{PageRange, PhysAddr, VirtAddr, page};

/// Where a block around `addr` would begin; `None` where the mapping has no room for one, or a userfaultfd wants each page.
pub(super) fn block_around(vma: &Vma, addr: VirtAddr) -> Option<VirtAddr> {
    let base = addr.align_down(BLOCK_SIZE);
    let fits = !vma.flags.contains(VmaFlags::UFFD_MISSING)
        && PageRange::from_len(base, BLOCK_SIZE).is_some_and(|block| vma.range.covers(block));
    fits.then_some(base)
}

impl<M: Machine> AddressSpace<M> {
    /// Makes good an access to `addr`, around which nothing is mapped in the 2 MiB from `base`. Unlike the page of zeros, the huge
    /// one gives the mapping its identity, even if none could be had.
    #[cold]
    pub(super) fn bring_in_huge(
        &mut self,
        vma: &Vma,
        addr: VirtAddr,
        base: VirtAddr,
        write: bool,
    ) -> Result<(), FaultError> {
        let mapped = if write {
            self.map_own_block(vma, base)
        } else {
            self.map_zero_block(vma, base)
        };
        if mapped.is_none() {
            self.bring_in(vma, addr, write)?;
        }
        self.give_identity(vma);
        Ok(())
    }

    fn map_own_block(&mut self, vma: &Vma, base: VirtAddr) -> Option<()> {
        let address = page::adopt_block(&self.machine, zeroed_block(&self.machine)?);
        let attributes = Attributes::user(rights(vma));
        let mapped = self
            .tables
            .map_block(Level::Pmd, base, Leaf { address, attributes });
        if mapped.is_err() {
            page::release_block(&self.machine, address);
        }
        mapped.ok()
    }

    fn map_zero_block(&mut self, vma: &Vma, base: VirtAddr) -> Option<()> {
        let attributes = read_only(vma) | Attributes::ZERO_PAGE;
        let address = self.zero_block()?;
        self.tables
            .map_block(Level::Pmd, base, Leaf { address, attributes })
            .ok()
    }

    /// The block of zeros, which is taken when it is first needed.
    fn zero_block(&mut self) -> Option<PhysAddr> {
        if self.zero_block.is_none() {
            let block = zeroed_block(&self.machine)?;
            self.zero_block = Some(page::adopt_block(&self.machine, block));
        }
        self.zero_block
    }

    /// A write to a block that is not to be written to as it is: the zero block, or one that may have other users. Afterwards
    /// there is a block of the mapping's own, or pages that are still as the block was.
    #[cold]
    pub(super) fn break_block(&mut self, vma: &Vma, addr: VirtAddr, block: Leaf) -> Result<(), FaultError> {
        let slot = self.tables.slot(addr);
        if block.attributes.contains(Attributes::ZERO_PAGE) {
            if let Some(own) = zeroed_block(&self.machine) {
                slot.replace(Leaf {
                    address: page::adopt_block(&self.machine, own),
                    attributes: Attributes::user(rights(vma)),
                });
                self.give_identity(vma);
                return Ok(());
            }
        } else if page::is_sole_block(&self.machine, block.address) {
            slot.set_attributes(|attributes| own_again(attributes, vma));
            self.give_identity(vma);
            return Ok(());
        }
        let piece = Leaf {
            address: block.address + addr.offset_in(BLOCK_SIZE),
            attributes: block.attributes,
        };
        // Where there is no memory for it, the block stays whole.
        let own = self.page_to_write(piece)?;
        self.tables.split_to_pages(addr);
        self.write_to_own(vma, addr, piece, own);
        Ok(())
    }
}

/// The attributes of a page or block that turned out to have no other user: it need not be copied any more.
pub(super) fn own_again(attributes: Attributes, vma: &Vma) -> Attributes {
    (attributes - Attributes::COPY_ON_WRITE)
        .with_rights(rights(vma))
        .touched(true)
}

fn zeroed_block(machine: &impl Machine) -> Option<Block> {
    let mut block = machine.take_block()?;
    machine.clear_block(&mut block);
    Some(block)
}
