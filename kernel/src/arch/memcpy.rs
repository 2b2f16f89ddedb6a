//! The routine that copies values, in the place of the one of the compiler's library.

core::arch::global_asm!(include_str!("memcpy.s"));

#[cfg(feature = "ktest")]
mod tests {
    crate::ktest! {
        /// Every length and alignment, up to several rounds of the loop.
        fn every_length_is_copied_and_nothing_else() {
            let source: [u8; 320] = core::array::from_fn(|index| index as u8 | 1);
            for offset in 0..9 {
                for len in 0..300 {
                    let mut copy = [0; 320];
                    copy[offset..offset + len].copy_from_slice(&source[1..1 + len]);
                    assert_eq!(copy[offset..offset + len], source[1..1 + len], "{len} bytes");
                    let around = copy[..offset].iter().chain(&copy[offset + len..]);
                    assert!(around.into_iter().all(|byte| *byte == 0), "{len} bytes to {offset}");
                }
            }
        }
    }
}
