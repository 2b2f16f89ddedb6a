//! Random bytes: from the CPU's generator (`RNDR`, FEAT_RNG) where there is one, else stretched from the counter, which is good
//! enough for hash seeds and stack canaries of a program that is alone on its machine, and not for keys.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::arch;

/// The increment of the sequence below, from SplitMix64 (Steele, Lea and Flood, 2014).
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

static STATE: AtomicU64 = AtomicU64::new(0);

/// Fills `bytes`.
pub(crate) fn fill(bytes: &mut [u8]) {
    for piece in bytes.chunks_mut(8) {
        piece.copy_from_slice(&word().to_le_bytes()[..piece.len()]);
    }
}

/// 64 random bits.
fn word() -> u64 {
    arch::hwcap::random().unwrap_or_else(|| {
        let seed = STATE
            .fetch_add(STEP, Ordering::Relaxed)
            .wrapping_add(arch::timer::now());
        mix(seed.wrapping_add(STEP))
    })
}

/// SplitMix64's finaliser: every bit of the input changes half of the output's.
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}
