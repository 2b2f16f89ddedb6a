//! A translation that was taken out and flushed is not used again, whichever instruction flushed it.

use crate::arch::testing::{Rights, Window};
use crate::arch::{cpu, tlb, user};
use mm::VirtAddr;
use mm::machine::{Asid, MmuFeatures, PageOperand, RangeOperand, Reach};

/// Maps a page, uses it, takes it out by `flush`, and sees that it is gone and that another can take its place.
fn remap(flush: impl Fn(Asid, VirtAddr)) {
    let window = Window::new();
    window.fill(0, |_| 1);
    window.fill(1, |_| 2);
    let mut byte = [0];
    for (round, memory) in [0, 1, 0, 1].into_iter().enumerate() {
        window.map(2, memory, Rights::ReadWrite);
        assert_eq!(
            user::copy_in(&mut byte, window.address(2)),
            Ok(()),
            "round {round}"
        );
        assert_eq!(byte, [memory as u8 + 1], "round {round}");
        window.unmap(2, &flush);
        assert!(
            user::copy_in(&mut byte, window.address(2)).is_err(),
            "round {round}"
        );
    }
}

crate::ktest! {
    /// By address, leaf entries only and with the walk caches.
    fn flushing_a_page() {
        remap(|asid, page| tlb::tlbi_page(PageOperand::new(asid, page), Reach::Leaf));
        remap(|asid, page| tlb::tlbi_page(PageOperand::new(asid, page), Reach::Walk));
    }

    /// By range, where the processor has it, the page being at the end of one.
    fn flushing_a_range() {
        if !cpu::features().mmu.contains(MmuFeatures::TLB_RANGE) {
            return;
        }
        for pages in [2, 64, 1 << 12, RangeOperand::MAX_PAGES] {
            for reach in [Reach::Leaf, Reach::Walk] {
                remap(|asid, page| {
                    let start = VirtAddr::new(page.get() - (pages - 1) * 4096);
                    tlb::tlbi_range(RangeOperand::covering(asid, start, pages), reach);
                });
            }
        }
    }

    /// By address space.
    fn flushing_an_address_space() {
        remap(|asid, _| tlb::tlbi_asid(PageOperand::whole(asid)));
    }

    /// A page that becomes read-only is, after the flush.
    fn lowering_rights() {
        let window = Window::new();
        window.map(0, 0, Rights::ReadWrite);
        assert_eq!(user::copy_out(window.address(0), &[1]), Ok(()));
        window.unmap_page(0);
        window.map(0, 0, Rights::ReadOnly);
        assert!(user::copy_out(window.address(0), &[2]).is_err());
        assert_eq!(window.byte(0, 0), 1);
    }
}
