//! Where the parts of a program lie, as `/proc/PID/stat` and its neighbours tell it.

use alloc::vec::Vec;
use core::ops::Range;

use super::image::{Image, Segment};

/// Where the parts of a program lie in its memory, and what it was started with. All zero before it has been loaded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outline {
    /// From the first byte of code to the last.
    pub(crate) code: Range<u64>,
    /// From where the last of the file's segments begins to where the last ends.
    pub(crate) data: Range<u64>,
    /// Where the heap begins.
    pub(crate) heap: u64,
    /// The stack pointer at the first instruction.
    pub(crate) stack: u64,
    /// The strings of the arguments.
    pub(crate) arguments: Range<u64>,
    /// The strings of the environment.
    pub(crate) environment: Range<u64>,
    /// The environment, each string with its NUL.
    pub(crate) environment_bytes: Vec<u8>,
    /// The auxiliary vector.
    pub(crate) auxiliary: Vec<u8>,
}

impl Outline {
    /// The outline of a program whose segments are mapped and whose stack is not yet filled.
    pub(super) fn of(image: &Image) -> Self {
        let code = || image.segments.iter().filter(|segment| segment.protection.execute);
        let ends = |segment: &Segment| segment.file_end();
        Self {
            code: code().map(|segment| segment.start).min().unwrap_or(0)..code().map(ends).max().unwrap_or(0),
            data: image
                .segments
                .iter()
                .map(|segment| segment.start)
                .max()
                .unwrap_or(0)..image.segments.iter().map(ends).max().unwrap_or(0),
            heap: image.span().end,
            ..Self::default()
        }
    }
}
