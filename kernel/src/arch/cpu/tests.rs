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

    /// Where the processor gives random numbers, they differ.
    fn random_numbers_differ() {
        if let (Some(first), Some(second)) = (random(), random()) {
            assert_ne!(first, second);
        }
    }
}
