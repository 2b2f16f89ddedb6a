//! Features that every processor has one way or another, and errata by model.

use super::*;

crate::ktest! {
    /// What was read is within what the architecture allows.
    fn features_are_plausible() {
        let features = features();
        assert!((32..=48).contains(&features.physical_bits));
        assert!([8, 16].contains(&features.asid_bits));
        assert!(features.data_line.is_power_of_two() && (16..=2048).contains(&features.data_line));
        assert!(features.instruction_line.is_power_of_two());
        assert_ne!(features.midr, 0);
        // Dirty state is never managed without the access flag.
        let mmu = features.mmu;
        assert!(!mmu.contains(MmuFeatures::HARDWARE_DIRTY) || mmu.contains(MmuFeatures::HARDWARE_ACCESS));
    }

    /// Affected and unaffected models, whatever their revision.
    fn models_that_must_repeat_a_flush() {
        assert!(must_repeat_flush(0x414f_d0b1) && must_repeat_flush(0x410f_d0b0));
        assert!(must_repeat_flush(0x414f_d0c1) && must_repeat_flush(0x412f_d471));
        assert!(!must_repeat_flush(0x410f_d034) && !must_repeat_flush(0x410f_d083));
        // QEMU's `max`, and another maker's part of the same number.
        assert!(!must_repeat_flush(0x000f_0510) && !must_repeat_flush(0x510f_d0b0));
    }

    /// The kernel runs with PAN where there is PAN, and with the memory types that the tables presume.
    fn the_processor_is_set_up() {
        use aarch64_cpu::registers::{MAIR_EL1, SCTLR_EL1};
        assert_eq!(MAIR_EL1.get(), mm::table::MAIR);
        assert!(SCTLR_EL1.is_set(SCTLR_EL1::M) && SCTLR_EL1.is_set(SCTLR_EL1::C) && SCTLR_EL1.is_set(SCTLR_EL1::I));
        // SPAN: an exception sets PAN if it is clear. It must be set where there is no PAN.
        assert_eq!(SCTLR_EL1.get() >> 23 & 1 != 0, !features().pan);
        if features().pan {
            assert_eq!(read_register!("s3_0_c4_c2_3"), 1 << 22);
        }
    }
}
