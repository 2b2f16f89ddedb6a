//! The auxiliary vector: what the kernel tells a program's libc before its first instruction (`getauxval(3)`).

use alloc::vec::Vec;
use linux_raw_sys::auxvec;

/// `AT_MINSIGSTKSZ` on arm64 without SVE: a signal frame of [`crate::process::signal`] and its frame record, as Linux says it.
const MINIMUM_SIGNAL_STACK: u64 = 4720;

/// Clock ticks a second, the unit of `times(2)`: Linux's `USER_HZ`.
pub(crate) const CLOCK_TICKS: u64 = 100;

/// What differs from program to program; the rest of the vector is fixed.
pub(crate) struct Facts {
    /// Address of the program headers in memory, 0 if they aren't mapped.
    pub(crate) headers: u64,
    /// Their number.
    pub(crate) header_count: u64,
    /// Address of the first instruction.
    pub(crate) entry: u64,
    /// Address of the vdso's ELF header.
    pub(crate) vdso: u64,
    /// Instructions that this CPU and kernel give to programs: the bits `HWCAP_*`.
    pub(crate) hwcap: u64,
    /// The bits `HWCAP2_*`.
    pub(crate) hwcap2: u64,
    /// Addresses of the strings on the new stack.
    pub(crate) strings: Strings,
}

/// Addresses of what the vector points to on the stack.
#[derive(Clone, Copy, Default)]
pub(crate) struct Strings {
    /// 16 random bytes.
    pub(crate) random: u64,
    /// The program's path.
    pub(crate) path: u64,
    /// The platform's name.
    pub(crate) platform: u64,
}

/// The vector's words, pairs of type and value with `AT_NULL` at the end.
pub(crate) fn build(facts: &Facts) -> Vec<u64> {
    let pairs = [
        (auxvec::AT_SYSINFO_EHDR, facts.vdso),
        (auxvec::AT_MINSIGSTKSZ, MINIMUM_SIGNAL_STACK),
        (auxvec::AT_HWCAP, facts.hwcap),
        (auxvec::AT_PAGESZ, mm::PAGE_SIZE),
        (auxvec::AT_CLKTCK, CLOCK_TICKS),
        (auxvec::AT_PHDR, facts.headers),
        (auxvec::AT_PHENT, super::image::PROGRAM_HEADER_SIZE),
        (auxvec::AT_PHNUM, facts.header_count),
        (auxvec::AT_BASE, 0),
        (auxvec::AT_FLAGS, 0),
        (auxvec::AT_ENTRY, facts.entry),
        (auxvec::AT_UID, 0),
        (auxvec::AT_EUID, 0),
        (auxvec::AT_GID, 0),
        (auxvec::AT_EGID, 0),
        (auxvec::AT_SECURE, 0),
        (auxvec::AT_RANDOM, facts.strings.random),
        (auxvec::AT_HWCAP2, facts.hwcap2),
        (auxvec::AT_EXECFN, facts.strings.path),
        (auxvec::AT_PLATFORM, facts.strings.platform),
        (auxvec::AT_NULL, 0),
    ];
    pairs
        .into_iter()
        .flat_map(|(kind, value)| [u64::from(kind), value])
        .collect()
}
