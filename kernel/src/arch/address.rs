//! What the MMU makes of a kernel address.

use mm::PhysAddr;

/// The physical address that the kernel reads at the virtual address `address`, by asking the MMU (AT S1E1R); `None` where
/// nothing is mapped. Never faults.
pub(crate) fn translate(address: u64) -> Option<PhysAddr> {
    let result: u64;
    // SAFETY: a translation has no effect but on PAR_EL1, which nothing else uses.
    unsafe {
        core::arch::asm!("at s1e1r, {}", "isb", "mrs {}, par_el1", in(reg) address, out(reg) result,
            options(nostack, preserves_flags));
    }
    (result & 1 == 0).then(|| PhysAddr::new(result & 0x000f_ffff_ffff_f000 | address & 0xfff))
}

#[cfg(feature = "ktest")]
mod tests;
