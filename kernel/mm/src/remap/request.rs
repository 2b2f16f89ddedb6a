//! The parameters of `mremap`, checked as far as they can be without looking at a mapping.

use crate::space::round_up_to_page;
use crate::{Errno, PAGE_SIZE, TASK_SIZE, VirtAddr};
use bitflags::bitflags;
use linux_raw_sys::general::{MREMAP_DONTUNMAP, MREMAP_FIXED, MREMAP_MAYMOVE};

bitflags! {
    /// The flags of `mremap(2)`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct RemapFlags: u64 {
        /// The mapping may move.
        const MAYMOVE = MREMAP_MAYMOVE as u64;
        /// It moves to exactly the address given, whatever is there.
        const FIXED = MREMAP_FIXED as u64;
        /// The source stays mapped, without its pages.
        const DONTUNMAP = MREMAP_DONTUNMAP as u64;
    }
}

impl RemapFlags {
    /// Whether the call says that the mapping gets a new address; without `FIXED` the one given is a hint.
    pub(crate) fn implies_new_address(self) -> bool {
        self.intersects(Self::FIXED | Self::DONTUNMAP)
    }
}

/// A call of `mremap` that passed the checks of its parameters. Lengths are whole pages.
///
/// That `old` lies below [`TASK_SIZE`], or `old + old_len` does not wrap, is not implied: Linux finds out by looking for
/// the mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) old: VirtAddr,
    pub(crate) old_len: u64,
    pub(crate) new_len: u64,
    pub(crate) flags: RemapFlags,
    /// Meaningless unless [`RemapFlags::implies_new_address`].
    pub(crate) new: VirtAddr,
}

impl Request {
    /// Checks the arguments in Linux's order (`check_mremap_params` of 7.3).
    ///
    /// A tag in the top byte of `old` is dropped, one in `new` is not, as arm64's tagged-address ABI has it. Lengths
    /// are rounded up first, and a length that wraps becomes zero.
    ///
    /// # Errors
    /// `EINVAL`.
    pub(crate) fn decode(old: u64, old_len: u64, new_len: u64, flags: u64, new: u64) -> Result<Self, Errno> {
        let old = untagged(old);
        let (old_len, new_len) = (round_up_to_page(old_len), round_up_to_page(new_len));
        let flags = RemapFlags::from_bits(flags).ok_or(Errno::EINVAL)?;
        if !old.is_multiple_of(PAGE_SIZE) || new_len == 0 || new_len > TASK_SIZE {
            return Err(Errno::EINVAL);
        }
        let request = Self {
            old: VirtAddr::new(old),
            old_len,
            new_len,
            flags,
            new: VirtAddr::new(new),
        };
        if flags.implies_new_address() {
            request.check_new_address()?;
        }
        Ok(request)
    }

    /// The checks that only a new address needs. They hold for a hint as well.
    fn check_new_address(&self) -> Result<(), Errno> {
        let new = self.new.get();
        let refused = new > TASK_SIZE - self.new_len
            || !new.is_multiple_of(PAGE_SIZE)
            || !self.flags.contains(RemapFlags::MAYMOVE)
            || (self.flags.contains(RemapFlags::DONTUNMAP) && self.old_len != self.new_len)
            || self.overlaps();
        if refused { Err(Errno::EINVAL) } else { Ok(()) }
    }

    /// Whether source and target share a page. A source of no length does when it starts strictly inside the target; the
    /// sum wraps as Linux's does, so that a wild length fails later, for want of a mapping.
    fn overlaps(&self) -> bool {
        let (old, new) = (self.old.get(), self.new.get());
        old.wrapping_add(self.old_len) > new && new + self.new_len > old
    }

    /// Whether the call moves mappings and changes no length, so that it may move several.
    pub(crate) fn only_moves(&self) -> bool {
        self.flags.contains(RemapFlags::FIXED) && self.old_len == self.new_len
    }
}

