//! The image as boot maps it.

use super::*;
use core::ptr::addr_of;

unsafe extern "C" {
    static __image_start: u8;
    static __rodata_start: u8;
    static __data_start: u8;
    static __boot_stack_guard: u8;
    static __boot_stack_bottom: u8;
    static __image_end: u8;
}

/// Whether the kernel may write at `address` (AT S1E1W).
fn is_writable(address: u64) -> bool {
    let result: u64;
    // SAFETY: as for `translate`.
    unsafe {
        core::arch::asm!("at s1e1w, {}", "isb", "mrs {}, par_el1", in(reg) address, out(reg) result,
            options(nostack, preserves_flags));
    }
    result & 1 == 0
}

fn address<T>(symbol: *const T) -> u64 {
    symbol.addr() as u64
}

crate::ktest! {
    /// The image lies in one piece, from its start to its end.
    fn the_image_is_contiguous() {
        let start = address(addr_of!(__image_start));
        let at = |offset| translate(start + offset);
        let base = at(0).expect("mapped");
        assert!(base.is_aligned(4096));
        assert_eq!(at(0x1234), Some(base + 0x1234));
        let end = address(addr_of!(__image_end)) - 8 - start;
        assert_eq!(at(end), Some(base + end));
    }

    /// Text and constants are not written, and nothing lies behind the end or in the boot stack's guard.
    fn the_image_is_protected() {
        assert!(!is_writable(address(addr_of!(__image_start))));
        assert!(!is_writable(address(translate as *const ())));
        assert!(!is_writable(address(addr_of!(__rodata_start))));
        assert!(is_writable(address(addr_of!(__data_start))));
        assert!(translate(address(addr_of!(__boot_stack_guard))).is_none());
        assert!(translate(address(addr_of!(__boot_stack_bottom)) - 8).is_none());
        assert!(is_writable(address(addr_of!(__boot_stack_bottom))));
        assert!(translate(address(addr_of!(__image_end))).is_none());
    }

    /// The device tree's window can be read and not written.
    fn the_device_tree_is_read_only() {
        if translate(boot::DEVICE_TREE_WINDOW).is_some() {
            assert!(!is_writable(boot::DEVICE_TREE_WINDOW));
        }
    }

    /// Addresses that nothing maps, of either half and of none.
    fn nothing_else_translates() {
        for address in [0, 0x1000, 1 << 47, 1 << 48, u64::MAX, boot::IMAGE_BASE - 8] {
            assert_eq!(translate(address), None, "{address:#x}");
        }
    }
}
