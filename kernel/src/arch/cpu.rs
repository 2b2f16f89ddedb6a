//! What this processor can do, from its ID registers, and what it does wrong, from MIDR_EL1. Read once; never from the device tree,
//! which may name another model.

use core::cell::UnsafeCell;
use core::fmt;

use aarch64_cpu::registers::{
    ID_AA64ISAR0_EL1, ID_AA64MMFR0_EL1, ID_AA64MMFR1_EL1, ID_AA64MMFR2_EL1, MIDR_EL1, MPIDR_EL1,
    ReadWriteable, Readable, TCR_EL1,
};
use mm::machine::MmuFeatures;

/// The features that the kernel asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Features {
    /// Privileged access never (FEAT_PAN): the kernel can't touch the program's memory by accident.
    pub(crate) pan: bool,
    /// What the MMU can do beside walking tables.
    pub(crate) mmu: MmuFeatures,
    /// How much of a change to a live entry needs no break-before-make (FEAT_BBM): level 0, 1 or 2.
    pub(crate) bbm_level: u8,
    /// The width of physical addresses in bits, as far as the tables reach: at most 48.
    pub(crate) physical_bits: u8,
    /// The width of an ASID in bits: 8 or 16.
    pub(crate) asid_bits: u8,
    /// What one DC ZVA clears, in bytes, if it may be used.
    pub(crate) zva_size: Option<usize>,
    /// The smallest line of the data caches, in bytes.
    pub(crate) data_line: usize,
    /// The smallest line of the instruction caches, in bytes.
    pub(crate) instruction_line: usize,
    /// Instruction fetches see what the data caches hold (CTR_EL0.IDC): new code need not be cleaned from them.
    pub(crate) unified_data: bool,
    /// Instruction caches may hold a line of memory once for each address that it was fetched by (CTR_EL0.L1Ip is not PIPT):
    /// to invalidate by another address is not enough.
    pub(crate) aliasing_instructions: bool,
    /// Instruction caches need not be invalidated for new code (CTR_EL0.DIC).
    pub(crate) unified_instructions: bool,
    /// The model and its revision.
    pub(crate) midr: u64,
}

/// One line for the log.
impl fmt::Display for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            midr,
            physical_bits,
            asid_bits,
            bbm_level,
            mmu,
            ..
        } = self;
        write!(
            f,
            "MIDR {midr:#010x}, {physical_bits}-bit physical addresses, {asid_bits}-bit ASIDs, BBM level {bbm_level}"
        )?;
        if self.pan {
            f.write_str(", PAN")?;
        }
        for (name, _) in mmu.iter_names() {
            write!(f, ", {name}")?;
        }
        Ok(())
    }
}

/// Before [`init`]: nothing.
const NONE: Features = Features {
    pan: false,
    mmu: MmuFeatures::empty(),
    bbm_level: 0,
    physical_bits: 32,
    asid_bits: 8,
    zva_size: None,
    data_line: 16,
    instruction_line: 16,
    unified_data: false,
    aliasing_instructions: true,
    unified_instructions: false,
    midr: 0,
};

/// CTR_EL0.L1Ip of instruction caches that are indexed and tagged by the physical address.
const PHYSICALLY_TAGGED: u64 = 3;

/// The value of an ID register that `aarch64-cpu` doesn't have.
macro_rules! read_register {
    ($name:literal) => {{
        let value: u64;
        // SAFETY: reading an ID register has no effect.
        unsafe {
            core::arch::asm!(concat!("mrs {}, ", $name), out(reg) value, options(nomem, nostack, preserves_flags));
        }
        value
    }};
}

struct Found(UnsafeCell<Features>);

// SAFETY: written by `init` alone, whose caller promises that nothing reads it at the same time.
unsafe impl Sync for Found {}

static FOUND: Found = Found(UnsafeCell::new(NONE));

/// The features of this processor.
pub(crate) fn features() -> &'static Features {
    // SAFETY: nothing writes it after `init`, which runs before any other code of the kernel takes a reference.
    unsafe { &*FOUND.0.get() }
}

/// The affinity bits of MPIDR_EL1: Aff3, and Aff2 to Aff0.
const AFFINITY: u64 = 0xff_00ff_ffff;
/// A bit of MPIDR_EL1 that is always set.
const MPIDR_RES1: u64 = 1 << 31;

/// The affinity bits of this core, as a device tree numbers cores.
pub(crate) fn affinity() -> u64 {
    MPIDR_EL1.get() & AFFINITY
}

/// The affinity bits in a value of MPIDR_EL1; `None` where it is none.
pub(crate) fn affinity_in(mpidr: u64) -> Option<u64> {
    (mpidr & MPIDR_RES1 != 0).then_some(mpidr & AFFINITY)
}

