//! From the firmware's jump to `kernel_main`: image header, EL3/EL2 -> EL1, first tables, MMU and caches on.
//!
//! All of it is assembly. What runs before the MMU is on, at whatever 4 KiB-aligned address the image was loaded to, is the section
//! `.text.boot` and nothing else; `cargo xtask test` looks at every instruction of it. Rust begins with
//! `extern "C" fn kernel_main(&'static BootInfo) -> !`, in the high half, on a stack of its own, with interrupts masked and no
//! exception vectors set that could do more than stop.
#![no_std]

#[cfg(test)]
extern crate std;

#[cfg(test)]
mod checks;
mod info;
mod layout;

pub use info::{BootInfo, DeviceTree, EntryLevel};
pub use layout::{
    DEVICE_TREE_WINDOW, DEVICE_WINDOW, IMAGE_BASE, KERNEL_STACK_SIZE, KERNEL_STACK_SLOT, KERNEL_STACKS,
    LINEAR_MAP, memory_type,
};

#[cfg(all(target_arch = "aarch64", target_os = "none"))]
unsafe extern "C" {
    /// Leaves for another kernel, whose first instruction is at the physical address `kernel`, with the physical address of its device tree
    /// as firmware would hand it over.
    ///
    /// # Safety
    ///
    /// Nothing of this kernel is needed again, and no other core runs in it. Kernel and tree lie in memory, not only in this core's caches:
    /// the kernel reads them with the caches off. TTBR1_EL1 is the table that boot has made.
    pub fn boot_leave(kernel: u64, device_tree: u64) -> !;
}

#[cfg(all(target_arch = "aarch64", target_os = "none"))]
core::arch::global_asm!(
    include_str!("asm/constants.s"),
    include_str!("asm/head.s"),
    include_str!("asm/levels.s"),
    include_str!("asm/device_tree.s"),
    include_str!("asm/tables.s"),
    include_str!("asm/high.s"),
);
