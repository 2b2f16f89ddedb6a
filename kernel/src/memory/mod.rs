//! Memory: the kernel's half of the address space, page frames, the heap, kernel stacks.
//!
//! What lies where is the crate `boot`'s to say (its `layout`). The kernel reaches RAM through the linear map, the image
//! through its own mapping, device registers through windows.

mod device;
#[cfg(feature = "ktest")]
mod figures;
mod frames;
mod heap;
mod linear;
mod machine;
#[cfg(feature = "ktest")]
mod relocation;
#[cfg(feature = "ktest")]
mod spaces;
mod stack;
mod store;
mod tables;

pub(crate) use device::map as map_device;
pub(crate) use frames::{free_frames, is_short, total_frames};
pub(crate) use heap::usage as heap_usage;
pub(crate) use machine::Machine;
pub(crate) use stack::KernelStack;
pub(crate) use store::{Piece, Store, has_store, take_store};
pub(crate) use tables::table_frames;

use crate::arch::cpu;
use crate::board::{self, power};
use crate::sync::Once;
use boot::{BootInfo, IMAGE_BASE};
use core::fmt;
use hardware::{Full, PhysRange, RangeSet};
use mm::{PAGE_SIZE, PhysAddr};

/// The least memory that a machine must have, in bytes. The kernel itself takes about 4 MiB and one byte in 1024; the rest
/// is for the archive and the program, and less than this serves neither well.
const LEAST_MEMORY: u64 = 64 << 20;

/// How many bits a physical address in the linear map has at most: the map ends where the image's half begins.
const LINEAR_BITS: u8 = 47;

/// How many times as long as the memory itself its span may be, from the first byte to the last. The books of the frames
/// are as large as the span asks for: one byte in 1024.
const FARTHEST: u64 = 16;

/// The physical memory of the image.
static IMAGE: Once<PhysRange> = Once::new();

/// What the linear map shows, once it is made.
static MAPPED: Once<RangeSet> = Once::new();

/// There is no memory left for what was asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct OutOfMemory;

impl fmt::Display for OutOfMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("out of memory")
    }
}

/// Remembers where the image lies. Before anything else here: whoever maps anything needs to know.
pub(crate) fn locate_image(info: &BootInfo) {
    let image = info.image();
    IMAGE.call_once(|| PhysRange::new(image.start, image.end));
}

/// The physical memory of the image.
///
/// # Panics
///
/// Before [`locate_image`].
pub(crate) fn image() -> PhysRange {
    *IMAGE.get().expect("boot said where the image lies")
}

/// The physical address of what lies at `at` in the image's own mapping.
pub(crate) fn phys_of_image(at: *const u8) -> u64 {
    image().start.get() + (at.addr() as u64 - IMAGE_BASE)
}

/// Makes the linear map and hands all memory that is free to the frame allocator.
///
/// # Safety
/// Called once, before anything uses the heap, a frame or the linear map.
pub(crate) unsafe fn init(info: &BootInfo) {
    let board = board::description();
    if board.ram.bytes() < LEAST_MEMORY {
        power::fail(format_args!(
            "too little memory: this machine has {} MiB, {} MiB are needed",
            board.ram.bytes() >> 20,
            LEAST_MEMORY >> 20
        ));
    }
    let Ok((mapped, free)) = layout(info) else {
        power::fail(format_args!(
            "the memory of this machine is in more pieces than the kernel keeps track of"
        ));
    };
    if linear::map(&mapped).is_err() {
        power::fail(format_args!(
            "the memory of this machine is in too many pieces to be mapped"
        ));
    }
    MAPPED.call_once(|| mapped.clone());
    // SAFETY: the map shows all of `mapped`, and of what is free `layout` has left out whatever anybody uses; the rest is the caller's promise.
    if unsafe { frames::init(&mapped, free) }.is_err() {
        power::fail(format_args!(
            "too little memory: what is free lies in pieces too small for the kernel's books"
        ));
    }
}

/// The memory that the linear map shows, and that part of it which is free. The archive is not free: the program's pages
/// come from it.
fn layout(info: &BootInfo) -> Result<(RangeSet, RangeSet), Full> {
    let board = board::description();
    let mut mapped = RangeSet::new();
    for range in board.ram.iter() {
        mapped.add(range.narrowed(PAGE_SIZE))?;
    }
    // What no table of this processor can point to.
    mapped.remove(PhysRange::new(
        1 << cpu::features().physical_bits.min(LINEAR_BITS),
        u64::MAX,
    ))?;
    if mapped.drop_far(FARTHEST) {
        log::warn!("some memory lies too far from the rest to be used");
    }
    for range in board.no_map.iter() {
        mapped.remove(range.widened(PAGE_SIZE))?;
    }
    let mut free = mapped.clone();
    let tree = info
        .device_tree()
        .and_then(|tree| PhysRange::from_len(tree.phys, tree.size));
    for range in board
        .reserved
        .iter()
        .chain([image()])
        .chain(tree)
        .chain(board.initrd)
    {
        free.remove(range.widened(PAGE_SIZE))?;
    }
    if let Some(store) = store::choose(&mapped, &free) {
        free.remove(store)?;
    }
    Ok((mapped, free))
}

/// Whether the linear map shows all of `range`.
fn is_mapped(range: PhysRange) -> bool {
    MAPPED.get().is_some_and(|mapped| mapped.covers(range))
}

/// The doubleword at `address`, if it is RAM that the device tree reserves for somebody other than the kernel, and the linear map
/// shows it.
pub(crate) fn reserved_doubleword(address: PhysAddr) -> Option<*mut u64> {
    let range = PhysRange::from_len(address.get(), size_of::<u64>() as u64)?;
    let kept = board::description().reserved.covers(range);
    (kept && is_mapped(range)).then(|| linear::address_of(address).cast())
}

/// The program archive, as the loader left it in memory.
///
/// # Errors
///
/// Why there is none, in words for a person.
pub(crate) fn archive() -> Result<&'static [u8], &'static str> {
    let board = board::description();
    let range = board
        .initrd
        .ok_or("no initrd: the loader must hand over an archive with the program")?;
    if !board.ram.covers(range) || range.overlaps(image()) {
        return Err("the initrd is not in memory: the device tree and the loader disagree");
    }
    if !is_mapped(range) {
        return Err(
            "the initrd is in memory that the kernel doesn't use: too far from the rest, or kept for others",
        );
    }
    // SAFETY: the range is RAM that the linear map shows, and `layout` kept it out of what is free, so that nothing writes
    // to it.
    Ok(unsafe { core::slice::from_raw_parts(linear::address_of(range.start), range.len() as usize) })
}
