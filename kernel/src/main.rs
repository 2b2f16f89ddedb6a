//! The unikernel.
#![no_std]
#![no_main]

mod arch;

use boot::BootInfo;
use core::panic::PanicInfo;

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
