//! The call stack of the kernel, by its frame pointers, for a panic to print.

use super::address::translate;
use boot::KERNEL_STACK_SIZE;

/// The most return addresses that are given.
const LIMIT: usize = 64;

/// The return addresses of the functions that are running, the innermost first. It ends, rather than fault, at whatever is no frame
/// record. Exceptions leave one, so it goes on with what they interrupted.
pub(crate) fn current() -> impl Iterator<Item = u64> {
    let frame: u64;
    // SAFETY: reads a register.
    unsafe { core::arch::asm!("mov {}, x29", out(reg) frame, options(nomem, nostack, preserves_flags)) };
    walk(frame)
}

/// The return addresses from the frame record at `frame` on. A circle ends by the limit.
fn walk(mut frame: u64) -> impl Iterator<Item = u64> {
    core::iter::from_fn(move || {
        let (previous, address) = record(frame)?;
        frame = previous;
        (address != 0).then_some(address)
    })
    .take(LIMIT)
}

/// The frame record (AAPCS64, 6.4.6) at `frame`: that of the caller, and a return address. `None` if none can lie there: it must
/// be on a stack, which `boot::KERNEL_STACK_SIZE` tells, and mapped.
fn record(frame: u64) -> Option<(u64, u64)> {
    let on_stack = frame >= boot::IMAGE_BASE && frame & KERNEL_STACK_SIZE != 0 && frame.is_multiple_of(16);
    if !on_stack || translate(frame).is_none() {
        return None;
    }
    let record = core::ptr::with_exposed_provenance::<[u64; 2]>(frame as usize);
    // SAFETY: the address is mapped and aligned, the 16 bytes lie in one page, and nothing in the kernel's half from the image on
    // changes by being read but device registers, whose window has no frame pointer into it unless everything is lost.
    let [previous, address] = unsafe { record.read_volatile() };
    Some((previous, address))
}

#[cfg(feature = "ktest")]
mod tests;
