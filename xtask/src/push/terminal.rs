//! The terminal: what the board says, and what a person types, until the kernel has told its exit status.

use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::termios::{self, InputModes, LocalModes, OptionalActions, Termios};

use super::transfer::{back, gone};
use crate::console::Annotator;
use crate::line::{Heard, Line, wait_for_one};
use crate::say;

/// Ctrl-], which leaves.
const ESCAPE: u8 = 0x1d;
/// Ctrl-D, which ends the input of a program (docs/boot.md).
const END_OF_INPUT: u8 = 4;
/// How long to go on after the exit status: what follows is nothing, or the loader.
const AFTER_STATUS: Duration = Duration::from_millis(100);
/// How often to look at the time.
const LOOK: Duration = Duration::from_millis(100);

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The kernel told this exit status.
    Status(u8),
    /// A person has left.
    Left,
    /// Time ran out.
    TimedOut,
}

/// Connects this command's standard input and output with the line.
pub(crate) fn run(line: &mut Line, annotator: &Annotator, timeout: Option<Duration>) -> Result<End> {
    let _raw = Raw::enter();
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let mut out = crate::console::Writer::new(std::io::stdout(), annotator);
    let mut keys = Keys::default();
    let mut told = None;
    loop {
        wait(line, &keys)?;
        let mut bytes = [0; 4096];
        match line.read(&mut bytes, Duration::ZERO) {
            Heard::Bytes(length) => out.write(&bytes[..length])?,
            // Where the other end is a machine in QEMU that has ended, that has said all.
            Heard::Lost if annotator.verdict().is_some() => {}
            Heard::Lost => say::warning(&gone(line)),
            Heard::Back => say::note(&back(line)),
        }
        if keys.ready() {
            match keys.read() {
                Typed::Bytes(bytes) => line.write(&bytes),
                Typed::Escape => return Ok(End::Left),
            }
        }
        let now = Instant::now();
        if let Some(status) = annotator.verdict()
            && now >= *told.get_or_insert(now) + AFTER_STATUS
        {
            return Ok(End::Status(status));
        }
        if deadline.is_some_and(|deadline| now >= deadline) {
            return Ok(End::TimedOut);
        }
    }
}

/// Waits until either side has something to say, or for a moment.
fn wait(line: &Line, keys: &Keys) -> Result<()> {
    let stdin = std::io::stdin();
    let mut files = Vec::with_capacity(2);
    if let Some(port) = line.port() {
        files.push(PollFd::from_borrowed_fd(port.as_fd(), PollFlags::IN));
    }
    if keys.open {
        files.push(PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::IN));
    }
    Ok(wait_for_one(&mut files, LOOK)?)
}

/// What is typed, or comes out of a file.
struct Keys {
    open: bool,
    /// Whether the last byte ended a line, so that one Ctrl-D ends the input.
    at_start: bool,
}

enum Typed {
    Bytes(Vec<u8>),
    Escape,
}

impl Default for Keys {
    fn default() -> Self {
        Keys {
            open: true,
            at_start: true,
        }
    }
}

impl Keys {
    fn ready(&self) -> bool {
        let stdin = std::io::stdin();
        let mut files = [PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::IN)];
        self.open && wait_for_one(&mut files, Duration::ZERO).is_ok() && !files[0].revents().is_empty()
    }

    fn read(&mut self) -> Typed {
        // As many as a serial device's queue takes: a program reads them as it likes, and nothing holds them back on the way.
        let mut bytes = [0; 16];
        let stdin = std::io::stdin();
        let length = match rustix::io::read(&stdin, &mut bytes) {
            Ok(length) => length,
            Err(Errno::AGAIN | Errno::INTR) => return Typed::Bytes(Vec::new()),
            // What can't be read holds nothing.
            Err(_) => 0,
        };
        let bytes = &bytes[..length];
        if stdin.is_terminal() && bytes.contains(&ESCAPE) {
            return Typed::Escape;
        }
        if bytes.is_empty() {
            self.open = false;
            let times = if self.at_start { 1 } else { 2 };
            return Typed::Bytes(vec![END_OF_INPUT; times]);
        }
        self.at_start = matches!(bytes.last(), Some(b'\n' | b'\r'));
        Typed::Bytes(bytes.to_vec())
    }
}

/// The person's terminal, every key of which goes to the board. Dropping this makes it what it was.
struct Raw(Option<Termios>);

impl Raw {
    fn enter() -> Self {
        let stdin = std::io::stdin();
        let Ok(before) = termios::tcgetattr(&stdin) else {
            return Raw(None);
        };
        let mut raw = before.clone();
        raw.local_modes &= !(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG | LocalModes::IEXTEN);
        raw.input_modes &= !(InputModes::IXON | InputModes::ICRNL);
        // Output stays as it is: the board ends lines without a carriage return.
        let entered = termios::tcsetattr(&stdin, OptionalActions::Now, &raw).is_ok();
        Raw(entered.then_some(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            // A terminal that is gone needs no care.
            let _ = termios::tcsetattr(std::io::stdin(), OptionalActions::Now, before);
        }
    }
}
