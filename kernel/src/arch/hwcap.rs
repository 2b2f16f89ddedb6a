//! What a program may use of this processor's instructions: the bits of `AT_HWCAP` and `AT_HWCAP2` (Linux,
//! Documentation/arch/arm64/elf_hwcaps.rst), from the ID registers.
//!
//! Only what works at EL0 here is told: features that the kernel would have to switch on (SVE, SME, MTE, pointer
//! authentication, the memory copy instructions) are not, whatever the processor has.

use core::arch::asm;

/// One bit of an answer: the field of an ID register that it stands for, and the least value that means yes.
struct Capability {
    register: Register,
    shift: u32,
    least: u64,
    bit: u32,
}

/// The ID registers that are asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Register {
    Isar0,
    Isar1,
    Pfr0,
    Pfr1,
    Mmfr2,
}

const fn capability(register: Register, shift: u32, least: u64, bit: u32) -> Capability {
    Capability {
        register,
        shift,
        least,
        bit,
    }
}

/// The bits of `AT_HWCAP`.
const FIRST: [Capability; 24] = {
    use Register::{Isar0, Isar1, Mmfr2, Pfr0, Pfr1};
    [
        capability(Isar0, 4, 1, 3),   // AES
        capability(Isar0, 4, 2, 4),   // PMULL
        capability(Isar0, 8, 1, 5),   // SHA1
        capability(Isar0, 12, 1, 6),  // SHA2
        capability(Isar0, 16, 1, 7),  // CRC32
        capability(Isar0, 20, 2, 8),  // ATOMICS
        capability(Pfr0, 16, 1, 9),   // FPHP
        capability(Pfr0, 20, 1, 10),  // ASIMDHP
        capability(Isar0, 28, 1, 12), // ASIMDRDM
        capability(Isar1, 12, 1, 13), // JSCVT
        capability(Isar1, 16, 1, 14), // FCMA
        capability(Isar1, 20, 1, 15), // LRCPC
        capability(Isar1, 0, 1, 16),  // DCPOP
        capability(Isar0, 32, 1, 17), // SHA3
        capability(Isar0, 36, 1, 18), // SM3
        capability(Isar0, 40, 1, 19), // SM4
        capability(Isar0, 44, 1, 20), // ASIMDDP
        capability(Isar0, 12, 2, 21), // SHA512
        capability(Isar0, 48, 1, 23), // ASIMDFHM
        capability(Pfr0, 48, 1, 24),  // DIT
        capability(Mmfr2, 32, 1, 25), // USCAT
        capability(Isar1, 20, 2, 26), // ILRCPC
        capability(Isar0, 52, 1, 27), // FLAGM
        capability(Pfr1, 4, 2, 28),   // SSBS
    ]
};

/// The bits of `AT_HWCAP2`.
const SECOND: [Capability; 7] = {
    use Register::{Isar0, Isar1};
    [
        capability(Isar1, 0, 2, 0),   // DCPODP
        capability(Isar0, 52, 2, 7),  // FLAGM2
        capability(Isar1, 32, 1, 8),  // FRINT
        capability(Isar1, 52, 1, 13), // I8MM
        capability(Isar1, 44, 1, 14), // BF16
        capability(Isar1, 48, 1, 15), // DGH
        capability(Isar0, 60, 1, 16), // RNG
    ]
};

/// `HWCAP_FP` and `HWCAP_ASIMD`, without which the kernel doesn't run a program.
const FLOATING_POINT: u64 = 0b11;

/// `AT_HWCAP`.
pub(crate) fn first() -> u64 {
    FLOATING_POINT | bits(&FIRST)
}

/// `AT_HWCAP2`.
pub(crate) fn second() -> u64 {
    bits(&SECOND)
}

/// The names of the bits of `AT_HWCAP`, from the lowest, as `/proc/cpuinfo` has them.
const FIRST_NAMES: [&str; 29] = [
    "fp", "asimd", "evtstrm", "aes", "pmull", "sha1", "sha2", "crc32", "atomics", "fphp", "asimdhp", "cpuid",
    "asimdrdm", "jscvt", "fcma", "lrcpc", "dcpop", "sha3", "sm3", "sm4", "asimddp", "sha512", "sve",
    "asimdfhm", "dit", "uscat", "ilrcpc", "flagm", "ssbs",
];

/// Those of `AT_HWCAP2`.
const SECOND_NAMES: [&str; 17] = [
    "dcpodp",
    "sve2",
    "sveaes",
    "svepmull",
    "svebitperm",
    "svesha3",
    "svesm4",
    "flagm2",
    "frint",
    "svei8mm",
    "svef32mm",
    "svef64mm",
    "svebf16",
    "i8mm",
    "bf16",
    "dgh",
    "rng",
];

/// What a program may use, by name.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    let named = |bits: u64, names: &'static [&'static str]| {
        let numbered = (0..).zip(names);
        numbered.filter_map(move |(bit, name)| (bits >> bit & 1 == 1).then_some(*name))
    };
    named(first(), &FIRST_NAMES).chain(named(second(), &SECOND_NAMES))
}

fn bits(capabilities: &[Capability]) -> u64 {
    let present = |capability: &&Capability| {
        let field = read(capability.register) >> capability.shift & 0xf;
        // In the fields of FP and SIMD, 15 means that there is nothing.
        field >= capability.least && !(capability.register == Register::Pfr0 && field == 0xf)
    };
    capabilities
        .iter()
        .filter(present)
        .fold(0, |bits, capability| bits | 1 << capability.bit)
}

fn read(register: Register) -> u64 {
    macro_rules! id {
        ($name:literal) => {{
            let value: u64;
            // SAFETY: reads an ID register, which changes nothing.
            unsafe { asm!(concat!("mrs {}, ", $name), out(reg) value, options(nomem, nostack, preserves_flags)) };
            value
        }};
    }
    match register {
        Register::Isar0 => id!("id_aa64isar0_el1"),
        Register::Isar1 => id!("id_aa64isar1_el1"),
        Register::Pfr0 => id!("id_aa64pfr0_el1"),
        Register::Pfr1 => id!("id_aa64pfr1_el1"),
        Register::Mmfr2 => id!("id_aa64mmfr2_el1"),
    }
}

/// 64 random bits from the processor (FEAT_RNG); `None` where it has no generator, or the generator has nothing now.
pub(crate) fn random() -> Option<u64> {
    if read(Register::Isar0) >> 60 & 0xf == 0 {
        return None;
    }
    let (bits, failed): (u64, u64);
    // SAFETY: RNDR, by its encoding, changes nothing but its register and the flags.
    unsafe {
        asm!("mrs {}, s3_3_c2_c4_0", "cset {}, eq", out(reg) bits, out(reg) failed, options(nomem, nostack));
    }
    (failed == 0).then_some(bits)
}
