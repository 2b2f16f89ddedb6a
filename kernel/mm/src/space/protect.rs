//! `mprotect`: Linux's `do_mprotect_pkey`, mapping by mapping; what was changed before an error stays changed.

use super::AddressSpace;
use super::view::{Freed, View};
use crate::machine::Machine;
use crate::remap::untagged;
use crate::vma::{Place, Prot, Vma, VmaFlags};
use crate::{Errno, PAGE_SIZE, PageRange, VirtAddr};
use linux_raw_sys::general::{PROT_EXEC, PROT_GROWSDOWN, PROT_GROWSUP, PROT_READ, PROT_SEM, PROT_WRITE};

/// All that `mprotect` takes for a protection.
const KNOWN: u64 = (PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM) as u64;

/// A call that passed the checks of its parameters.
struct Request {
    range: PageRange,
    prot: Prot,
    grows: Grows,
}

/// How far beyond the range the call reaches.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Grows {
    No,
    /// `PROT_GROWSDOWN`: from the start of the stack on.
    Down,
    /// `PROT_GROWSUP`: to the end of a mapping that grows upwards, of which this architecture has none.
    Up,
}

impl<M: Machine> AddressSpace<M> {
    pub(super) fn protect(&mut self, addr: u64, len: u64, prot: u64) -> Result<(), Errno> {
        let Some(request) = decode(addr, len, prot)? else {
            return Ok(());
        };
        let mut place = Place::NOWHERE;
        if !self.tree.seek(request.range.start(), &mut place) {
            return Err(Errno::ENOMEM);
        }
        let vma = self.tree.vma_at(&place);
        let range = first_checks(&vma, &request)?;
        // The first and the last mapping may each be cut once.
        self.tree.reserve(2)?;
        if vma.end() >= range.end() {
            return self.protect_part(&place, &vma, range, request.prot);
        }
        let part = PageRange::between(range.start(), vma.end());
        self.protect_part(&place, &vma, part, request.prot)?;
        self.protect_rest(PageRange::between(vma.end(), range.end()), request.prot)
    }

    /// Changes the mappings of `range`, which begins where one ends, as far as the first hole.
    #[inline(never)]
    fn protect_rest(&mut self, range: PageRange, prot: Prot) -> Result<(), Errno> {
        let (mut place, mut at) = (Place::NOWHERE, range.start());
        while at < range.end() {
            if !self.tree.seek(at, &mut place) {
                return Err(Errno::ENOMEM);
            }
            let vma = self.tree.vma_at(&place);
            if vma.start() > at {
                return Err(Errno::ENOMEM);
            }
            let part = PageRange::between(at, vma.end().min(range.end()));
            self.protect_part(&place, &vma, part, prot)?;
            at = part.end();
        }
        Ok(())
    }

    /// Changes `part` of `vma`, which is at `place`.
    fn protect_part(&mut self, place: &Place, vma: &Vma, part: PageRange, prot: Prot) -> Result<(), Errno> {
        let Some(flags) = plan(&self.view(), vma, part, prot)? else {
            return Ok(());
        };
        let changed = Vma {
            prot,
            flags,
            ..vma.with_range(part)
        };
        self.modify_at(place, vma, &changed)?;
        self.protect_pages(part, prot);
        if becomes_writable_locked(vma, prot) {
            self.populate(part);
        }
        Ok(())
    }
}

/// The checks that `mprotect(2)` makes of its parameters before it looks at anything else; answers whether there is anything to do.
///
/// # Errors
/// Linux's: `EINVAL`, `ENOMEM`.
pub fn check_protect(addr: u64, len: u64, prot: u64) -> Result<bool, Errno> {
    let both = u64::from(PROT_GROWSDOWN | PROT_GROWSUP);
    let addr = untagged(addr);
    if prot & both == both || !addr.is_multiple_of(PAGE_SIZE) {
        return Err(Errno::EINVAL);
    }
    if len == 0 {
        return Ok(false);
    }
    if addr.wrapping_add(super::round_up_to_page(len)) <= addr {
        return Err(Errno::ENOMEM);
    }
    if prot & !(KNOWN | both) != 0 {
        return Err(Errno::EINVAL);
    }
    Ok(true)
}

