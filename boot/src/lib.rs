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
core::arch::global_asm!(
    include_str!("asm/constants.s"),
    include_str!("asm/head.s"),
    include_str!("asm/levels.s"),
    include_str!("asm/device_tree.s"),
    include_str!("asm/tables.s"),
    include_str!("asm/high.s"),
);
