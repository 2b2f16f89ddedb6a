//! Exit statuses that are xtask's own. Every other one is the program's.
//!
//! The numbers are those that people know: `timeout` ends with 124, container tools end with 125 when the trouble is
//! theirs and not the program's, a shell with 126 and 127 for what it can't execute or can't find.

use std::fmt;
use std::process::ExitCode;

/// The kernel panicked.
pub(crate) const PANIC: u8 = 101;
/// Time ran out and QEMU was killed.
pub(crate) const TIMED_OUT: u8 = 124;
/// xtask or QEMU failed before the program ran.
pub(crate) const TROUBLE: u8 = 125;
/// The program is nothing that Inarch executes.
pub(crate) const REFUSED: u8 = 126;
/// There is no such program.
pub(crate) const NOT_FOUND: u8 = 127;

/// An error that ends xtask with a status of its own. As the context of an `anyhow` error, or as the error itself.
#[derive(Debug)]
pub(crate) struct WithStatus {
    /// What to print.
    pub(crate) message: String,
    /// What to exit with.
    pub(crate) status: u8,
}

impl WithStatus {
    /// An `anyhow` error that ends xtask with `status`.
    pub(crate) fn error(status: u8, message: impl Into<String>) -> anyhow::Error {
        anyhow::Error::new(WithStatus {
            message: message.into(),
            status,
        })
    }
}

impl fmt::Display for WithStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for WithStatus {}

/// What xtask exits with after `error`.
pub(crate) fn of_error(error: &anyhow::Error) -> ExitCode {
    ExitCode::from(error.downcast_ref::<WithStatus>().map_or(TROUBLE, |e| e.status))
}
