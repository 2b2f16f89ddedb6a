//! Descriptors against `aarch64-paging`'s reading of the same bits, and the rules of replacement.

use super::*;
use crate::table::attributes::{MAIR, Memory, Rights};
use aarch64_paging::descriptor::El1Attributes;

const FRAME: PhysAddr = PhysAddr::new(0x1234_5600_0000);

fn page(attributes: Attributes) -> Descriptor {
    Descriptor::leaf(
        Level::Pte,
        Leaf {
            address: FRAME,
            attributes,
        },
    )
}

fn bits(descriptor: Descriptor) -> El1Attributes {
    El1Attributes::from_bits_retain(descriptor.raw() as usize & !0xffff_ffff_f000)
}

#[test]
fn user_pages_are_what_the_oracle_reads() {
    type A = El1Attributes;
    let rw = bits(page(Attributes::user(Rights::READ | Rights::WRITE)));
    assert_eq!(
        rw,
        A::VALID
            | A::TABLE_OR_PAGE
            | A::USER
            | A::INNER_SHAREABLE
            | A::ACCESSED
            | A::NON_GLOBAL
            | A::DBM
            | A::PXN
            | A::UXN
    );
    let rx = bits(page(Attributes::user(Rights::READ | Rights::EXECUTE)));
    assert!(rx.contains(A::READ_ONLY | A::PXN | A::USER | A::VALID) && !rx.intersects(A::UXN | A::DBM));
    let none = bits(page(Attributes::user(Rights::empty())));
    assert!(!none.intersects(A::VALID | A::USER));
}

#[test]
fn kernel_pages_are_never_a_programs() {
    type A = El1Attributes;
    for rights in [
        Rights::READ,
        Rights::READ | Rights::WRITE,
        Rights::READ | Rights::EXECUTE,
    ] {
        for memory in [Memory::Normal, Memory::Device, Memory::NonCacheable] {
            let attributes = Attributes::kernel(rights, memory);
            let read = bits(Descriptor::leaf(
                Level::Pmd,
                Leaf {
                    address: FRAME,
                    attributes,
                },
            ));
            assert!(read.contains(A::VALID | A::UXN | A::ACCESSED));
            assert!(!read.intersects(A::USER | A::NON_GLOBAL | A::TABLE_OR_PAGE));
            assert_eq!(read.contains(A::READ_ONLY), !rights.contains(Rights::WRITE));
            assert_eq!(read.contains(A::PXN), !rights.contains(Rights::EXECUTE));
            assert_eq!(read.bits() >> 2 & 7, memory as usize);
            assert_eq!(
                MAIR >> (8 * memory as u32) & 0xff,
                [0xff, 0x04, 0x44][memory as usize]
            );
        }
    }
}

#[test]
fn detaching_keeps_everything_but_validity() {
    for rights in [Rights::empty(), Rights::READ, Rights::READ | Rights::WRITE] {
        let entry = page(Attributes::user(rights));
        assert!(!entry.detached().is_valid());
        assert_eq!(entry.detached().attached(), entry);
        assert_eq!(entry.detached().decode(Level::Pte), entry.decode(Level::Pte));
    }
    let table = Descriptor::table(FRAME);
    assert_eq!(table.detached().attached(), table);
    assert_eq!(table.detached().decode(Level::Pmd), Entry::Table(FRAME));
    for inert in [Descriptor::ABSENT, Descriptor::GUARD] {
        assert_eq!((inert.detached(), inert.attached()), (inert, inert));
    }
    assert_eq!(Descriptor::GUARD.decode(Level::Pte), Entry::Guard);
}

#[test]
fn a_shared_page_of_a_mapping_that_may_only_be_written_can_be_read() {
    for shared in [Attributes::ZERO_PAGE, Attributes::COPY_ON_WRITE] {
        let page = Attributes::user(Rights::READ)
            .union(shared)
            .with_rights(Rights::WRITE);
        assert_eq!(page.rights(), Rights::READ);
        let closed = page.with_rights(Rights::empty());
        assert!(closed.contains(Attributes::NO_ACCESS));
        assert_eq!(closed.with_rights(Rights::WRITE).rights(), Rights::READ);
    }
}

