//! A kernel and its program over a serial line, to a board whose card holds the loader; then the terminal.

mod diagnosis;
mod progress;
pub(crate) mod terminal;
mod transfer;

pub(crate) use progress::{Bar, Progress};
pub(crate) use transfer::{Load, Sent, send};
