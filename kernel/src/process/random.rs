//! Random bytes: ChaCha20 with a seed from the processor's generator (`RNDR`, FEAT_RNG) where there is one. Where there is none the seed is
//! the counter's value, which is good enough for hash seeds and stack canaries of a program that is alone on its machine, and
//! not for keys.

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng};

use crate::arch;
use crate::sync::Mutex;

static GENERATOR: Mutex<Option<ChaCha20Rng>> = Mutex::new(None);

/// Fills `bytes`.
pub(crate) fn fill(bytes: &mut [u8]) {
    GENERATOR
        .lock()
        .get_or_insert_with(|| ChaCha20Rng::from_seed(seed()))
        .fill_bytes(bytes);
}

fn seed() -> [u8; 32] {
    let mut seed = [0; 32];
    for word in seed.chunks_mut(8) {
        let bits = arch::hwcap::random().unwrap_or_else(arch::timer::now);
        word.copy_from_slice(&bits.to_le_bytes());
    }
    seed
}
