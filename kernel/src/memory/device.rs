//! Windows on device registers.

use boot::{DEVICE_WINDOW, KERNEL_STACKS};
use core::ptr::NonNull;
use hardware::PhysRange;
use mm::PAGE_SIZE;
use mm::table::{Attributes, Memory, Rights};

use super::tables::TABLES;
use crate::sync::Mutex;

/// Where the next window goes.
static NEXT: Mutex<u64> = Mutex::new(DEVICE_WINDOW);

const DEVICE: Attributes = Attributes::kernel(Rights::READ.union(Rights::WRITE), Memory::Device);

/// Maps the device registers in `registers` for good and answers where the first of them is. `None` where there is no memory
/// for the tables, or no room.
pub(crate) fn map(registers: PhysRange) -> Option<NonNull<u8>> {
    let pages = registers.widened(PAGE_SIZE);
    let mut next = NEXT.lock();
    let start = *next;
    let end = start
        .checked_add(pages.len())
        .filter(|&end| end <= KERNEL_STACKS)?;
    TABLES.lock().map(start, pages, DEVICE).ok()?;
    *next = end;
    NonNull::new((start + registers.start.offset_in(PAGE_SIZE)) as *mut u8)
}

crate::ktest! {
    /// Registers are mapped as a device, at their offset within the page.
    fn registers_are_device_memory() {
        use super::tables::query;
        let board = crate::board::description();
        let console = board.console.expect("the tests talk over it").registers;
        let window = map(console).expect("there is room").as_ptr() as u64;
        let (_, leaf) = query(window).expect("it is mapped");
        assert!(leaf.attributes.contains(DEVICE) && !leaf.attributes.contains(Attributes::SHAREABLE));
        assert_eq!(leaf.address.get() + window % PAGE_SIZE, console.start.get());
    }

    /// Registers may lie above 64 GiB, as a Raspberry Pi 5's do. Nobody touches these.
    fn registers_above_64_gib_are_mapped_where_they_are() {
        use super::tables::query;
        let window = map(PhysRange::new(0x10_7d00_1000, 0x10_7d00_1200)).expect("there is room").as_ptr() as u64;
        let (_, leaf) = query(window).expect("it is mapped");
        assert_eq!(leaf.address.get() + window % PAGE_SIZE, 0x10_7d00_1000);
    }
}
