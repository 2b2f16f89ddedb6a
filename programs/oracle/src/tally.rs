//! How often each call gave each answer, which rule decided, and what became of moves of several mappings.

use core::fmt;

use rt::Errno;

use crate::call::{Call, KINDS};
use crate::outcome::{ROWS, SEVERAL, Several};
use crate::output::Output;

/// One more than the largest error number, `EHWPOISON`.
const ERRNOS: usize = 134;

/// Counts by call and error; 0 stands for success.
pub(crate) struct Tally {
    answers: [[u32; ERRNOS]; KINDS.len()],
    rows: [u32; ROWS],
    several: [u32; SEVERAL.len()],
}

impl Default for Tally {
    fn default() -> Self {
        Tally {
            answers: [[0; ERRNOS]; KINDS.len()],
            rows: [0; ROWS],
            several: [0; SEVERAL.len()],
        }
    }
}

impl Tally {
    /// Counts one answer.
    pub(crate) fn add(&mut self, call: &Call, answer: Result<u64, Errno>) {
        let error = answer.err().map_or(0, |errno| usize::from(errno.0));
        if let Some(count) = self.answers[call.kind.index()].get_mut(error) {
            *count += 1;
        }
    }

    /// Counts one call that a row's condition refused.
    pub(crate) fn add_row(&mut self, row: u8) {
        self.rows[usize::from(row)] += 1;
    }

    /// Counts one move of several mappings.
    pub(crate) fn add_several(&mut self, several: Several) {
        self.several[several as usize] += 1;
    }

    /// Prints a line for each that occurred: `count CALL ANSWER N`, `count row ROW N`, `count several OUTCOME N`.
    pub(crate) fn print(&self, out: &mut Output) -> fmt::Result {
        for (&(_, name, _), counts) in KINDS.iter().zip(&self.answers) {
            for (error, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                match error {
                    0 => out.print(format_args!("count {name} ok {count}\n"))?,
                    error => out.print(format_args!("count {name} {} {count}\n", Errno(error as u16)))?,
                }
            }
        }
        for (row, count) in self.rows.iter().enumerate().filter(|(_, count)| **count > 0) {
            out.print(format_args!("count row {row} {count}\n"))?;
        }
        for ((_, name), count) in SEVERAL.iter().zip(self.several).filter(|(_, count)| *count > 0) {
            out.print(format_args!("count several {name} {count}\n"))?;
        }
        Ok(())
    }
}
