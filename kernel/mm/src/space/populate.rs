//! Bringing pages in before a program touches them: `MAP_POPULATE`, locked memory.

use super::AddressSpace;
use crate::fault::{Access, FaultError};
use crate::machine::Machine;
use crate::vma::{Prot, Vma, VmaFlags};
use crate::{Errno, PAGE_SIZE, PageRange, VirtAddr};

impl<M: Machine> AddressSpace<M> {
    /// Brings in every page of a range, as far as that goes: a mapping in which something fails is left at that, holes are
    /// passed over (Linux's `mm_populate`).
    pub(super) fn populate(&mut self, range: PageRange) {
        let mut at = range.start();
        while let Some((vma, part)) = self.part_behind(at, range) {
            let _ = self.populate_mapping(&vma, part);
            at = part.end();
        }
    }

    /// Brings in every page of a range that `mlock` has just locked.
    ///
    /// # Errors
    /// `ENOMEM` at the first page that cannot be had: `PROT_NONE`, a guard, beyond the end of an object. `EAGAIN` where memory
    /// runs out.
    pub(super) fn populate_locked(&mut self, range: PageRange) -> Result<(), Errno> {
        let mut at = range.start();
        while let Some((vma, part)) = self.part_behind(at, range) {
            self.populate_mapping(&vma, part).map_err(|error| match error {
                FaultError::OutOfMemory => Errno::EAGAIN,
                FaultError::MapError | FaultError::AccessError | FaultError::Bus => Errno::ENOMEM,
            })?;
            at = part.end();
        }
        Ok(())
    }

    /// Brings in what was added to a locked mapping.
    pub(crate) fn populate_if_locked(&mut self, vma: &Vma, added: PageRange) {
        if vma.flags.contains(VmaFlags::LOCKED) && !added.is_empty() {
            self.populate(added);
        }
    }

    /// The mapping that holds `at`, or the next one, and its part of the rest of `range`.
    fn part_behind(&self, at: VirtAddr, range: PageRange) -> Option<(Vma, PageRange)> {
        let rest = PageRange::new(at, range.end())?;
        let vma = self.tree.find_or_next(at)?;
        let part = vma.range.intersection(rest).filter(|part| !part.is_empty())?;
        Some((vma, part))
    }

    /// Brings in a part of one mapping (Linux's `populate_vma_page_range`), by writes where it is to be written to and its alone.
    fn populate_mapping(&mut self, vma: &Vma, part: PageRange) -> Result<(), FaultError> {
        let passed_over = VmaFlags::IO | VmaFlags::PFNMAP | VmaFlags::LOCKONFAULT;
        if vma.flags.intersects(passed_over) {
            return Ok(());
        }
        let write = vma.prot.contains(Prot::WRITE) && !vma.flags.contains(VmaFlags::SHARED);
        self.populate_part(part, if write { Access::Write } else { Access::Read })
    }

    /// Faults on every page of `part`, which lies in one mapping.
    pub(super) fn populate_part(&mut self, part: PageRange, access: Access) -> Result<(), FaultError> {
        let mut at = part.start();
        while at < part.end() {
            self.resolve_or_reclaim(at.get(), access)?;
            // A block was brought in as a whole.
            let size = if self.tables.has_blocks() {
                self.tables.query(at).0.size()
            } else {
                PAGE_SIZE
            };
            at = at.align_down(size) + size;
        }
        Ok(())
    }
}
