//! The routine that shifts the entries of an array, in the place of the one of the compiler's library, which takes four
//! instructions a word.

core::arch::global_asm!(include_str!("memmove.s"));

#[cfg(feature = "ktest")]
mod tests {
    crate::ktest! {
        /// Every length, to lower and to higher addresses, near and far, up to several rounds of the loop.
        fn every_length_is_moved_and_nothing_else() {
            for from in 70..80 {
                for to in (0..150).step_by(3).chain(from - 9..from + 9) {
                    for len in 0..110 {
                        let mut bytes: [u8; 260] = core::array::from_fn(|index| index as u8);
                        let before = bytes;
                        bytes.copy_within(from..from + len, to);
                        let moved = |index: usize| {
                            if (to..to + len).contains(&index) { before[index - to + from] } else { before[index] }
                        };
                        let wrong = (0..bytes.len()).find(|&index| bytes[index] != moved(index));
                        assert_eq!(wrong, None, "{len} bytes from {from} to {to}");
                    }
                }
            }
        }
    }
}
