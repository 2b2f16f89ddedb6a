//! The lines of a file of the kernel's, read piece by piece: such a file can be long, and there is no heap.

use rt::Errno;
use rt::file::{self, File};

/// Bytes that are read at once. A line that is longer is cut.
const ROOM: usize = 4096;

/// A file, and what of it has been read and not yet been given out.
pub(crate) struct Lines {
    file: File,
    buffer: [u8; ROOM],
    start: usize,
    end: usize,
}

impl Lines {
    /// Opens a file.
    ///
    /// # Errors
    /// What `openat` answers.
    pub(crate) fn open(path: &core::ffi::CStr) -> Result<Lines, Errno> {
        Ok(Lines {
            file: File::open(path)?,
            buffer: [0; ROOM],
            start: 0,
            end: 0,
        })
    }

    /// The next line, without its end; `None` after the last.
    ///
    /// # Errors
    /// What `read` answers.
    pub(crate) fn next(&mut self) -> Result<Option<&str>, Errno> {
        loop {
            let rest = &self.buffer[self.start..self.end];
            if let Some(length) = rest.iter().position(|&byte| byte == b'\n') {
                let line = self.start..self.start + length;
                self.start = line.end + 1;
                return Ok(Some(core::str::from_utf8(&self.buffer[line]).unwrap_or("")));
            }
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            let more = match self.end {
                ROOM => 0,
                end => file::read(self.file.fd(), &mut self.buffer[end..])?,
            };
            if more == 0 {
                let line = 0..core::mem::take(&mut self.end);
                return Ok((!line.is_empty()).then(|| core::str::from_utf8(&self.buffer[line]).unwrap_or("")));
            }
            self.end += more;
        }
    }
}
