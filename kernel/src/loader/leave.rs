//! The way from this kernel to the next.

use core::fmt::Write;
use hardware::PhysRange;
use mm::PhysAddr;
use push::{Ending, Received, WORDS};

use super::TREE;
use crate::arch;
use crate::board::{console, device_tree, power};
use crate::memory::Piece;

/// Room for the words that came and the one that is added.
type Words = heapless::String<{ WORDS + 64 }>;

/// Puts what was received into `slot` and leaves for it. Its archive lies at `archive_start`; `kept` is what this kernel keeps for others.
pub(super) fn start(received: &Received<'_>, archive_start: PhysAddr, slot: Piece, kept: PhysRange) -> ! {
    let (image, tree) = slot.bytes.split_at_mut(slot.bytes.len() - TREE);
    let tree_start = slot.start + image.len() as u64;
    image[..received.kernel.len()].copy_from_slice(received.kernel);
    let archive = PhysRange::from_len(archive_start.get(), received.archive.len() as u64)
        .filter(|archive| !archive.is_empty());
    if let Err(why) = hardware::hand_over(tree, device_tree(), &words(received, kept), archive) {
        power::fail(format_args!("no kernel can be started: {why}"));
    }

    // The next kernel reads its image and its tree with the caches off. What lies behind its file it writes so, or drops it from the caches
    // first; but what this kernel holds of all that shall not come to memory later.
    for bytes in [&*image, &*tree, received.archive] {
        arch::cache::clean_and_invalidate(bytes.as_ptr(), bytes.len());
    }
    arch::timer::clear_deadline();
    console::flush();
    // SAFETY: nothing here goes on: no program runs any more, interrupts are masked, no other core was let in. Kernel and tree are in memory.
    // The tables of this half are boot's, to which the kernel has added.
    unsafe { boot::boot_leave(slot.start.get(), tree_start.get()) }
}

/// The next kernel's command line.
fn words(received: &Received<'_>, kept: PhysRange) -> Words {
    let mut words = Words::new();
    // There is room for both.
    let _ = words.push_str(&received.words);
    if received.ending == Ending::Again {
        let _ = write!(words, " again={:#x},{:#x}", kept.start.get(), kept.len());
    }
    words
}
