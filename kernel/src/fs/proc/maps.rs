//! `/proc/PID/maps`: a line for each mapping, made while it is read, so that a million of them need no buffer.

use alloc::string::String;
use alloc::sync::Arc;
use core::fmt::Write;

use mm::{Errno, Mapping};

use crate::fs::file::File;
use crate::fs::status::Status;
use crate::memory;
use crate::process::Process;
use crate::sync::Mutex;

/// The column in which Linux writes a mapping's name.
const NAME_COLUMN: usize = 73;
/// How many bytes of lines are made under one hold of the address space's lock.
const BATCH: usize = 2048;

/// An open `maps`.
pub(super) struct Maps {
    process: Arc<Process>,
    path: String,
    status: Status,
    cursor: Mutex<Cursor>,
}

/// How far a reader has come. Reading on continues after the last mapping that was told, whatever has changed since.
#[derive(Default)]
struct Cursor {
    /// The offset of the first byte of `lines`.
    offset: u64,
    /// Lines that have been made and not all read.
    lines: String,
    /// The end of the last mapping in `lines`.
    address: u64,
}

impl Maps {
    pub(super) fn new(process: Arc<Process>, status: Status) -> Self {
        let path = alloc::format!("/proc/{}/maps", process.id);
        Self {
            process,
            path,
            status,
            cursor: Mutex::new(Cursor::default()),
        }
    }
}

impl File for Maps {
    fn status(&self) -> Status {
        self.status
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Errno> {
        if memory::is_short() {
            return Err(Errno::ENOMEM);
        }
        let mut cursor = self.cursor.lock();
        if offset == 0 || offset < cursor.offset {
            *cursor = Cursor::default();
        }
        let mut done = 0;
        while done < buffer.len() {
            let skip = (offset + done as u64 - cursor.offset) as usize;
            let rest = cursor.lines.as_bytes().get(skip..).unwrap_or_default();
            let count = rest.len().min(buffer.len() - done);
            buffer[done..done + count].copy_from_slice(&rest[..count]);
            done += count;
            if count == 0 && !cursor.advance(&self.process) {
                break;
            }
        }
        Ok(done)
    }

    fn path(&self) -> &[u8] {
        self.path.as_bytes()
    }
}

impl Cursor {
    /// Replaces the lines by the ones that follow; `false` at the end.
    fn advance(&mut self, process: &Process) -> bool {
        self.offset += self.lines.len() as u64;
        self.lines.clear();
        let space = process.space.lock();
        for mapping in space.mappings_from(self.address) {
            write_line(&mut self.lines, &mapping);
            self.address = mapping.range.end().get();
            if self.lines.len() >= BATCH {
                break;
            }
        }
        !self.lines.is_empty()
    }
}

/// One line, byte for byte as Linux writes it.
fn write_line(lines: &mut String, mapping: &Mapping<'_>) {
    let start = lines.len();
    let flag = |set: bool, letter: char| if set { letter } else { '-' };
    // Writing to a String can't fail.
    let _ = write!(
        lines,
        "{:08x}-{:08x} {}{}{}{} {:08x} {:02x}:{:02x} {} ",
        mapping.range.start().get(),
        mapping.range.end().get(),
        flag(mapping.read, 'r'),
        flag(mapping.write, 'w'),
        flag(mapping.execute, 'x'),
        if mapping.shared { 's' } else { 'p' },
        mapping.offset,
        mapping.device.0,
        mapping.device.1,
        mapping.inode,
    );
    if !mapping.name.is_empty() {
        while lines.len() - start < NAME_COLUMN {
            lines.push(' ');
        }
        lines.push_str(mapping.name);
    }
    lines.push('\n');
}