/// Reads the ID registers, and has the MMU set access flags and dirty state where it can.
///
/// # Safety
/// Called once, before anything asks for [`features`].
pub(super) unsafe fn init() {
    let found = read();
    let (access, dirty) = (MmuFeatures::HARDWARE_ACCESS, MmuFeatures::HARDWARE_DIRTY);
    if found.mmu.contains(access) {
        TCR_EL1.modify(TCR_EL1::HA::Enable);
    }
    if found.mmu.contains(access | dirty) {
        TCR_EL1.modify(TCR_EL1::HD::Enable);
    }
    if found.pan {
        // An exception sets it; what runs before the first one has to by itself.
        // SAFETY: it forbids what the kernel does not do. The word is MSR PAN, #1, which an assembler for
        // ARMv8.0 does not know.
        unsafe { core::arch::asm!(".inst 0xd500419f", options(nostack)) };
    }
    // SAFETY: nobody has a reference to it yet, by the caller's promise.
    unsafe { *FOUND.0.get() = found };
}

fn read() -> Features {
    let (midr, ctr) = (MIDR_EL1.get(), read_register!("ctr_el0"));
    let (mmfr0, mmfr1) = (ID_AA64MMFR0_EL1.get(), ID_AA64MMFR1_EL1.get());
    Features {
        pan: field(mmfr1, 20) > 0,
        mmu: mmu_features(midr, mmfr1),
        bbm_level: field(ID_AA64MMFR2_EL1.get(), 52) as u8,
        physical_bits: physical_bits(mmfr0),
        asid_bits: if field(mmfr0, 4) == 2 { 16 } else { 8 },
        zva_size: zva_size(),
        data_line: 4 << field(ctr, 16),
        instruction_line: 4 << field(ctr, 0),
        unified_data: ctr >> 28 & 1 != 0,
        aliasing_instructions: ctr >> 14 & 3 != PHYSICALLY_TAGGED,
        unified_instructions: ctr >> 29 & 1 != 0,
        midr,
    }
}

/// The four bits of an ID register from `shift` on.
const fn field(register: u64, shift: u32) -> u64 {
    register >> shift & 0xf
}

fn mmu_features(midr: u64, mmfr1: u64) -> MmuFeatures {
    let mut features = MmuFeatures::empty();
    features.set(MmuFeatures::HARDWARE_ACCESS, field(mmfr1, 0) >= 1);
    features.set(MmuFeatures::HARDWARE_DIRTY, field(mmfr1, 0) >= 2);
    features.set(MmuFeatures::TLB_RANGE, field(ID_AA64ISAR0_EL1.get(), 56) >= 2);
    features.set(MmuFeatures::REPEAT_FLUSH, must_repeat_flush(midr));
    features
}

/// ID_AA64MMFR0_EL1.PARange in bits. More than 48 needs descriptors of another format.
const fn physical_bits(mmfr0: u64) -> u8 {
    match field(mmfr0, 0) {
        0 => 32,
        1 => 36,
        2 => 40,
        3 => 42,
        4 => 44,
        _ => 48,
    }
}

/// Whether a TLBI and DSB may complete before accesses by the old translation have (CVE-2025-10263), by implementer and part number
/// (Linux 7.3, Documentation/arch/arm64/silicon-errata.rst; the fix is one more TLBI and DSB). All revisions are affected.
const fn must_repeat_flush(midr: u64) -> bool {
    const ARM: u64 = 0x41;
    // A76, N1, A77, A76AE; V1, A78, A78AE, X1, A710, X2, N2, A78C, X1C, X3, V2; X4, V3AE, V3, X925, C1-Ultra, C1-Premium.
    const PARTS: [u64; 21] = [
        0xd0b, 0xd0c, 0xd0d, 0xd0e, 0xd40, 0xd41, 0xd42, 0xd44, 0xd47, 0xd48, 0xd49, 0xd4b, 0xd4c, 0xd4e,
        0xd4f, 0xd82, 0xd83, 0xd84, 0xd85, 0xd8c, 0xd90,
    ];
    if midr >> 24 & 0xff != ARM {
        return false;
    }
    let mut index = 0;
    while index < PARTS.len() {
        if PARTS[index] == midr >> 4 & 0xfff {
            return true;
        }
        index += 1;
    }
    false
}

fn zva_size() -> Option<usize> {
    let dczid = read_register!("dczid_el0");
    let prohibited = dczid >> 4 & 1 != 0;
    (!prohibited).then_some(4 << (dczid & 0xf))
}

#[cfg(feature = "ktest")]
mod tests;
