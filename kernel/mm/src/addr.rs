//! Addresses and page ranges: the only place where addresses are added and subtracted.

use core::fmt;

/// log2 of the page size: the 4 KiB granule.
pub const PAGE_SHIFT: u32 = 12;
/// The page size in bytes.
pub const PAGE_SIZE: u64 = 1 << PAGE_SHIFT;
/// One past the last address a program may use: 48-bit addresses, as Linux has them under `arm64.nolva`.
pub const TASK_SIZE: u64 = 1 << 48;

/// The end of the largest address space that Linux is built for, 52 bits, whatever the machine has: its `access_ok` looks at no
/// other.
pub const ACCESS_END: u64 = 1 << 52;

/// A program's virtual address. Any 64-bit value: that it lies below [`TASK_SIZE`], or on a page boundary, is for whoever
/// takes it from a program to check.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(transparent)]
pub struct VirtAddr(u64);

/// A physical address, at most 48 bits wide.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct PhysAddr(u64);

macro_rules! address {
    ($name:ident) => {
        impl $name {
            /// Wraps a raw address.
            pub const fn new(raw: u64) -> Self {
                Self(raw)
            }

            /// The raw address.
            pub const fn get(self) -> u64 {
                self.0
            }

            /// Whether the address is a multiple of `alignment`, a power of two.
            pub const fn is_aligned(self, alignment: u64) -> bool {
                self.0 & (alignment - 1) == 0
            }

            /// The next lower multiple of `alignment`, a power of two.
            pub const fn align_down(self, alignment: u64) -> Self {
                Self(self.0 & !(alignment - 1))
            }

            /// The next higher multiple of `alignment`, a power of two; `None` where that leaves 64 bits.
            pub const fn align_up(self, alignment: u64) -> Option<Self> {
                match self.0.checked_add(alignment - 1) {
                    Some(sum) => Some(Self(sum & !(alignment - 1))),
                    None => None,
                }
            }

            /// The offset within the enclosing naturally aligned region of `size` bytes, a power of two.
            pub const fn offset_in(self, size: u64) -> u64 {
                self.0 & (size - 1)
            }

            /// The address `bytes` further on; `None` where that leaves 64 bits.
            pub const fn checked_add(self, bytes: u64) -> Option<Self> {
                match self.0.checked_add(bytes) {
                    Some(sum) => Some(Self(sum)),
                    None => None,
                }
            }
        }

        impl core::ops::Add<u64> for $name {
            type Output = Self;
            fn add(self, bytes: u64) -> Self {
                Self(self.0 + bytes)
            }
        }

        impl core::ops::Sub<u64> for $name {
            type Output = Self;
            fn sub(self, bytes: u64) -> Self {
                Self(self.0 - bytes)
            }
        }

        impl core::ops::Sub for $name {
            type Output = u64;
            fn sub(self, other: Self) -> u64 {
                self.0 - other.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:#x})"), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:#x}", self.0)
            }
        }
    };
}

address!(VirtAddr);
address!(PhysAddr);

/// A half-open range of whole pages, `start..end`, below [`TASK_SIZE`]; may be empty.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PageRange {
    start: VirtAddr,
    end: VirtAddr,
}

impl PageRange {
    /// The range `start..end`; `None` unless both are page-aligned, in order and at most [`TASK_SIZE`].
    pub const fn new(start: VirtAddr, end: VirtAddr) -> Option<Self> {
        if start.is_aligned(PAGE_SIZE) && end.is_aligned(PAGE_SIZE) && start.0 <= end.0 && end.0 <= TASK_SIZE
        {
            Some(Self { start, end })
        } else {
            None
        }
    }

    /// The range `start..end` between two bounds of other ranges, which need no check but their order.
    pub(crate) const fn between(start: VirtAddr, end: VirtAddr) -> Self {
        debug_assert!(start.is_aligned(PAGE_SIZE) && end.is_aligned(PAGE_SIZE));
        debug_assert!(start.0 <= end.0 && end.0 <= TASK_SIZE);
        Self { start, end }
    }

    /// The range of `bytes` from `start`; `None` as for [`PageRange::new`].
    pub const fn from_len(start: VirtAddr, bytes: u64) -> Option<Self> {
        match start.checked_add(bytes) {
            Some(end) => Self::new(start, end),
            None => None,
        }
    }

    /// The first address.
    pub const fn start(self) -> VirtAddr {
        self.start
    }

    /// One past the last address.
    pub const fn end(self) -> VirtAddr {
        self.end
    }

    /// The length in bytes.
    pub const fn len(self) -> u64 {
        self.end.0 - self.start.0
    }

    /// The length in pages.
    pub const fn pages(self) -> u64 {
        self.len() >> PAGE_SHIFT
    }

    /// Whether the range holds no page.
    pub const fn is_empty(self) -> bool {
        self.start.0 == self.end.0
    }

    /// Whether `addr` lies in the range.
    pub const fn contains(self, addr: VirtAddr) -> bool {
        self.start.0 <= addr.0 && addr.0 < self.end.0
    }

    /// Whether every page of `other` lies in the range.
    pub const fn covers(self, other: PageRange) -> bool {
        self.start.0 <= other.start.0 && other.end.0 <= self.end.0
    }

    /// Whether the two ranges share a page.
    pub const fn overlaps(self, other: PageRange) -> bool {
        self.start.0 < other.end.0 && other.start.0 < self.end.0
    }

    /// The pages in both, or `None` where there are none.
    pub fn intersection(self, other: PageRange) -> Option<PageRange> {
        let (start, end) = (self.start.max(other.start), self.end.min(other.end));
        (start < end).then_some(PageRange { start, end })
    }

    /// The part that lies in the `size` bytes from `base` (both of whole pages), which the range meets.
    pub(crate) fn within(self, base: VirtAddr, size: u64) -> PageRange {
        debug_assert!(base < self.end && self.start < base + size);
        PageRange {
            start: self.start.max(base),
            end: self.end.min(base + size),
        }
    }
}

impl fmt::Debug for PageRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}..{:#x}", self.start.0, self.end.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(start: u64, end: u64) -> Option<PageRange> {
        PageRange::new(VirtAddr::new(start), VirtAddr::new(end))
    }

    #[test]
    fn ranges_are_whole_pages_in_order_below_task_size() {
        assert!(range(0x1000, 0x3000).is_some());
        assert!(range(0x1000, 0x1000).is_some());
        assert!(range(0x3000, 0x1000).is_none());
        assert!(range(0x1001, 0x3000).is_none());
        assert!(range(0x1000, 0x3001).is_none());
        assert!(range(0, TASK_SIZE).is_some());
        assert!(range(0, TASK_SIZE + PAGE_SIZE).is_none());
        assert!(PageRange::from_len(VirtAddr::new(u64::MAX - 0xfff), PAGE_SIZE).is_none());
    }

    #[test]
    fn align_up_reports_overflow() {
        assert_eq!(
            VirtAddr::new(1).align_up(PAGE_SIZE),
            Some(VirtAddr::new(PAGE_SIZE))
        );
        assert_eq!(VirtAddr::new(u64::MAX).align_up(PAGE_SIZE), None);
    }

    #[test]
    fn touching_ranges_do_not_overlap() {
        let (a, b) = (range(0x1000, 0x3000).unwrap(), range(0x3000, 0x4000).unwrap());
        assert!(!a.overlaps(b) && a.intersection(b).is_none());
        assert_eq!(
            a.intersection(range(0x2000, 0x5000).unwrap()),
            range(0x2000, 0x3000)
        );
    }
}
