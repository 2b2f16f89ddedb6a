//! The kernel's half of the address space: what lies where.

/// The linear map: the device tree's RAM at this address plus its physical address.
pub const LINEAR_MAP: u64 = 0xffff_0000_0000_0000;
/// Where the image is linked, and mapped by boot: text, constants, data, boot stack, first tables.
pub const IMAGE_BASE: u64 = 0xffff_8000_0000_0000;
/// The read-only window on the device tree, 2 MiB. The tree begins at its offset within its first page.
pub const DEVICE_TREE_WINDOW: u64 = 0xffff_8000_4000_0000;
/// Device registers are mapped from here on.
pub const DEVICE_WINDOW: u64 = 0xffff_8000_8000_0000;
/// Kernel stacks lie from here on, each in the upper half of its slot of [`KERNEL_STACK_SLOT`] bytes.
pub const KERNEL_STACKS: u64 = 0xffff_8001_0000_0000;
/// The size of a kernel stack in bytes, a power of two; so large is its guard as well.
pub const KERNEL_STACK_SIZE: u64 = 32 * 1024;
/// The size and alignment of the slot of a kernel stack. Nothing is mapped in the lower half. So the bit
/// [`KERNEL_STACK_SIZE`] is set in every address of a stack and clear in every address of a guard, which is how the exception
/// entry tells an overflow.
pub const KERNEL_STACK_SLOT: u64 = 2 * KERNEL_STACK_SIZE;

/// What the indices of a descriptor's AttrIndx field mean: the bytes of MAIR_EL1 as boot sets it.
pub mod memory_type {
    /// Normal memory, write-back: all RAM.
    pub const NORMAL: u64 = 0;
    /// Device-nGnRE: device registers.
    pub const DEVICE: u64 = 1;
    /// Normal memory, not cached.
    pub const NON_CACHEABLE: u64 = 2;
}
