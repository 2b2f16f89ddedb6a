//! Call stacks that are sound, and things that are none.

use super::*;

crate::ktest! {
    /// The call stack of a test is a few calls deep, and all of it lies in the image's text.
    fn the_call_stack_of_a_test() {
        let calls = current().count();
        assert!((2..LIMIT).contains(&calls), "{calls}");
        assert!(current().all(|address| (boot::IMAGE_BASE..boot::IMAGE_BASE + (4 << 20)).contains(&address)));
    }

    /// What is no frame record ends the walk; it doesn't fault.
    fn broken_frame_pointers_end_the_walk() {
        let unmapped_stack = boot::KERNEL_STACKS + (1 << 30) + boot::KERNEL_STACK_SIZE;
        for frame in [0, 1, 0x1000, 1 << 48, !15, boot::LINEAR_MAP, unmapped_stack] {
            assert_eq!(walk(frame).count(), 0, "{frame:#x}");
        }
    }

    /// Records that lead back to themselves end by the limit.
    fn a_circle_of_frames_ends() {
        #[repr(C, align(16))]
        struct Record([u64; 2]);
        let mut record = Record([0, 0x1234]);
        let address = (&raw mut record).expose_provenance() as u64;
        record.0[0] = address;
        core::hint::black_box(&mut record);
        assert_eq!(walk(address).count(), LIMIT);
    }
}
