//! The device tree for a kernel that this one starts: that of the firmware, with another command line and another archive.

use core::fmt;
use dtoolkit::ToPropertyValue;
use dtoolkit::error::{FdtMutError, FdtParseError};
use dtoolkit::fdt_mut::{FdtMut, FdtNodeMut, SliceBuffer};

use super::describe;
use crate::PhysRange;

/// Why a tree can't be handed over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HandoverError {
    /// It is no tree, or longer than the memory for it.
    Malformed(FdtParseError),
    /// It has no node `/chosen`.
    NoChosen,
    /// There is no room for what is to be written.
    NoRoom,
    /// What was written can't be read back: its parts lie in an order that no known tool gives them.
    Unwritable,
}

impl fmt::Display for HandoverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(error) => write!(f, "the device tree is broken: {error}"),
            Self::NoChosen => f.write_str("the device tree has no node /chosen"),
            Self::NoRoom => f.write_str("the device tree leaves no room for the command line"),
            Self::Unwritable => f.write_str("the device tree can't be changed"),
        }
    }
}

impl From<FdtMutError> for HandoverError {
    fn from(_: FdtMutError) -> Self {
        Self::NoRoom
    }
}

/// Copies `tree` to the front of `buffer`, aligned to 8 bytes, with `bootargs` for command line and with `archive`, or without any.
/// Answers how long it is.
///
/// # Errors
///
/// [`HandoverError`] when a kernel would not find both in it.
pub fn hand_over(
    buffer: &mut [u8],
    tree: &[u8],
    bootargs: &str,
    archive: Option<PhysRange>,
) -> Result<usize, HandoverError> {
    let copy = buffer.get_mut(..tree.len()).ok_or(HandoverError::NoRoom)?;
    copy.copy_from_slice(tree);
    let (start, end) = archive.map_or((0, 0), |range| (range.start.get(), range.end.get()));
    {
        let slice = SliceBuffer::new(&mut *buffer).map_err(HandoverError::Malformed)?;
        let mut tree = FdtMut::new(slice).map_err(HandoverError::Malformed)?;
        let mut chosen = tree.find_node_mut("/chosen").ok_or(HandoverError::NoChosen)?;
        set(&mut chosen, "bootargs", bootargs)?;
        // An empty range is none.
        set(&mut chosen, "linux,initrd-start", start)?;
        set(&mut chosen, "linux,initrd-end", end)?;
    }
    let written = SliceBuffer::new(buffer).map_err(HandoverError::Malformed)?;
    let found = describe(written.as_ref()).map_err(|_| HandoverError::Unwritable)?;
    if found.bootargs != bootargs || found.initrd != archive {
        return Err(HandoverError::Unwritable);
    }
    Ok(written.as_ref().len())
}

/// Sets a property, which may be there or not.
fn set(
    node: &mut FdtNodeMut<'_, SliceBuffer<'_>>,
    name: &str,
    value: impl ToPropertyValue,
) -> Result<(), HandoverError> {
    if let Some(mut property) = node.property_mut(name) {
        return Ok(property.set_value(value)?);
    }
    node.add_property(name, value)?;
    Ok(())
}