#[test]
fn rights_change_and_come_back_without_losing_access_or_dirty_state() {
    let all = [
        Rights::empty(),
        Rights::READ,
        Rights::READ | Rights::WRITE,
        Rights::all(),
    ];
    for first in all {
        for clean in [false, true] {
            let before = if clean {
                Attributes::user(first).clean()
            } else {
                Attributes::user(first)
            };
            for second in all {
                let after = before.with_rights(second);
                assert_eq!(
                    after.rights(),
                    if second.is_empty() {
                        Rights::empty()
                    } else {
                        second
                    }
                );
                assert_eq!(
                    after.is_dirty(),
                    before.is_dirty(),
                    "{first:?} {second:?} {clean}"
                );
                assert!(
                    !after
                        .not_accessed()
                        .with_rights(first)
                        .contains(Attributes::ACCESSED)
                );
            }
        }
    }
    let shared = (Attributes::user(Rights::READ) | Attributes::COPY_ON_WRITE).with_rights(Rights::all());
    assert_eq!(shared.rights(), Rights::READ | Rights::EXECUTE);
}

#[test]
fn a_store_makes_a_writable_page_dirty_and_no_other() {
    let writable = Attributes::user(Rights::READ | Rights::WRITE)
        .clean()
        .not_accessed();
    assert!(!writable.is_dirty() && !writable.touched(false).is_dirty());
    assert!(writable.touched(true).is_dirty() && writable.touched(true).contains(Attributes::ACCESSED));
    assert!(!Attributes::user(Rights::READ).touched(true).is_dirty());
}

#[test]
fn live_entries_change_rights_in_place_and_nothing_else() {
    let rw = Attributes::user(Rights::READ | Rights::WRITE);
    let other = Descriptor::leaf(
        Level::Pte,
        Leaf {
            address: FRAME + 0x1000,
            attributes: rw,
        },
    );
    assert!(page(rw.with_rights(Rights::READ)).may_replace(page(rw), Level::Pte));
    assert!(page(rw | Attributes::DIRTY).may_replace(page(rw), Level::Pte));
    assert!(Descriptor::ABSENT.may_replace(page(rw), Level::Pte));
    assert!(other.may_replace(page(rw).detached(), Level::Pte));
    assert!(!other.may_replace(page(rw), Level::Pte));
    assert!(!page(rw | Attributes::CONTIGUOUS).may_replace(page(rw), Level::Pte));
    assert!(!page(rw | Attributes::DEVICE).may_replace(page(rw), Level::Pte));
    let block = Descriptor::leaf(
        Level::Pmd,
        Leaf {
            address: FRAME,
            attributes: rw,
        },
    );
    assert!(!Descriptor::table(FRAME).may_replace(block, Level::Pmd));
    assert!(!block.may_replace(Descriptor::table(FRAME), Level::Pmd));
}

#[test]
fn only_what_a_tlb_can_hold_is_outdated() {
    let rw = Attributes::user(Rights::READ | Rights::WRITE);
    let old = page(rw);
    assert!(Descriptor::ABSENT.outdates(old, Level::Pte));
    assert!(page(rw.clean()).outdates(old, Level::Pte));
    assert!(!page(rw | Attributes::DIRTY).outdates(old, Level::Pte));
    assert!(!Descriptor::ABSENT.outdates(page(rw.not_accessed()), Level::Pte));
    assert!(!Descriptor::ABSENT.outdates(old.detached(), Level::Pte));
    assert!(Descriptor::ABSENT.outdates(Descriptor::table(FRAME), Level::Pmd));
}

#[test]
fn a_written_page_is_shared_as_any_other() {
    let page = |attributes| {
        Descriptor::leaf(
            Level::Pte,
            Leaf {
                address: PhysAddr::new(0x4000_5000),
                attributes,
            },
        )
    };
    let written = Attributes::user(Rights::READ | Rights::WRITE);
    for (attributes, usual) in [
        (written, true),
        (written | Attributes::CONTIGUOUS, true),
        (written.clean(), false),
        (written.not_accessed(), true),
        (written.with_rights(Rights::READ), false),
        (written.with_rights(Rights::empty()), false),
        (
            written.with_rights(Rights::READ).with_rights(Rights::WRITE),
            false,
        ),
        (written.copied_on_write(), false),
        (written.copied_on_write() | Attributes::ZERO_PAGE, false),
    ] {
        let short = page(attributes).written_page_copied_on_write();
        let long = page(attributes).copied_on_write();
        assert_eq!(short, usual.then_some(long), "{attributes:?}");
        assert!(!long.attributes().rights().contains(Rights::WRITE));
        assert_eq!(long.attributes().is_dirty(), attributes.is_dirty());
    }
    assert_eq!(Descriptor::GUARD.written_page_copied_on_write(), None);
}
