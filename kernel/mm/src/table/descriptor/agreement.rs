//! Descriptors against those of the crate `aarch64-paging`: every attribute, every kind of entry, and what may change in a live one.

use super::*;
use crate::table::attributes::{Memory, Rights};
use aarch64_paging::descriptor::{El1Attributes, PagingAttributes};
use aarch64_paging::idmap::IdMap;
use aarch64_paging::paging::{El1And0, MemoryRegion};
use std::vec::Vec;

/// Each attribute and what the other crate calls it. In a leaf it has no name for bit 59, which is a table's.
const NAMES: [(Attributes, El1Attributes); 16] = [
    (Attributes::DEVICE, El1Attributes::ATTRIBUTE_INDEX_1),
    (Attributes::NON_CACHEABLE, El1Attributes::ATTRIBUTE_INDEX_2),
    (Attributes::USER, El1Attributes::USER),
    (Attributes::READ_ONLY, El1Attributes::READ_ONLY),
    (Attributes::SHAREABLE, El1Attributes::INNER_SHAREABLE),
    (Attributes::ACCESSED, El1Attributes::ACCESSED),
    (Attributes::NOT_GLOBAL, El1Attributes::NON_GLOBAL),
    (Attributes::WRITABLE, El1Attributes::DBM),
    (Attributes::CONTIGUOUS, El1Attributes::CONTIGUOUS_OR_PROTECTED),
    (Attributes::NO_KERNEL_EXECUTE, El1Attributes::PXN),
    (Attributes::NO_USER_EXECUTE, El1Attributes::UXN),
    (Attributes::ZERO_PAGE, El1Attributes::SWFLAG_0),
    (Attributes::COPY_ON_WRITE, El1Attributes::SWFLAG_1),
    (Attributes::NO_ACCESS, El1Attributes::SWFLAG_2),
    (Attributes::DIRTY, El1Attributes::SWFLAG_3),
    (Attributes::LAZY, El1Attributes::PXN_TABLE),
];

fn theirs(attributes: Attributes) -> El1Attributes {
    El1Attributes::from_bits_retain(attributes.bits() as usize)
}

#[test]
fn every_attribute_is_where_the_other_crate_has_it() {
    for (ours, name) in NAMES {
        assert_eq!(theirs(ours), name, "{ours:?}");
    }
    let named = NAMES
        .iter()
        .fold(Attributes::empty(), |all, (ours, _)| all | *ours);
    assert_eq!(named, Attributes::all(), "none is left out");
}

/// The leaves of `len` bytes from `start` on as the other crate maps them onto themselves.
fn mapped_by_the_other(start: usize, len: usize, attributes: Attributes) -> Vec<(usize, Level, Entry)> {
    let region = MemoryRegion::new(start, start + len);
    let mut map = IdMap::with_asid(1, 0, El1And0);
    map.map_range(&region, theirs(attributes) | El1Attributes::VALID)
        .unwrap();
    let mut leaves = Vec::new();
    map.walk_range(&region, &mut |chunk, descriptor, level| {
        let level = [Level::Pgd, Level::Pud, Level::Pmd, Level::Pte][level];
        let raw = descriptor.flags().bits() | descriptor.output_address().0;
        let entry = Descriptor::from_raw(raw as u64);
        let leaf = Leaf {
            address: PhysAddr::new(chunk.start().0 as u64),
            attributes,
        };
        assert_eq!(
            entry,
            Descriptor::leaf(level, leaf),
            "made alike: {level:?} {attributes:?}"
        );
        assert_eq!(
            entry.is_table(level),
            level != Level::Pte && descriptor.is_table_or_page()
        );
        leaves.push((chunk.start().0, level, entry.decode(level)));
        Ok(())
    })
    .unwrap();
    leaves
}

#[test]
fn pages_and_blocks_are_read_as_the_other_crate_makes_them() {
    const GIB: usize = 1 << 30;
    const BLOCK: usize = 2 << 20;
    const PAGE: usize = 4096;
    let kinds = [
        Attributes::user(Rights::READ),
        Attributes::user(Rights::READ | Rights::WRITE),
        Attributes::user(Rights::all()).copied_on_write(),
        Attributes::user(Rights::READ | Rights::WRITE)
            .clean()
            .not_accessed(),
        Attributes::user(Rights::READ) | Attributes::ZERO_PAGE,
        Attributes::kernel(Rights::READ | Rights::WRITE, Memory::Normal),
        Attributes::kernel(Rights::READ | Rights::EXECUTE, Memory::Normal),
        Attributes::kernel(Rights::READ | Rights::WRITE, Memory::Device),
        Attributes::kernel(Rights::READ, Memory::NonCacheable),
    ];
    for attributes in kinds {
        // A page, 511 blocks, a gigabyte, a block, two pages.
        let start = 3 * GIB - 511 * BLOCK - PAGE;
        let leaves = mapped_by_the_other(start, 511 * BLOCK + GIB + BLOCK + 3 * PAGE, attributes);
        let count = |wanted| leaves.iter().filter(|(_, level, _)| *level == wanted).count();
        assert_eq!(
            (count(Level::Pte), count(Level::Pmd), count(Level::Pud)),
            (3, 512, 1)
        );
        for (address, level, entry) in leaves {
            let leaf = Leaf {
                address: PhysAddr::new(address as u64),
                attributes,
            };
            assert_eq!(entry, Entry::Leaf(leaf), "{level:?}");
        }
    }
}

#[test]
fn live_entries_change_in_what_the_other_crate_lets_them() {
    // What a permission or a bit of software's is may change (Arm ARM D8.17.1); the other crate is careful with these two.
    let careful = Attributes::USER | Attributes::LAZY;
    // It lets a global entry become one of an ASID. Here neither becomes the other.
    let strict = Attributes::NOT_GLOBAL;
    let address = PhysAddr::new(0x1234_5600_0000);
    let entry = |attributes| Descriptor::leaf(Level::Pte, Leaf { address, attributes });
    let bases = [
        Attributes::user(Rights::READ | Rights::WRITE),
        Attributes::user(Rights::READ | Rights::EXECUTE).copied_on_write(),
        Attributes::kernel(Rights::READ | Rights::WRITE, Memory::Device),
    ];
    for base in bases {
        for (flag, _) in NAMES {
            let (old, new) = (entry(base), entry(base ^ flag));
            let bits = |entry: Descriptor| El1Attributes::from_bits_retain(entry.raw() as usize);
            let safe = El1Attributes::is_bbm_safe(bits(old), bits(new));
            let ours = new.may_replace(old, Level::Pte);
            match flag {
                flag if careful.contains(flag) => assert!(ours && !safe, "{flag:?}"),
                flag if strict.contains(flag) => assert!(!ours, "{flag:?}"),
                _ => assert_eq!(ours, safe, "{base:?} {flag:?}"),
            }
        }
    }
}
