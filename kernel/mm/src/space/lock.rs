//! Locked memory: `mlock`, `munlock`, `mlockall` and what mappings made later inherit of it.
//!
//! Nothing is ever paged out here, so that a lock is a flag of a mapping, a sum that `RLIMIT_MEMLOCK` limits, and pages that are
//! brought in before they are asked for. `MADV_DONTNEED` and its like refuse locked memory.

use super::limits::Capabilities;
use super::report::everything;
use super::view::View;
use super::{AddressSpace, round_up_to_page};
use crate::machine::Machine;
use crate::remap::untagged;
use crate::vma::{Vma, VmaFlags};
use crate::{Errno, PAGE_SHIFT, PAGE_SIZE, PageRange, TASK_SIZE, VirtAddr};
use linux_raw_sys::general::{MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT, MLOCK_ONFAULT};

impl View<'_> {
    /// Whether the program may lock memory at all (Linux's `can_do_mlock`).
    pub(super) fn may_lock_any(&self) -> bool {
        self.limits.locked != 0 || self.has(Capabilities::IPC_LOCK)
    }

    /// Whether `pages` more may be locked (Linux's `mlock_future_ok`).
    pub(crate) fn may_lock(&self, pages: u64) -> bool {
        let locked = self.tree.totals().locked >> PAGE_SHIFT;
        self.has(Capabilities::IPC_LOCK) || locked + pages <= self.limits.locked >> PAGE_SHIFT
    }

    /// Whether `len` bytes from `start` may be locked, of which some may be locked already.
    fn may_lock_range(&self, start: u64, len: u64) -> bool {
        let limit = self.limits.locked >> PAGE_SHIFT;
        let locked = (self.tree.totals().locked >> PAGE_SHIFT) + (len >> PAGE_SHIFT);
        self.has(Capabilities::IPC_LOCK) || locked <= limit || locked - self.locked_pages(start, len) <= limit
    }

    /// How many pages of a range are locked.
    fn locked_pages(&self, start: u64, len: u64) -> u64 {
        let end = start.saturating_add(len).min(TASK_SIZE);
        let Some(range) = PageRange::new(VirtAddr::new(start), VirtAddr::new(end)) else {
            return 0;
        };
        let locked = self
            .tree
            .iter(range)
            .filter(|vma| vma.flags.contains(VmaFlags::LOCKED));
        locked
            .filter_map(|vma| vma.range.intersection(range))
            .map(PageRange::pages)
            .sum()
    }
}

impl<M: Machine> AddressSpace<M> {
    pub(super) fn lock_request(&mut self, addr: u64, len: u64, flags: u64) -> Result<(), Errno> {
        let lock = match flags as u32 {
            0 => VmaFlags::LOCKED,
            MLOCK_ONFAULT => VmaFlags::LOCKED_MASK,
            _ => return Err(Errno::EINVAL),
        };
        if !self.view().may_lock_any() {
            return Err(Errno::EPERM);
        }
        let (start, len) = whole_pages(addr, len);
        if !self.view().may_lock_range(start, len) {
            return Err(Errno::ENOMEM);
        }
        match self.set_lock(start, len, lock)? {
            Some(range) => self.populate_locked(range),
            None => Ok(()),
        }
    }

    pub(super) fn unlock_request(&mut self, addr: u64, len: u64) -> Result<(), Errno> {
        let (start, len) = whole_pages(addr, len);
        self.set_lock(start, len, VmaFlags::empty()).map(drop)
    }

    /// Locks, or unlocks, mapping by mapping, and answers the range, if it is not empty (Linux's `apply_vma_lock_flags`). What was
    /// locked before a hole stays locked.
    fn set_lock(&mut self, start: u64, len: u64, lock: VmaFlags) -> Result<Option<PageRange>, Errno> {
        let end = start.checked_add(len).ok_or(Errno::EINVAL)?;
        if len == 0 {
            return Ok(None);
        }
        // The first and the last mapping may each be cut once.
        self.tree.reserve(2)?;
        let mut at = VirtAddr::new(start);
        let end = VirtAddr::new(end);
        while at < end {
            let vma = self.tree.find(at).ok_or(Errno::ENOMEM)?;
            let part = PageRange::between(at, vma.end().min(end));
            self.set_lock_of(&vma, part, lock)?;
            at = part.end();
        }
        Ok(PageRange::new(VirtAddr::new(start), end))
    }

    /// Locks or unlocks a part of one mapping (Linux's `mlock_fixup`).
    fn set_lock_of(&mut self, vma: &Vma, part: PageRange, lock: VmaFlags) -> Result<(), Errno> {
        let flags = (vma.flags - VmaFlags::LOCKED_MASK) | lock;
        if flags == vma.flags || !vma.can_be_locked() {
            return Ok(());
        }
        self.modify(vma, part, |vma| vma.flags = flags)
    }

    pub(super) fn lock_all_request(&mut self, flags: u64) -> Result<(), Errno> {
        let flags = flags as u32;
        let known = MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT;
        if flags & !known != 0 || flags & (MCL_CURRENT | MCL_FUTURE) == 0 {
            return Err(Errno::EINVAL);
        }
        let view = self.view();
        if !view.may_lock_any() {
            return Err(Errno::EPERM);
        }
        let current = flags & MCL_CURRENT != 0;
        let fits = view.tree.totals().bytes >> PAGE_SHIFT <= view.limits.locked >> PAGE_SHIFT;
        if current && !fits && !view.has(Capabilities::IPC_LOCK) {
            return Err(Errno::ENOMEM);
        }
        let lock = match flags & MCL_ONFAULT {
            0 => VmaFlags::LOCKED,
            _ => VmaFlags::LOCKED_MASK,
        };
        self.lock_of_new = match flags & MCL_FUTURE {
            0 => VmaFlags::empty(),
            _ => lock,
        };
        if current {
            self.set_lock_of_all(lock);
            self.populate(everything());
        }
        Ok(())
    }

    /// Unlocks all there is, and all that comes.
    pub(super) fn unlock_all(&mut self) {
        self.lock_of_new = VmaFlags::empty();
        self.set_lock_of_all(VmaFlags::empty());
    }

    fn set_lock_of_all(&mut self, lock: VmaFlags) {
        let mut at = VirtAddr::new(0);
        while let Some(vma) = self.tree.find_or_next(at) {
            // No mapping is cut, so that nothing is refused.
            let _ = self.set_lock_of(&vma, vma.range, lock);
            at = vma.end();
        }
    }

    /// Takes the lock off a new mapping that has inherited it and cannot have it.
    pub(super) fn drop_vain_lock(&mut self, addr: VirtAddr) {
        let Some(vma) = self.tree.find(addr) else { return };
        if vma.flags.contains(VmaFlags::LOCKED) && !vma.can_be_locked() {
            self.tree.update(addr, |vma| vma.flags -= VmaFlags::LOCKED_MASK);
        }
    }
}

/// The pages that a range touches: a tag is dropped, the start rounded down, the length up, wrapping as Linux's does.
fn whole_pages(addr: u64, len: u64) -> (u64, u64) {
    let addr = untagged(addr);
    let within = addr % PAGE_SIZE;
    (addr - within, round_up_to_page(len.wrapping_add(within)))
}
