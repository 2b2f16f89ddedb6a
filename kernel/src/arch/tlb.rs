//! TLB maintenance, one instruction a function. The caller decides what to flush and in which order, barriers included.
//!
//! One core runs programs, so the forms are those that don't leave it, TLBIs and barriers alike (Arm ARM, D8.17): with more, each
//! becomes its broadcast form here.

use core::arch::asm;
use mm::machine::{PageOperand, RangeOperand, Reach};

/// Completes earlier stores to tables for every walker.
#[inline(always)]
pub(crate) fn dsb_stores() {
    // SAFETY: a barrier. It may touch memory as far as the compiler knows, so no access moves across it.
    unsafe { asm!("dsb nshst", options(nostack, preserves_flags)) }
}

/// Completes earlier TLBIs, and all accesses before.
#[inline(always)]
pub(crate) fn dsb() {
    // SAFETY: as above.
    unsafe { asm!("dsb nsh", options(nostack, preserves_flags)) }
}

/// What follows sees what the barriers before completed.
#[inline(always)]
pub(crate) fn isb() {
    // SAFETY: as above.
    unsafe { asm!("isb", options(nostack, preserves_flags)) }
}

/// Forgets the translations of one page of a program.
#[inline(always)]
pub(crate) fn tlbi_page(page: PageOperand, reach: Reach) {
    // SAFETY: forgetting a translation makes the next access walk the tables again, nothing else.
    unsafe {
        match reach {
            Reach::Leaf => asm!("tlbi vale1, {}", in(reg) page.0, options(nostack, preserves_flags)),
            Reach::Walk => asm!("tlbi vae1, {}", in(reg) page.0, options(nostack, preserves_flags)),
        }
    }
}

/// Forgets the translations of a range of a program's pages. Only with `MmuFeatures::TLB_RANGE`: undefined otherwise.
#[inline(always)]
pub(crate) fn tlbi_range(range: RangeOperand, reach: Reach) {
    // SAFETY: as above. RVALE1 and RVAE1 are spelled as the assembler for ARMv8.0 knows them.
    unsafe {
        match reach {
            Reach::Leaf => asm!("sys #0, c8, c6, #5, {}", in(reg) range.0, options(nostack, preserves_flags)),
            Reach::Walk => asm!("sys #0, c8, c6, #1, {}", in(reg) range.0, options(nostack, preserves_flags)),
        }
    }
}

/// Forgets all translations of a program.
#[inline(always)]
pub(crate) fn tlbi_asid(asid: PageOperand) {
    // SAFETY: as above.
    unsafe { asm!("tlbi aside1, {}", in(reg) asid.0, options(nostack, preserves_flags)) }
}

/// Forgets everything, on this core.
pub(crate) fn flush_all() {
    // SAFETY: as above.
    unsafe {
        asm!(
            "dsb nshst",
            "tlbi vmalle1",
            "dsb nsh",
            "isb",
            options(nostack, preserves_flags)
        )
    }
}

/// Forgets the translation of one page of the kernel, which belongs to all ASIDs.
pub(crate) fn tlbi_kernel_page(address: u64) {
    // SAFETY: as above.
    unsafe { asm!("tlbi vaae1, {}", in(reg) address << 8 >> 20, options(nostack, preserves_flags)) }
}

#[cfg(feature = "ktest")]
mod tests;
