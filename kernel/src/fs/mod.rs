//! What a program can open: the files of its archive, `/proc`, memory files, a few devices and the console.
//!
//! Nothing here sees a program's memory, and nothing is `unsafe`.
// The tests register themselves in a section of the image, which counts as unsafe code.
#![cfg_attr(not(feature = "ktest"), deny(unsafe_code))]

pub(crate) mod archive;
pub(crate) mod console;
pub(crate) mod descriptors;
mod devices;
pub(crate) mod file;
mod folder;
pub(crate) mod memfd;
mod newc;
pub(crate) mod path;
pub(crate) mod pidfd;
pub(crate) mod proc;
pub(crate) mod status;
pub(crate) mod stored;

pub(crate) use descriptors::Descriptors;
pub(crate) use file::{File, OpenFile};

use crate::sync::Once;
use archive::Archive;
pub(crate) use newc::Broken;

static ARCHIVE: Once<Archive> = Once::new();

/// Takes the archive `bytes` as the tree of files. Called once, before the first program.
///
/// # Errors
/// Where the archive can't be read.
pub(crate) fn mount(bytes: &'static [u8]) -> Result<(), Broken> {
    let archive = Archive::parse(bytes)?;
    ARCHIVE.call_once(|| archive);
    Ok(())
}

/// The tree of files; `None` before [`mount`].
pub(crate) fn archive() -> Option<&'static Archive> {
    ARCHIVE.get()
}
