//! The objects that an address space maps, by number.

use crate::machine::Machine;
use crate::object::Object;
use crate::vma::{ObjectId, Vma};
use crate::{Errno, VirtAddr};
use alloc::vec::Vec;
use core::num::NonZeroU32;
use core::sync::atomic::Ordering;

/// Numbers objects, and holds a handle to each as long as a page of it is mapped.
///
/// Pages are counted, not mappings: cutting and merging mappings then changes nothing here.
pub(crate) struct Objects<M: Machine> {
    slots: Vec<Slot<M>>,
    /// The number of a free slot to start looking at.
    free: usize,
    /// Pages that objects made for a mapping of this address space count towards the commit limit.
    charged: u64,
}

struct Slot<M: Machine> {
    object: Option<Object<M>>,
    /// Pages of the address space that show the object, resident or not.
    pages: u64,
    /// Pages that it counts towards the commit limit here.
    charge: u64,
}

impl<M: Machine> Objects<M> {
    pub(crate) const fn new() -> Self {
        Self {
            slots: Vec::new(),
            free: 0,
            charged: 0,
        }
    }

    /// Pages that count towards the commit limit because shared memory was mapped here first, not file by file.
    pub(crate) const fn charged(&self) -> u64 {
        self.charged
    }

    /// Counts an object's `pages` towards the commit limit as long as it is mapped here: a fork's child does not count them again.
    pub(crate) fn charge(&mut self, id: ObjectId, pages: u64) {
        self.slots[index(id)].charge = pages;
        self.charged += pages;
    }

    /// The same objects by the same numbers, for another address space, which maps no page of them yet. Those of which none is
    /// mapped afterwards must be given up with [`Objects::sweep_all`].
    ///
    /// # Errors
    /// `ENOMEM`.
    pub(crate) fn for_fork(&self) -> Result<Self, Errno> {
        let mut slots = Vec::new();
        slots
            .try_reserve_exact(self.slots.len())
            .map_err(|_| Errno::ENOMEM)?;
        slots.extend(self.slots.iter().map(|slot| Slot {
            object: slot.object.clone(),
            pages: 0,
            charge: 0,
        }));
        Ok(Self {
            slots,
            free: self.free,
            charged: 0,
        })
    }

    /// Gives up every object of which no page is mapped.
    pub(crate) fn sweep_all(&mut self) {
        for slot in self.slots.iter_mut().filter(|slot| slot.pages == 0) {
            slot.object = None;
        }
        self.free = 0;
    }

    /// The number of `object`, which gets one if it has none. A number of which no page is mapped afterwards must be given
    /// up with [`Objects::sweep`].
    ///
    /// # Errors
    /// `ENOMEM`.
    pub(crate) fn enter(&mut self, object: &Object<M>) -> Result<ObjectId, Errno> {
        if let Some(index) = self.index_of(object) {
            return number(index);
        }
        let index = self.free_slot()?;
        let id = number(index)?;
        self.slots[index].object = Some(object.clone());
        object.slot_hint().store(id.get().get(), Ordering::Relaxed);
        Ok(id)
    }

    /// The object with a number that a mapping holds.
    pub(crate) fn get(&self, id: ObjectId) -> Option<&Object<M>> {
        self.slots.get(index(id))?.object.as_ref()
    }

    /// The objects, each once.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Object<M>> {
        self.slots.iter().filter_map(|slot| slot.object.as_ref())
    }

    /// How many bytes of the heap they and their numbers take.
    pub(crate) fn heap_bytes(&self) -> u64 {
        let slots = self.slots.capacity() * size_of::<Slot<M>>();
        slots as u64 + self.iter().map(Object::heap_bytes).sum::<u64>()
    }

    /// Counts the pages of a new mapping, or of one that grew.
    pub(crate) fn mapped(&mut self, vma: &Vma, pages: u64) {
        if let Some(slot) = vma.backing.object().and_then(|id| self.slots.get_mut(index(id))) {
            slot.pages += pages;
        }
    }

    /// Counts the pages of a mapping, or part of one, that is gone; gives up the object with the last.
    pub(crate) fn unmapped(&mut self, vma: &Vma, pages: u64) {
        if let Some(id) = vma.backing.object() {
            self.slots[index(id)].pages -= pages;
            self.sweep(id);
        }
    }

    /// Gives up the object if no page of it is mapped.
    pub(crate) fn sweep(&mut self, id: ObjectId) {
        let slot = &mut self.slots[index(id)];
        if slot.pages == 0 {
            slot.object = None;
            self.charged -= slot.charge;
            slot.charge = 0;
            self.free = self.free.min(index(id));
        }
    }

    /// The number of an object that is mapped here, if it is.
    pub(crate) fn find(&self, object: &Object<M>) -> Option<ObjectId> {
        number(self.index_of(object)?).ok()
    }

    fn index_of(&self, object: &Object<M>) -> Option<usize> {
        let hint = NonZeroU32::new(object.slot_hint().load(Ordering::Relaxed))?;
        let is_it = |slot: &Slot<M>| slot.object.as_ref() == Some(object);
        let hinted = index(ObjectId::new(hint));
        if self.slots.get(hinted).is_some_and(is_it) {
            return Some(hinted);
        }
        // Another address space has mapped it as well, and taken over the hint.
        self.slots.iter().position(is_it)
    }

    fn free_slot(&mut self) -> Result<usize, Errno> {
        let free = self.slots[self.free.min(self.slots.len())..]
            .iter()
            .position(|slot| slot.object.is_none());
        let index = match free {
            Some(offset) => self.free + offset,
            None => {
                self.slots.try_reserve(1).map_err(|_| Errno::ENOMEM)?;
                self.slots.push(Slot {
                    object: None,
                    pages: 0,
                    charge: 0,
                });
                self.slots.len() - 1
            }
        };
        self.free = index + 1;
        Ok(index)
    }
}

fn index(id: ObjectId) -> usize {
    id.get().get() as usize - 1
}

fn number(index: usize) -> Result<ObjectId, Errno> {
    let number = u32::try_from(index + 1).ok().and_then(NonZeroU32::new);
    number.map(ObjectId::new).ok_or(Errno::ENOMEM)
}

/// The page of its object that a mapping shows at `addr`.
pub(crate) fn object_page(vma: &Vma, addr: VirtAddr) -> u64 {
    let offset = match vma.backing {
        crate::vma::Backing::Shared { offset, .. } | crate::vma::Backing::Private { offset, .. } => offset,
        crate::vma::Backing::Anonymous | crate::vma::Backing::Special { .. } => 0,
    };
    offset + ((addr - vma.start()) >> crate::PAGE_SHIFT)
}
