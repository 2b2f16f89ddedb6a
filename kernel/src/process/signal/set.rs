//! A set of signals.

use super::number::{SIGKILL, SIGSTOP};

/// A set of signals, one bit each, as `sigset_t` has them on arm64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Set(pub(crate) u64);

impl Set {
    /// The size of a `sigset_t`, which every call is told.
    pub(crate) const SIZE: u64 = 8;

    /// Whether `signal`, 1..=64, is in the set.
    pub(crate) fn contains(self, signal: u8) -> bool {
        self.0 & bit(signal) != 0
    }

    /// The set with `signal`.
    pub(crate) fn with(self, signal: u8) -> Self {
        Self(self.0 | bit(signal))
    }

    /// The set without the two signals that can't be blocked.
    pub(crate) fn without_unblockable(self) -> Self {
        Self(self.0 & !(bit(SIGKILL) | bit(SIGSTOP)))
    }
}

fn bit(signal: u8) -> u64 {
    1 << (signal - 1)
}
