//! ELF files: programs that are to run, the kernel as it lies in memory, and names for addresses.

pub(crate) mod check;
pub(crate) mod flat;
pub(crate) mod symbols;

pub(crate) use check::check;
