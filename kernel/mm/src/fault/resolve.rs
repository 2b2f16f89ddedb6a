//! Making an access good: zeros on demand, pages of objects, copy-on-write.

use super::{Access, FaultError, huge};
use crate::machine::{Frame, Machine};
use crate::object::{NoPage, Page};
use crate::remap::untagged;
use crate::space::{AddressSpace, HugePageMode, object_page};
use crate::table::{Attributes, Entry, Leaf, Level, OutOfMemory, Rights, Slot};
use crate::vma::{Backing, Faulted, Prot, Vma, merge};
use crate::{PAGE_SIZE, PhysAddr, TASK_SIZE, VirtAddr, page};

impl<M: Machine> AddressSpace<M> {
    /// Makes an access good, if need be with memory that the program has offered to give back.
    #[inline]
    pub(crate) fn resolve_or_reclaim(&mut self, addr: u64, access: Access) -> Result<(), FaultError> {
        match self.resolve(addr, access) {
            Err(FaultError::OutOfMemory) if self.reclaim() => self.resolve(addr, access),
            outcome => outcome,
        }
    }

    fn resolve(&mut self, addr: u64, access: Access) -> Result<(), FaultError> {
        let addr = VirtAddr::new(untagged(addr));
        if addr.get() >= TASK_SIZE {
            return Err(FaultError::MapError);
        }
        // The usual fault, and the shortest way.
        if access == Access::Write
            && let Some(prot) = self.tree.plain_at(addr)
        {
            let always = self.limits().huge_pages == HugePageMode::Always;
            let slot = self.tables.slot(addr.align_down(PAGE_SIZE));
            if slot.is_absent() && (slot.level() == Level::Pte || !always) {
                return Ok(fill_with_zeros(&self.machine, slot, prot)?);
            }
        }
        let vma = match self.tree.find(addr) {
            Some(vma) => vma,
            None => self.grow_stack(addr)?,
        };
        if !allows(vma.prot, access) {
            return Err(FaultError::AccessError);
        }
        let addr = addr.align_down(PAGE_SIZE);
        let write = access == Access::Write;
        let policy = self.block_policy();
        let slot = self.tables.slot(addr);
        match slot.entry() {
            Entry::Absent
                if slot.level() != Level::Pte
                    && policy.allows(&vma)
                    && let Some(base) = huge::block_around(&vma, addr) =>
            {
                self.bring_in_huge(&vma, addr, base, write)
            }
            Entry::Absent if write && vma.backing == Backing::Anonymous => {
                fill_with_zeros(&self.machine, slot, vma.prot)?;
                self.give_identity(&vma);
                Ok(())
            }
            Entry::Leaf(leaf) if write && is_shared_copy(leaf) && slot.level() != Level::Pte => {
                self.break_block(&vma, addr, leaf)
            }
            Entry::Leaf(leaf) if write && is_shared_copy(leaf) => self.break_copy_on_write(&vma, addr, leaf),
            Entry::Leaf(_) => {
                // The entry allows the access, or would if the hardware kept access and dirty state; or another thread's fault
                // came first.
                let rights = rights(&vma);
                slot.set_attributes(|attributes| attributes.with_rights(rights).touched(write));
                Ok(())
            }
            // Linux says `SEGV_MAPERR`, although something is mapped.
            Entry::Guard => Err(FaultError::MapError),
            Entry::Absent | Entry::Table(_) => self.bring_in(&vma, addr, write),
        }
    }

    /// Ends the mapping of a page that is the mapping's own.
    fn own_page_mapped(
        &mut self,
        vma: &Vma,
        page: PhysAddr,
        filled: Result<(), OutOfMemory>,
    ) -> Result<(), FaultError> {
        if filled.is_err() {
            page::release(&self.machine, page);
        } else {
            self.give_identity(vma);
        }
        Ok(filled?)
    }

