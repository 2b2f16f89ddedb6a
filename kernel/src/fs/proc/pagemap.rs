//! `/proc/PID/pagemap`: a word of 64 bits for each page of the address space (`proc_pid_pagemap(5)`).

use alloc::string::String;
use alloc::sync::Arc;

use mm::{Errno, PAGE_SHIFT, PageState};

use crate::fs::file::File;
use crate::fs::status::Status;
use crate::process::Process;

/// The size of a word, in bytes.
const WORD: u64 = 8;
/// How many words are made under one hold of the address space's lock.
const BATCH: usize = 256;

/// An open `pagemap`.
pub(super) struct PageMap {
    process: Arc<Process>,
    path: String,
    status: Status,
    /// Whether the words tell where a page lies in memory: to whoever opened the file with `CAP_SYS_ADMIN`.
    shows_frames: bool,
}

impl PageMap {
    pub(super) fn new(process: Arc<Process>, path: String, status: Status, shows_frames: bool) -> Self {
        Self {
            process,
            path,
            status,
            shows_frames,
        }
    }
}

impl File for PageMap {
    fn status(&self) -> Status {
        self.status
    }

    /// Reads from any byte on, because a transfer may come in pieces; [`File::check_read`] has seen the whole.
    fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Errno> {
        let mut done = 0;
        while done < buffer.len() {
            let at = offset + done as u64;
            let mut words = [0; BATCH];
            let skip = (at % WORD) as usize;
            let wanted = (skip + buffer.len() - done).div_ceil(WORD as usize).min(BATCH);
            // What is past the last page of 64 bits has no word.
            if at / WORD > u64::MAX >> PAGE_SHIFT {
                break;
            }
            let address = (at / WORD) << PAGE_SHIFT;
            let count = self.process.space.lock().pagemap(address, &mut words[..wanted]);
            if !self.shows_frames {
                words.iter_mut().for_each(|word| *word &= !PageState::FRAME);
            }
            let mut bytes = words[..count]
                .iter()
                .flat_map(|word| word.to_le_bytes())
                .skip(skip);
            let before = done;
            for (place, byte) in buffer[done..].iter_mut().zip(&mut bytes) {
                *place = byte;
                done += 1;
            }
            if done == before {
                break;
            }
        }
        Ok(done)
    }

    fn check_read(&self, offset: u64, len: u64) -> Result<(), Errno> {
        if offset.is_multiple_of(WORD) && len.is_multiple_of(WORD) {
            Ok(())
        } else {
            Err(Errno::EINVAL)
        }
    }

    fn end(&self) -> Result<u64, Errno> {
        Err(Errno::EINVAL)
    }

    fn path(&self) -> &[u8] {
        self.path.as_bytes()
    }
}
