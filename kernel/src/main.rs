//! The unikernel.
#![no_std]
#![no_main]

#[allow(dead_code, unused_imports, reason = "what it is for is not there yet")]
mod arch;

use boot::BootInfo;
use core::alloc::{GlobalAlloc, Layout};
use core::panic::PanicInfo;

struct NoHeap;

// SAFETY: it gives no memory.
unsafe impl GlobalAlloc for NoHeap {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        core::ptr::null_mut()
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static HEAP: NoHeap = NoHeap;

/// Where boot hands over: in the high half, MMU and caches on, interrupts masked, on the boot stack.
#[unsafe(no_mangle)]
extern "C" fn kernel_main(_info: &'static BootInfo) -> ! {
    arch::init();
    arch::halt()
}

#[panic_handler]
fn panic(_: &PanicInfo) -> ! {
    arch::halt()
}