    /// Maps a page where there is none; of anonymous memory that is read, the zero page.
    pub(super) fn bring_in(&mut self, vma: &Vma, addr: VirtAddr, write: bool) -> Result<(), FaultError> {
        match vma.backing {
            _ if vma.is_anonymous() && write => self.map_own(vma, addr, zeroed_frame(&self.machine)?),
            _ if vma.is_anonymous() => {
                let attributes = read_only(vma) | Attributes::ZERO_PAGE;
                let leaf = Leaf {
                    address: self.zero_page,
                    attributes,
                };
                Ok(self.tables.slot(addr).fill(leaf)?)
            }
            Backing::Shared { .. } => {
                let page = match self.page_of_object(vma, addr)? {
                    Page::Shared(page) => page,
                    Page::Copy(frame) => page::adopt(&self.machine, frame),
                };
                self.map_page(vma, addr, page, Attributes::user(rights(vma)))
            }
            _ => self.bring_in_private(vma, addr, write),
        }
    }

    /// The page of an object where the mapping copies before it writes.
    fn bring_in_private(&mut self, vma: &Vma, addr: VirtAddr, write: bool) -> Result<(), FaultError> {
        let page = match self.page_of_object(vma, addr) {
            Err(FaultError::Bus) if write => {
                // Linux prepares for the copy before it looks at the file, and finds no page there.
                self.give_identity(vma);
                return Err(FaultError::Bus);
            }
            page => page?,
        };
        match (page, write) {
            (Page::Copy(frame), true) => self.map_own(vma, addr, frame),
            (Page::Shared(page), true) => {
                let copy = self.copy_of(page);
                page::release(&self.machine, page);
                self.map_own(vma, addr, copy?)
            }
            (found, false) => {
                // A copy that is the mapping's alone is still marked: the first write must be seen, because it gives the mapping
                // its identity.
                let page = match found {
                    Page::Shared(page) => page,
                    Page::Copy(frame) => page::adopt(&self.machine, frame),
                };
                self.map_page(vma, addr, page, read_only(vma) | Attributes::COPY_ON_WRITE)
            }
        }
    }

    /// Maps a frame that is to be the mapping's own, where nothing is mapped.
    fn map_own(&mut self, vma: &Vma, addr: VirtAddr, frame: Frame) -> Result<(), FaultError> {
        let page = page::adopt(&self.machine, frame);
        self.sync_code(vma, page);
        let filled = self.tables.slot(addr).fill(Leaf {
            address: page,
            attributes: Attributes::user(rights(vma)),
        });
        self.own_page_mapped(vma, page, filled)
    }

    /// Maps a page with the reference that the caller has to it; that is given up where there is no memory for a table.
    fn map_page(
        &mut self,
        vma: &Vma,
        addr: VirtAddr,
        page: PhysAddr,
        attributes: Attributes,
    ) -> Result<(), FaultError> {
        self.sync_code(vma, page);
        let result = self.tables.slot(addr).fill(Leaf {
            address: page,
            attributes,
        });
        if result.is_err() {
            page::release(&self.machine, page);
        }
        Ok(result?)
    }

    /// A write to the zero page, or to a page that may have other users: gets a page of its own, unless it is alone already.
    pub(super) fn break_copy_on_write(
        &mut self,
        vma: &Vma,
        addr: VirtAddr,
        leaf: Leaf,
    ) -> Result<(), FaultError> {
        let own = self.page_to_write(leaf)?;
        self.write_to_own(vma, addr, leaf, own);
        Ok(())
    }

    /// A copy of a page that must not be written to; `None` where it has no other user.
    #[inline]
    pub(super) fn page_to_write(&self, leaf: Leaf) -> Result<Option<Frame>, FaultError> {
        if leaf.attributes.contains(Attributes::ZERO_PAGE) {
            Ok(Some(zeroed_frame(&self.machine)?))
        } else if page::is_sole(&self.machine, leaf.address) {
            Ok(None)
        } else {
            self.copy_of(leaf.address).map(Some)
        }
    }

    /// Puts what [`Self::page_to_write`] of `leaf` has answered in its place, or lets the page itself be written to.
    #[inline]
    pub(super) fn write_to_own(&mut self, vma: &Vma, addr: VirtAddr, leaf: Leaf, own: Option<Frame>) {
        match own {
            Some(frame) => {
                self.replace_by_own(vma, addr, frame);
                if !leaf.attributes.contains(Attributes::ZERO_PAGE) {
                    page::release(&self.machine, leaf.address);
                }
            }
            None => {
                let slot = self.tables.slot(addr);
                slot.set_attributes(|attributes| huge::own_again(attributes, vma));
            }
        }
        self.give_identity(vma);
    }

