//! Cache maintenance by address.

use super::cpu;
use aarch64_cpu::asm::barrier;
use core::arch::asm;

/// Makes instruction fetches see the `len` bytes at `start`, which were written as data: to be called before they are mapped
/// executable, at whatever address (Arm ARM, B2.7.4.4).
pub(crate) fn sync_instructions(start: *const u8, len: usize) {
    let features = cpu::features();
    if !features.unified_data {
        // DC CVAU would do, but may be overtaken by an eviction on a Cortex-A53 (erratum 855873); this is not.
        for_each_line(start, len, features.data_line, |line| {
            // SAFETY: cleans and invalidates a line: no byte changes for anyone.
            unsafe { asm!("dc civac, {}", in(reg) line, options(nostack, preserves_flags)) };
        });
    }
    barrier::dsb(barrier::ISH);
    if !features.unified_instructions && features.aliasing_instructions {
        // The Cortex-A53's are virtually indexed: a line fetched by the program's address is not found by the kernel's. One core
        // runs programs, so its own caches are enough.
        // SAFETY: has everything fetched again.
        unsafe { asm!("ic iallu", options(nostack, preserves_flags)) };
        barrier::dsb(barrier::ISH);
    } else if !features.unified_instructions {
        for_each_line(start, len, features.instruction_line, |line| {
            // SAFETY: has the line fetched again.
            unsafe { asm!("ic ivau, {}", in(reg) line, options(nostack, preserves_flags)) };
        });
        barrier::dsb(barrier::ISH);
    }
    barrier::isb(barrier::SY);
}

/// Brings the `len` bytes at `start` to memory and forgets them, so that a device that looks past the caches and this core see the
/// same: before the device reads or writes them, and again after it wrote. The caller owns every line of the range.
pub(crate) fn clean_and_invalidate(start: *const u8, len: usize) {
    barrier::dsb(barrier::SY);
    for_each_line(start, len, cpu::features().data_line, |line| {
        // SAFETY: cleans and invalidates a line: no byte changes for anyone.
        unsafe { asm!("dc civac, {}", in(reg) line, options(nostack, preserves_flags)) };
    });
    barrier::dsb(barrier::SY);
}

fn for_each_line(start: *const u8, len: usize, line: usize, act: impl Fn(usize)) {
    let end = start.addr() + len;
    let mut at = start.addr() & !(line - 1);
    while at < end {
        act(at);
        at += line;
    }
}
