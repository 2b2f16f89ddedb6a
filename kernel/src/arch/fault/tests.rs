//! Syndromes, decoded: values as they are documented (Arm ARM, ESR_EL1) and as QEMU and boards give them.

use super::*;
use alloc::string::ToString;

fn cause(esr: u64, far: u64) -> Cause {
    Fault { esr: Esr(esr), far }.cause()
}

/// ESR_EL1 of class `class` with a 32-bit instruction.
fn esr(class: u64, syndrome: u64) -> u64 {
    class << 26 | 1 << 25 | syndrome
}

crate::ktest! {
    /// Translation, access flag and permission faults of loads, stores and fetches are page faults at the address without its tag.
    fn aborts_that_are_page_faults() {
        let address = 0x7fff_1234_5678;
        for level in 0..4 {
            for code in [0x04, 0x08, 0x0c] {
                let status = code + level;
                let memory = |access| Cause::Memory { address, access };
                assert_eq!(cause(esr(0x24, status), address), memory(Access::Read));
                assert_eq!(cause(esr(0x24, status | 1 << 6), address), memory(Access::Write));
                assert_eq!(cause(esr(0x24, status | 1 << 6), address | 0x5a << 56), memory(Access::Write));
                assert_eq!(cause(esr(0x20, status), address), memory(Access::Execute));
                // Cache maintenance says write, and needs to read.
                assert_eq!(cause(esr(0x24, status | 1 << 6 | 1 << 8), address), memory(Access::Read));
            }
        }
    }

    /// The rest of what can go wrong with memory.
    fn aborts_that_are_no_page_faults() {
        let address = 0x1001;
        assert_eq!(cause(esr(0x24, 0x21), address), Cause::Alignment { address });
        assert_eq!(cause(esr(0x22, 0), address), Cause::Alignment { address });
        assert_eq!(cause(esr(0x26, 0), address), Cause::Alignment { address });
        for status in [0x00, 0x10, 0x14, 0x18, 0x30, 0x35, 0x3f] {
            assert_eq!(cause(esr(0x24, status), address), Cause::Bus { address });
        }
    }

    /// Instructions that trap. Every class gives a cause.
    fn instructions_that_trap() {
        assert_eq!(cause(0x0200_0000, 0), Cause::Undefined);
        assert_eq!(cause(0xf200_0001, 0), Cause::Breakpoint);
        assert_eq!(cause(esr(0x2c, 1), 0), Cause::FloatingPoint);
        for class in [0x30, 0x32, 0x34] {
            assert_eq!(cause(esr(class, 0), 0), Cause::Debug);
        }
        for class in [0x07, 0x0d, 0x0e, 0x18, 0x19, 0x1c, 0x1d, 0x27, 0x3f] {
            assert_eq!(cause(esr(class, 0x1ff_ffff), 0), Cause::Undefined, "{class:#x}");
        }
    }

    /// A tag goes, and the half of the address space stays.
    fn tags_are_ignored() {
        assert_eq!(untagged(0xff00_0000_0000_1000), 0x1000);
        assert_eq!(untagged(0x5aff_8000_0000_1000), 0xffff_8000_0000_1000);
        assert_eq!(untagged(0x1000), 0x1000);
    }

    /// A syndrome reads as a sentence.
    fn syndromes_in_words() {
        let words = |value: u64| Esr(value).to_string();
        assert_eq!(words(0x9600_0046), "data abort at EL1, write, translation fault at level 2");
        assert_eq!(words(0x9600_0021), "data abort at EL1, read, alignment fault");
        assert_eq!(words(0x8200_000f), "instruction abort from EL0, fetch, permission fault at level 3");
        assert_eq!(words(0xf200_0001), "BRK #1");
        assert_eq!(words(0x0200_0000), "unknown or undefined instruction");
    }

    /// What a program asks for in PSTATE it gets only as far as it is a program's.
    fn a_program_stays_at_el0() {
        let mut frame = crate::arch::UserFrame::new(0, 0);
        frame.set_pstate(u64::MAX);
        assert_eq!(frame.pstate() & 0x3df, 0);
        assert_eq!(frame.pstate() >> 28, 0xf);
        frame.set_pstate(0x6000_03c5);
        assert_eq!(frame.pstate(), 0x6000_0000);
    }
}
