//! Text that is made for a reader, in memory that may run out.

use alloc::vec::Vec;
use core::fmt;

use mm::Errno;

use crate::memory;

/// A text that grows while there is memory. Who writes need not ask whether there was: [`Text::is_whole`] tells.
pub(super) struct Text {
    bytes: Vec<u8>,
    whole: bool,
}

/// The text that `write` writes, for a file to keep.
///
/// # Errors
/// `ENOMEM` where only the kernel's own reserve of memory is left, or there is not enough for the text.
pub(super) fn make(write: impl FnOnce(&mut Text)) -> Result<Vec<u8>, Errno> {
    if memory::is_short() {
        return Err(Errno::ENOMEM);
    }
    let mut text = Text::new();
    write(&mut text);
    if text.whole {
        Ok(text.bytes)
    } else {
        Err(Errno::ENOMEM)
    }
}

impl Text {
    pub(super) const fn new() -> Self {
        Self {
            bytes: Vec::new(),
            whole: true,
        }
    }

    /// Appends formatted text.
    pub(super) fn add(&mut self, text: fmt::Arguments<'_>) {
        // What went wrong is remembered.
        let _ = fmt::write(self, text);
    }

    /// Appends bytes, all or none.
    pub(super) fn add_bytes(&mut self, bytes: &[u8]) {
        if self.bytes.try_reserve(bytes.len()).is_ok() {
            self.bytes.extend_from_slice(bytes);
        } else {
            self.whole = false;
        }
    }

    /// Whether there was memory for all that was appended.
    pub(super) const fn is_whole(&self) -> bool {
        self.whole
    }

    /// What there is of the text.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Forgets all after the first `len` bytes, and that memory was missing.
    pub(super) fn truncate(&mut self, len: usize) {
        self.bytes.truncate(len);
        self.whole = true;
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.add_bytes(text.as_bytes());
        if self.whole { Ok(()) } else { Err(fmt::Error) }
    }
}
