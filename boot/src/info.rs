//! What boot tells the kernel.

use core::mem::offset_of;
use core::ops::Range;

use crate::layout::DEVICE_TREE_WINDOW;

/// What boot found, as the assembly in `asm/head.s` writes it.
#[repr(C)]
#[derive(Debug)]
pub struct BootInfo {
    image_phys: u64,
    image_size: u64,
    entry_level: u64,
    x0: u64,
    device_tree_phys: u64,
    device_tree_size: u64,
}

const _: () = {
    assert!(offset_of!(BootInfo, image_phys) == 0 && offset_of!(BootInfo, image_size) == 8);
    assert!(offset_of!(BootInfo, entry_level) == 16 && offset_of!(BootInfo, x0) == 24);
    assert!(offset_of!(BootInfo, device_tree_phys) == 32 && offset_of!(BootInfo, device_tree_size) == 40);
};

/// The exception level that the firmware jumped to the image at. The kernel runs at EL1 in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryLevel {
    /// A hypervisor, or nothing, is above.
    El1,
    /// The usual one on a board: firmware may be above, and PSCI goes there by SMC.
    El2,
    /// No firmware is above: there is no PSCI.
    El3,
}

/// The device tree as boot found and mapped it: a header with the right magic, and a total size that fits the window. What it says
/// is not checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceTree {
    /// Its physical address, a multiple of 8.
    pub phys: u64,
    /// Its total size in bytes, by its header.
    pub size: u64,
    /// Where it is mapped, read-only.
    pub window: u64,
}

impl BootInfo {
    /// The physical memory of the image: text, data, boot stack and first tables.
    pub fn image(&self) -> Range<u64> {
        self.image_phys..self.image_phys + self.image_size
    }

    /// The exception level entered at.
    pub fn entry_level(&self) -> EntryLevel {
        match self.entry_level {
            1 => EntryLevel::El1,
            2 => EntryLevel::El2,
            _ => EntryLevel::El3,
        }
    }

    /// What the firmware left in `x0`: the device tree's address, if it keeps to the protocol.
    pub fn x0(&self) -> u64 {
        self.x0
    }

    /// Where the device tree is, if there is one.
    pub fn device_tree(&self) -> Option<DeviceTree> {
        (self.device_tree_size != 0).then_some(DeviceTree {
            phys: self.device_tree_phys,
            size: self.device_tree_size,
            window: DEVICE_TREE_WINDOW + self.device_tree_phys % 4096,
        })
    }
}