    fn replace_by_own(&mut self, vma: &Vma, addr: VirtAddr, frame: Frame) {
        let page = page::adopt(&self.machine, frame);
        self.sync_code(vma, page);
        let leaf = Leaf {
            address: page,
            attributes: Attributes::user(rights(vma)),
        };
        self.tables.slot(addr).replace(leaf);
    }

    /// Gives a mapping its identity with its first own page.
    pub(crate) fn give_identity(&mut self, vma: &Vma) {
        if vma.anon.is_some() {
            return;
        }
        let (prev, _) = self.tree.around(vma.start());
        let next = self.tree.find_or_next(vma.end());
        let adopted = merge::adopted_identity(prev.as_ref(), vma, next.as_ref());
        let identity = adopted.unwrap_or_else(|| self.new_identity());
        self.tree.update(vma.start(), |vma| {
            vma.anon = Some(Faulted {
                identity,
                home: vma.start(),
            })
        });
    }

    fn page_of_object(&self, vma: &Vma, addr: VirtAddr) -> Result<Page, FaultError> {
        let object = vma
            .backing
            .object()
            .and_then(|id| self.objects.get(id))
            .ok_or(FaultError::Bus)?;
        object.page(object_page(vma, addr)).map_err(|error| match error {
            NoPage::BeyondEnd => FaultError::Bus,
            NoPage::NoFrame => FaultError::OutOfMemory,
        })
    }

    fn copy_of(&self, page: PhysAddr) -> Result<Frame, FaultError> {
        let mut frame = self.machine.take_frame().ok_or(FaultError::OutOfMemory)?;
        self.machine.copy(page, &mut frame);
        Ok(frame)
    }

    /// What was just written to a page as data is to be executed.
    fn sync_code(&self, vma: &Vma, page: PhysAddr) {
        if vma.prot.contains(Prot::EXEC) {
            self.machine.sync_code(page);
        }
    }
}

fn zeroed_frame(machine: &impl Machine) -> Result<Frame, OutOfMemory> {
    let mut frame = machine.take_frame().ok_or(OutOfMemory)?;
    machine.clear(&mut frame);
    Ok(frame)
}

/// Maps a new page, full of zeros, where nothing is.
#[inline]
fn fill_with_zeros<M: Machine>(machine: &M, slot: Slot<'_, M>, prot: Prot) -> Result<(), OutOfMemory> {
    let address = page::adopt(machine, zeroed_frame(machine)?);
    let attributes = Attributes::user(rights_of(prot));
    let filled = slot.fill(Leaf { address, attributes });
    if filled.is_err() {
        page::release(machine, address);
    }
    filled
}

impl From<OutOfMemory> for FaultError {
    fn from(_: OutOfMemory) -> Self {
        FaultError::OutOfMemory
    }
}

/// Whether the protection allows the access. Whatever may be written or executed may be read as well (arm64 without FEAT_PAN3).
fn allows(prot: Prot, access: Access) -> bool {
    match access {
        Access::Read => !prot.is_empty(),
        Access::Write => prot.contains(Prot::WRITE),
        Access::Execute => prot.contains(Prot::EXEC),
    }
}

/// What the tables allow of a mapping.
pub(crate) fn rights(vma: &Vma) -> Rights {
    rights_of(vma.prot)
}

/// What the tables allow of a mapping with this protection: the bits are the same. What may be written may be read too, so that a
/// page of such a mapping is not taken for one of `PROT_NONE` while it must not be written yet.
fn rights_of(prot: Prot) -> Rights {
    let rights = Rights::from_bits_truncate(prot.bits());
    if rights.contains(Rights::WRITE) {
        rights | Rights::READ
    } else {
        rights
    }
}

/// A page of the mapping that must not be written to yet.
pub(super) fn read_only(vma: &Vma) -> Attributes {
    Attributes::user(rights(vma) - Rights::WRITE)
}

fn is_shared_copy(leaf: Leaf) -> bool {
    leaf.attributes
        .intersects(Attributes::ZERO_PAGE | Attributes::COPY_ON_WRITE)
}
