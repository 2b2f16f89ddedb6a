//! What scripts run on: a kernel by its system calls, or something else that answers as one.

use rt::Errno;

use crate::call::{Call, Kind};
use crate::maps::Mapping;
use crate::observe::Trouble;
use crate::output::Output;
use crate::places::Starts;

/// Something that makes the calls of scripts, and can be looked at.
pub trait System {
    /// Makes a call. Its answer has nominal addresses.
    ///
    /// # Errors
    /// What it answers.
    fn make(&mut self, call: &Call) -> Result<u64, Errno>;

    /// Makes everything what it was before the first script. Gives how many frames the script has not given back, where the system
    /// knows that of a single one.
    ///
    /// # Errors
    /// What can't be done.
    fn reset(&mut self) -> Result<usize, Errno>;

    /// Whether there is such a call.
    fn is_there(&mut self, kind: Kind) -> bool;

    /// Where the places are.
    fn starts(&self) -> Starts;

    /// Shows each mapping below `end`, in order.
    ///
    /// # Errors
    /// What can't be looked at, and what `look` says.
    fn mappings(
        &self,
        end: u64,
        look: &mut dyn FnMut(&Mapping<'_>) -> Result<(), Trouble>,
    ) -> Result<(), Trouble>;

    /// Says of each page from `at` on, all of which are mapped, whether it is resident: in the lowest bit.
    ///
    /// # Errors
    /// What can't be looked at.
    fn resident(&self, at: u64, pages: &mut [u8]) -> Result<(), Errno>;

    /// Reads the words at some addresses: `None` for one that can't be read.
    ///
    /// # Errors
    /// What can't be looked at.
    fn words(&self, places: &[u64], words: &mut [Option<u64>]) -> Result<(), Errno>;

    /// Writes a line for each mapping of the arena about its flags.
    ///
    /// # Errors
    /// What can't be looked at or printed.
    fn look(&self, out: &mut Output) -> Result<(), Trouble>;

    /// How many mappings there may still be, if the script has said how many.
    ///
    /// # Errors
    /// What can't be looked at.
    fn room(&self) -> Result<Option<u64>, Errno>;

    /// Whether so many bytes more are too many for a limit that the script has set.
    ///
    /// # Errors
    /// What can't be looked at.
    fn is_limited(&self, more: u64) -> Result<bool, Errno>;
}
