//! How often each call gave each answer.

use core::fmt;

use rt::Errno;

use crate::call::{Call, KINDS};
use crate::output::Output;

/// One more than the largest error number, `EHWPOISON`.
const ERRNOS: usize = 134;

/// Counts by call and error; 0 stands for success.
pub(crate) struct Tally([[u32; ERRNOS]; KINDS.len()]);

impl Default for Tally {
    fn default() -> Self {
        Tally([[0; ERRNOS]; KINDS.len()])
    }
}

impl Tally {
    /// Counts one answer.
    pub(crate) fn add(&mut self, call: &Call, answer: Result<u64, Errno>) {
        let error = answer.err().map_or(0, |errno| usize::from(errno.0));
        if let Some(count) = self.0[call.kind.index()].get_mut(error) {
            *count += 1;
        }
    }

    /// Prints a line for each that occurred: `count CALL ANSWER N`.
    pub(crate) fn print(&self, out: &mut Output) -> fmt::Result {
        for (&(_, name, _), counts) in KINDS.iter().zip(&self.0) {
            for (error, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                match error {
                    0 => out.print(format_args!("count {name} ok {count}\n"))?,
                    error => out.print(format_args!("count {name} {} {count}\n", Errno(error as u16)))?,
                }
            }
        }
        Ok(())
    }
}
