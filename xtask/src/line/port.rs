//! An open line: bytes both ways, with a limit to every wait.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::{Address, open};

/// How long a write may make no progress. A line at 1,200 baud takes 8 ms for a byte.
const STUCK: Duration = Duration::from_secs(2);

/// The line is gone: the adapter was pulled out, or the other side has closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lost;

/// A line that is open.
#[derive(Debug)]
pub(crate) struct Port {
    fd: OwnedFd,
}

impl Port {
    /// Opens the line; a device is set to `baud`, 8 bits, no parity, one stop bit, no flow control.
    pub(crate) fn open(address: &Address, baud: u32) -> Result<Self> {
        Ok(Port {
            fd: open::open(address, baud)?,
        })
    }

    /// What has come, at most `buffer`; waits for at most `patience`. Nothing if nothing came.
    pub(crate) fn read(&mut self, buffer: &mut [u8], patience: Duration) -> Result<usize, Lost> {
        if !wait(self.fd.as_fd(), PollFlags::IN, patience) {
            return Ok(0);
        }
        match rustix::io::read(&self.fd, buffer) {
            Ok(0) => Err(Lost),
            Ok(length) => Ok(length),
            Err(Errno::AGAIN | Errno::INTR) => Ok(0),
            Err(_) => Err(Lost),
        }
    }

    /// Sends everything.
    pub(crate) fn write(&mut self, mut bytes: &[u8]) -> Result<(), Lost> {
        let mut moved = Instant::now();
        while !bytes.is_empty() {
            match rustix::io::write(&self.fd, bytes) {
                Ok(length) => {
                    bytes = &bytes[length..];
                    moved = Instant::now();
                }
                Err(Errno::AGAIN) if moved.elapsed() < STUCK => {
                    wait(self.fd.as_fd(), PollFlags::OUT, STUCK);
                }
                Err(Errno::INTR) => {}
                Err(_) => return Err(Lost),
            }
        }
        Ok(())
    }
}

impl AsFd for Port {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Waits until the file is ready for what `flags` say, at most for `patience`; whether it is.
pub(crate) fn wait(fd: BorrowedFd<'_>, flags: PollFlags, patience: Duration) -> bool {
    let mut files = [PollFd::from_borrowed_fd(fd, flags)];
    wait_for_one(&mut files, patience).is_ok() && !files[0].revents().is_empty()
}

/// Waits until one of the files is ready, at most for `patience`.
pub(crate) fn wait_for_one(files: &mut [PollFd<'_>], patience: Duration) -> io::Result<()> {
    let limit = Timespec::try_from(patience).unwrap_or(Timespec {
        tv_sec: 3600,
        tv_nsec: 0,
    });
    match poll(files, Some(&limit)) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