/// Drops the tag of a program's pointer. The top byte goes where bit 55 is clear, so that an address of the kernel's half
/// stays one (`untagged_addr` of the tagged-address ABI).
pub(crate) fn untagged(addr: u64) -> u64 {
    addr & (((addr << 8) as i64 >> 8) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const P: u64 = PAGE_SIZE;
    const OLD: u64 = 0x10_0000;
    const NEW: u64 = 0x20_0000;
    const MAYMOVE: u64 = 1;
    const FIXED: u64 = 2;
    const DONTUNMAP: u64 = 4;

    fn refused(old: u64, old_len: u64, new_len: u64, flags: u64, new: u64) -> bool {
        Request::decode(old, old_len, new_len, flags, new) == Err(Errno::EINVAL)
    }

    #[test]
    fn unknown_flags_are_refused() {
        assert!(refused(OLD, P, P, 8, 0));
        assert!(refused(OLD, P, P, MAYMOVE | 1 << 63, 0));
        assert!(!refused(OLD, P, P, 0, 0));
    }

    #[test]
    fn source_must_be_aligned_and_target_length_sane() {
        assert!(refused(OLD + 1, P, P, 0, 0));
        assert!(refused(OLD, P, 0, 0, 0));
        assert!(refused(OLD, P, u64::MAX, 0, 0), "rounds to zero");
        assert!(refused(OLD, P, TASK_SIZE + 1, 0, 0));
        assert!(!refused(OLD, P, TASK_SIZE, 0, 0));
    }

    #[test]
    fn a_new_address_is_checked_only_where_it_means_something() {
        assert!(
            !refused(OLD, P, P, MAYMOVE, NEW + 1),
            "junk in an argument that nobody reads"
        );
        assert!(refused(OLD, P, P, MAYMOVE | FIXED, NEW + 1));
        assert!(refused(OLD, P, P, MAYMOVE | DONTUNMAP, NEW + 1), "a hint too");
        assert!(refused(OLD, P, P, MAYMOVE | FIXED, TASK_SIZE));
        assert!(refused(OLD, P, P, MAYMOVE | FIXED, !(P - 1)));
        assert!(!refused(OLD, P, P, MAYMOVE | FIXED, TASK_SIZE - P));
    }

    #[test]
    fn fixed_and_dontunmap_need_maymove() {
        assert!(refused(OLD, P, P, FIXED, NEW));
        assert!(refused(OLD, P, P, DONTUNMAP, NEW));
        assert!(refused(OLD, P, P, FIXED | DONTUNMAP, NEW));
    }

    #[test]
    fn dontunmap_keeps_the_length() {
        assert!(refused(OLD, P, 2 * P, MAYMOVE | DONTUNMAP, NEW));
        assert!(refused(OLD, 0, P, MAYMOVE | DONTUNMAP, NEW));
        assert!(!refused(OLD, P - 5, P, MAYMOVE | DONTUNMAP, NEW), "rounded first");
    }

    #[test]
    fn overlap_is_refused_also_with_the_tail_that_a_shrink_cuts() {
        assert!(refused(OLD, 4 * P, 4 * P, MAYMOVE | FIXED, OLD));
        assert!(refused(OLD, 4 * P, P, MAYMOVE | FIXED, OLD + 3 * P));
        assert!(!refused(OLD, 4 * P, P, MAYMOVE | FIXED, OLD + 4 * P));
        assert!(!refused(OLD, 4 * P, 4 * P, MAYMOVE | FIXED, OLD - 4 * P));
        assert!(refused(OLD, 4 * P, 4 * P, MAYMOVE | DONTUNMAP, OLD), "a hint too");
    }

    #[test]
    fn an_empty_source_overlaps_only_strictly_inside() {
        assert!(!refused(OLD, 0, 4 * P, MAYMOVE | FIXED, OLD));
        assert!(refused(OLD + P, 0, 4 * P, MAYMOVE | FIXED, OLD));
        let empty = Request::decode(OLD, u64::MAX, P, MAYMOVE | FIXED, OLD).expect("rounds to zero");
        assert_eq!(empty.old_len, 0);
    }

    #[test]
    fn the_tag_is_dropped_from_the_source_only() {
        let tag = 0xab << 56;
        let request =
            Request::decode(OLD | tag, P, P, MAYMOVE | FIXED, NEW).expect("a tagged source is fine");
        assert_eq!(request.old, VirtAddr::new(OLD));
        assert!(refused(OLD, P, P, MAYMOVE | FIXED, NEW | tag));
        let kernel = 0xffff_8000_0000_0000;
        assert_eq!(untagged(kernel), kernel);
        assert_eq!(
            untagged(0x0f80_0000_0000_1000),
            0x0f80_0000_0000_1000,
            "bit 55 set: not a program's address"
        );
    }
}
