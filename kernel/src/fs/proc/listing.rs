//! `maps` and `smaps`: something for each mapping, made while it is read, so that a million of them need no buffer.

use alloc::string::String;
use alloc::sync::Arc;

use mm::{Errno, Footprint};

use super::text::Text;
use super::{maps, smaps};
use crate::fs::file::File;
use crate::fs::status::Status;
use crate::memory;
use crate::process::Process;
use crate::sync::Mutex;

/// How many bytes of lines are made before they are handed out.
const BATCH: usize = 2048;

/// What is told of each mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// A line (`proc_pid_maps(5)`).
    Maps,
    /// The line, and what is in memory (`proc_pid_smaps(5)`).
    Smaps,
}

/// An open `maps` or `smaps`.
pub(super) struct Listing {
    process: Arc<Process>,
    style: Style,
    path: String,
    status: Status,
    cursor: Mutex<Cursor>,
}

/// How far a reader has come. Reading on continues after the last mapping that was told, whatever has changed since.
struct Cursor {
    /// The offset of the first byte of `lines`.
    offset: u64,
    /// Lines that have been made and not all read.
    lines: Text,
    /// The end of the last mapping in `lines`.
    address: u64,
}

impl Listing {
    pub(super) fn new(process: Arc<Process>, style: Style, path: String, status: Status) -> Self {
        Self {
            process,
            style,
            path,
            status,
            cursor: Mutex::new(Cursor::START),
        }
    }
}

impl File for Listing {
    fn status(&self) -> Status {
        self.status
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Errno> {
        if memory::is_short() {
            return Err(Errno::ENOMEM);
        }
        let mut cursor = self.cursor.lock();
        if offset == 0 || offset < cursor.offset {
            *cursor = Cursor::START;
        }
        let mut done = 0;
        while done < buffer.len() {
            let skip = (offset + done as u64 - cursor.offset) as usize;
            let rest = cursor.lines.as_bytes().get(skip..).unwrap_or_default();
            let count = rest.len().min(buffer.len() - done);
            buffer[done..done + count].copy_from_slice(&rest[..count]);
            done += count;
            if count == 0 && !cursor.advance(&self.process, self.style)? {
                break;
            }
        }
        Ok(done)
    }

    fn end(&self) -> Result<u64, Errno> {
        Err(Errno::EINVAL)
    }

    fn mappings_of(&self) -> Option<&Process> {
        (self.style == Style::Maps).then_some(&self.process)
    }

    fn path(&self) -> &[u8] {
        self.path.as_bytes()
    }
}

impl Cursor {
    const START: Self = Self {
        offset: 0,
        lines: Text::new(),
        address: 0,
    };

    /// Replaces the lines by the ones that follow; `false` at the end.
    ///
    /// # Errors
    /// `ENOMEM` where there is no memory for a line; the next reader gets it.
    fn advance(&mut self, process: &Process, style: Style) -> Result<bool, Errno> {
        self.offset += self.lines.as_bytes().len() as u64;
        self.lines.truncate(0);
        match style {
            Style::Maps => self.add_lines(process)?,
            Style::Smaps => self.add_mapping(process)?,
        }
        Ok(!self.lines.as_bytes().is_empty())
    }

    /// A line for each of the next mappings.
    fn add_lines(&mut self, process: &Process) -> Result<(), Errno> {
        let space = process.space.lock();
        for mapping in space.mappings_from(self.address) {
            let made = self.lines.as_bytes().len();
            if made >= BATCH {
                break;
            }
            maps::write_line(&mut self.lines, &mapping);
            if !self.lines.is_whole() {
                self.lines.truncate(made);
                return if made == 0 { Err(Errno::ENOMEM) } else { Ok(()) };
            }
            self.address = mapping.range.end().get();
        }
        Ok(())
    }

    /// What `smaps` says of the next mapping, whose pages are counted some at a time.
    fn add_mapping(&mut self, process: &Process) -> Result<(), Errno> {
        let told = {
            let space = process.space.lock();
            space.mappings_from(self.address).next().map(|mapping| {
                maps::write_line(&mut self.lines, &mapping);
                (mapping.range, smaps::Facts::of(&mapping))
            })
        };
        let Some((range, facts)) = told else {
            return Ok(());
        };
        let (start, end) = (range.start().get(), range.end().get());
        let footprint = measure(process, start, end);
        smaps::write_mapping(&mut self.lines, end - start, &facts, &footprint);
        if !self.lines.is_whole() {
            self.lines.truncate(0);
            return Err(Errno::ENOMEM);
        }
        self.address = end;
        Ok(())
    }
}

/// What is in memory of the mappings from `start` to `end`. The address space's lock is given up in between.
pub(super) fn measure(process: &Process, start: u64, end: u64) -> Footprint {
    let mut footprint = Footprint::default();
    let mut at = start;
    while at < end {
        at = process.space.lock().measure(at, end, &mut footprint);
    }
    footprint
}
