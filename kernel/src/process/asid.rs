//! Address space identifiers: what the TLB tells the entries of one process from another's by.

use mm::Errno;

use crate::sync::Mutex;

/// Every arm64 CPU has at least 8-bit identifiers; 0 stands for no process.
const COUNT: usize = 256;

/// A bit for each identifier in use.
static USED: Mutex<[u64; COUNT / 64]> = Mutex::new([1, 0, 0, 0]);

/// An identifier that is this process's alone, until it is dropped. The TLB must hold nothing under it by then.
pub(super) struct Asid(u16);

impl Asid {
    /// Takes a free identifier.
    ///
    /// # Errors
    /// `EAGAIN` where 255 processes have them all.
    pub(super) fn take() -> Result<Self, Errno> {
        let mut used = USED.lock();
        let (index, word) = used
            .iter_mut()
            .enumerate()
            .find(|(_, word)| **word != u64::MAX)
            .ok_or(Errno::EAGAIN)?;
        let bit = word.trailing_ones();
        *word |= 1 << bit;
        Ok(Self(index as u16 * 64 + bit as u16))
    }

    /// The number.
    pub(super) fn get(&self) -> mm::machine::Asid {
        mm::machine::Asid(self.0)
    }
}

impl Drop for Asid {
    fn drop(&mut self) {
        USED.lock()[usize::from(self.0 / 64)] &= !(1 << (self.0 % 64));
    }
}
