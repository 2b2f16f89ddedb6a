//! Page tables: descriptors, levels, and the tables themselves.

pub mod descriptor;
pub mod level;

pub use descriptor::{Attributes, Descriptor, Entry, Leaf, MAIR, Memory, Rights};
pub use level::{CONTIGUOUS, ENTRIES, Level};