/// The checks of the parameters; `None` for a length of zero, which is no error and no work.
fn decode(addr: u64, len: u64, prot: u64) -> Result<Option<Request>, Errno> {
    if !check_protect(addr, len, prot)? {
        return Ok(None);
    }
    let (addr, len) = (untagged(addr), super::round_up_to_page(len));
    let (down, up) = (
        prot & u64::from(PROT_GROWSDOWN) != 0,
        prot & u64::from(PROT_GROWSUP) != 0,
    );
    // Linux looks for a mapping first; nothing is mapped beyond the end.
    let range = PageRange::from_len(VirtAddr::new(addr), len)
        .or_else(|| PageRange::new(VirtAddr::new(addr), VirtAddr::new(crate::TASK_SIZE)))
        .ok_or(Errno::ENOMEM)?;
    let grows = match (down, up) {
        (true, _) => Grows::Down,
        (_, true) => Grows::Up,
        _ => Grows::No,
    };
    Ok(Some(Request {
        range,
        prot: super::map::prot_of(prot),
        grows,
    }))
}

/// What Linux finds out about the first mapping, the one that holds the start of the range or is the first one behind; answers the
/// range with its start where it has to be.
#[inline]
fn first_checks(vma: &Vma, request: &Request) -> Result<PageRange, Errno> {
    let range = request.range;
    if vma.start() >= range.end() {
        return Err(Errno::ENOMEM);
    }
    match request.grows {
        Grows::Down if vma.flags.contains(VmaFlags::GROWSDOWN) => {
            PageRange::new(vma.start(), range.end()).ok_or(Errno::ENOMEM)
        }
        Grows::Down => Err(Errno::EINVAL),
        _ if vma.start() > range.start() => Err(Errno::ENOMEM),
        Grows::Up => Err(Errno::EINVAL),
        Grows::No => Ok(range),
    }
}

/// Whether a private locked mapping becomes writable: its copies are made now, lest a write has to wait for them.
fn becomes_writable_locked(vma: &Vma, prot: Prot) -> bool {
    vma.flags.contains(VmaFlags::LOCKED)
        && !vma.flags.contains(VmaFlags::SHARED)
        && prot.contains(Prot::WRITE)
        && !vma.prot.contains(Prot::WRITE)
}

/// What becomes of the flags of a part of a mapping; `None` where nothing changes.
fn plan(view: &View<'_>, vma: &Vma, part: PageRange, prot: Prot) -> Result<Option<VmaFlags>, Errno> {
    if prot.difference(allowed(vma.flags)) != Prot::empty() {
        return Err(Errno::EACCES);
    }
    if vma.flags.contains(VmaFlags::SEALED) {
        return Err(Errno::EPERM);
    }
    if vma.prot == prot {
        return Ok(None);
    }
    accounting(view, vma, part.pages(), prot).map(Some)
}

/// What `mprotect` may give a mapping: the flags stand in the order of the rights.
const fn allowed(flags: VmaFlags) -> Prot {
    Prot::from_bits_truncate((flags.bits() >> VmaFlags::MAYREAD.bits().trailing_zeros()) as u8)
}

const _: () = {
    assert!(allowed(VmaFlags::MAYREAD).bits() == Prot::READ.bits());
    assert!(allowed(VmaFlags::MAYWRITE).bits() == Prot::WRITE.bits());
    assert!(allowed(VmaFlags::MAYEXEC).bits() == Prot::EXEC.bits());
};

/// A private mapping counts once it has been writable; it stops to count only while it has no page of its own.
fn accounting(view: &View<'_>, vma: &Vma, pages: u64, prot: Prot) -> Result<VmaFlags, Errno> {
    let mut flags = vma.flags;
    if prot.contains(Prot::WRITE) {
        let fits = |prot| view.may_expand(prot, vma.flags, pages, Freed::default());
        if !fits(prot) && fits(vma.prot) {
            return Err(Errno::ENOMEM);
        }
        let counted = VmaFlags::ACCOUNT | VmaFlags::SHARED | VmaFlags::NORESERVE;
        if !flags.intersects(counted) && !vma.prot.contains(Prot::WRITE) {
            if !view.may_commit(pages) {
                return Err(Errno::ENOMEM);
            }
            flags |= VmaFlags::ACCOUNT;
        }
    } else if vma.is_anonymous() && vma.anon.is_none() {
        flags -= VmaFlags::ACCOUNT;
    }
    Ok(flags)
}
