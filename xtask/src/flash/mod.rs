//! Writing a card: which disks are refused, what a person is asked, and the writing itself.
//!
//! What is read of `/sys` and `/proc` goes through [`System`], so that every refusal is tested against a described one.

mod confirm;
mod disk;
mod refusal;
#[cfg(test)]
mod tests;
mod write;

pub(crate) use confirm::{Answer, answer, plan};
pub(crate) use disk::{Disk, System};
pub(crate) use refusal::refuse;
pub(crate) use write::{open, write};

/// A size as it stands on a card: in powers of a thousand.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}
