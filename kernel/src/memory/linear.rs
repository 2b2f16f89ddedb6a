//! The linear map: all RAM that the device tree gives and nothing else, at one distance from its physical address.
//!
//! By blocks of 1 GiB and 2 MiB, with pages at the ragged ends. Beyond RAM nothing is mapped, not even to fill a block: the
//! processor may read ahead wherever Normal memory is mapped, and what lies there may belong to another master.
//! The image's text and constants are read-only here too.

use boot::{IMAGE_BASE, LINEAR_MAP};
use hardware::{PhysRange, RangeSet};
use mm::PhysAddr;
use mm::table::{Attributes, Memory, Rights};

use super::tables::TABLES;
use super::{OutOfMemory, image};

unsafe extern "C" {
    /// Where in the image text and constants end and data begins (`linker.ld`).
    static __data_start: u8;
}

/// How the kernel maps what it reads and writes.
pub(super) const DATA: Attributes = Attributes::kernel(Rights::READ.union(Rights::WRITE), Memory::Normal);
/// How it maps its text and constants a second time.
const CONSTANT: Attributes = Attributes::kernel(Rights::READ, Memory::Normal);

/// Where the kernel sees the byte at `addr` of RAM, once the linear map is made.
pub(super) const fn address_of(addr: PhysAddr) -> *mut u8 {
    (LINEAR_MAP + addr.get()) as *mut u8
}

/// Makes the linear map of `mapped`, whole pages.
pub(super) fn map(mapped: &RangeSet) -> Result<(), OutOfMemory> {
    let constant = constants();
    let mut tables = TABLES.lock();
    for range in mapped.iter() {
        let below = PhysRange::new(range.start.get(), range.end.min(constant.start).get());
        let within = PhysRange::new(
            range.start.max(constant.start).get(),
            range.end.min(constant.end).get(),
        );
        let above = PhysRange::new(range.start.max(constant.end).get(), range.end.get());
        for (part, attributes) in [(below, DATA), (within, CONSTANT), (above, DATA)] {
            tables.map(LINEAR_MAP + part.start.get(), part, attributes)?;
        }
    }
    Ok(())
}

/// The part of the image that nothing writes to.
fn constants() -> PhysRange {
    let bytes = (&raw const __data_start).addr() as u64 - IMAGE_BASE;
    PhysRange {
        start: image().start,
        end: image().start + bytes,
    }
}

crate::ktest! {
    /// RAM is mapped to its end and not a page beyond, for data only, and never for a program.
    fn memory_is_mapped_and_nothing_beyond_it() {
        use super::tables::query;
        use mm::PAGE_SIZE;
        let ram = &crate::board::description().ram;
        let last = ram.iter().last().expect("there is memory");
        for addr in [ram.span().expect("there is memory").start, last.end - PAGE_SIZE] {
            let (_, leaf) = query(LINEAR_MAP + addr.get()).expect("memory is mapped");
            assert!(leaf.attributes.contains(DATA) && !leaf.attributes.contains(Attributes::USER));
        }
        assert!(query(LINEAR_MAP + last.end.get()).is_none());
    }

    /// What is constant in the image is constant in the linear map; what is data is data.
    fn text_and_constants_are_read_only_in_the_linear_map() {
        use super::tables::query;
        use mm::PAGE_SIZE;
        let constant = constants();
        for addr in [constant.start, constant.end - PAGE_SIZE] {
            let (_, leaf) = query(LINEAR_MAP + addr.get()).expect("the image is mapped");
            assert!(leaf.attributes.contains(Attributes::READ_ONLY | Attributes::NO_KERNEL_EXECUTE));
        }
        let (_, leaf) = query(LINEAR_MAP + constant.end.get()).expect("the image's data is mapped");
        assert!(!leaf.attributes.contains(Attributes::READ_ONLY));
    }

    /// What the kernel writes by one mapping it reads by the other.
    fn the_linear_map_shows_the_image() {
        use core::sync::atomic::{AtomicU32, Ordering::SeqCst};
        static WORD: AtomicU32 = AtomicU32::new(0);
        let offset = (&raw const WORD).addr() as u64 - IMAGE_BASE;
        let other = address_of(image().start + offset).cast::<AtomicU32>();
        // SAFETY: the linear map shows the image's data, of which this is a part for good.
        let other = unsafe { &*other };
        WORD.store(0x1a2b_3c4d, SeqCst);
        assert_eq!(other.load(SeqCst), 0x1a2b_3c4d);
    }
}
