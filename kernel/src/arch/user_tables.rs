//! The tables of the program that runs: TTBR0_EL1 and the ASID in it.

use super::{address::translate, cpu, tlb};
use aarch64_cpu::asm::barrier;
use aarch64_cpu::registers::{ReadWriteable, TCR_EL1, TTBR0_EL1, Writeable};
use mm::PhysAddr;
use mm::machine::Asid;

/// A top table without entries, for when no program runs.
#[repr(C, align(4096))]
struct Empty([u64; 512]);

static EMPTY: Empty = Empty([0; 512]);

/// Lets the lower half be walked, by an empty table: boot leaves the walks off.
pub(super) fn init() {
    remove();
    TCR_EL1.modify(TCR_EL1::EPD0::EnableTTBR0Walks);
    if cpu::features().asid_bits == 16 {
        TCR_EL1.modify(TCR_EL1::AS::ASID16Bits);
    }
    barrier::isb(barrier::SY);
    // A TLB may remember what the register said.
    tlb::flush_all();
}

/// The program's half is what `root` maps from now on, with `asid` for its TLB entries.
///
/// # Safety
/// `root` is a top table of a program, and stays one until another is installed or [`remove`] is called. What it maps in that time is
/// the program's: the kernel has no reference to it. No other tables have been in use with `asid` since the TLB forgot it.
pub(crate) unsafe fn install(root: PhysAddr, asid: Asid) {
    TTBR0_EL1.set(root.get() | u64::from(asid.0) << 48);
    barrier::isb(barrier::SY);
}

/// Nothing is mapped in the program's half from now on, under ASID 0, which no program has. The TLB keeps what it holds.
pub(crate) fn remove() {
    // The image is always mapped.
    let empty = translate((&raw const EMPTY).addr() as u64).map_or(0, PhysAddr::get);
    TTBR0_EL1.set(empty);
    barrier::isb(barrier::SY);
}
