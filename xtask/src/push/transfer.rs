//! The transfer: what the crate `push` says, over a line, in real time.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use miniz_oxide::deflate::compress_to_vec;
use push::frame::{LONGEST_FRAME, Reader, decode, encode};
use push::{Ending, FromBoard, Job, Part, QUIET, Sender, ToBoard, WORDS};

use super::Progress;
use super::diagnosis::Heard;
use crate::exit::{self, WithStatus};
use crate::line::{self, Line};

/// How hard to pack: 0 to 10. More takes long and saves little.
const LEVEL: u8 = 8;
/// How long a person waits in silence before there is advice.
const ADVICE: Duration = Duration::from_secs(3);
/// How long a board that was found may stay silent: it may be switched off and on meanwhile.
const SILENCE: Duration = Duration::from_secs(60);

/// What is sent.
#[derive(Clone, Debug)]
pub(crate) struct Load<'a> {
    /// The kernel's flat image.
    pub(crate) kernel: &'a [u8],
    /// The archive with the program; empty without one.
    pub(crate) archive: &'a [u8],
    /// The words of the kernel's command line.
    pub(crate) words: &'a str,
    /// What the kernel does in the end.
    pub(crate) ending: Ending,
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    /// How many bytes the line carried, packed, if nothing was there already.
    pub(crate) bytes: usize,
    /// How long it took, from the answer of the board on.
    pub(crate) time: Duration,
    /// How many messages had to be said more than once.
    pub(crate) repeated: u32,
}

/// Sends `load` to the loader at the other end of `line`, which may take `patience` to be there, and has it started.
///
/// Nothing that the kernel says is lost: it has said nothing when this returns.
pub(crate) fn send(
    line: &mut Line,
    baud: u32,
    load: &Load<'_>,
    patience: Duration,
    progress: &mut dyn Progress,
) -> Result<Sent> {
    let (kernel, archive) = (pack(load.kernel), pack(load.archive));
    let job = job(load, &kernel, &archive)?;
    let sender = Sender::new(session(), job, &kernel, &archive);
    let mut transfer = Transfer {
        line,
        baud,
        sender,
        reader: Reader::new(),
        begun: Instant::now(),
        found: None,
        heard: Heard::default(),
        last_answer: Duration::ZERO,
        progress,
    };
    transfer.run(kernel.len() + archive.len(), patience)
}

/// What to say when the line has gone away.
pub(super) fn gone(line: &Line) -> String {
    format!("{} is gone; put the cable back", line.address())
}

/// What to say when it is there again.
pub(super) fn back(line: &Line) -> String {
    format!("{} is back", line.address())
}

/// What is sent of `bytes`.
fn pack(bytes: &[u8]) -> Vec<u8> {
    match bytes {
        [] => Vec::new(),
        bytes => compress_to_vec(bytes, LEVEL),
    }
}

fn job<'a>(load: &Load<'a>, kernel: &[u8], archive: &[u8]) -> Result<Job<'a>> {
    ensure!(
        load.words.len() <= WORDS,
        "the kernel's command line has more than {WORDS} characters"
    );
    Ok(Job {
        kernel: Part::of(load.kernel, kernel).context("the kernel has more than 4 GiB")?,
        archive: Part::of(load.archive, archive).context("the program and its files have more than 4 GiB")?,
        words: load.words,
        ending: load.ending,
    })
}

/// A number that no transfer to this board has had.
fn session() -> u32 {
    RandomState::new().build_hasher().finish() as u32
}

/// A transfer under way. Times count from `begun` on.
struct Transfer<'a> {
    line: &'a mut Line,
    baud: u32,
    sender: Sender<'a>,
    reader: Reader,
    begun: Instant,
    found: Option<Duration>,
    heard: Heard,
    last_answer: Duration,
    progress: &'a mut dyn Progress,
}

impl Transfer<'_> {
    fn run(&mut self, bytes: usize, patience: Duration) -> Result<Sent> {
        let mut advised = false;
        while !self.sender.is_done() {
            self.turn()?;
            if self.sender.is_connected() {
                self.progress.arrived(self.sender.arrived(), bytes);
            }
            let silence = self.begun.elapsed() - self.last_answer;
            let limit = if self.found.is_some() { SILENCE } else { patience };
            if silence >= limit {
                bail!(self.nobody());
            }
            if silence >= ADVICE.min(limit / 2) && !advised && !self.line.is_lost() {
                advised = true;
                let advice = self.heard.advice(self.line.address(), self.baud);
                self.progress.advice(&advice);
            }
            advised &= silence >= ADVICE / 2;
        }
        let time = self.begun.elapsed() - self.found.unwrap_or_default();
        self.drain();
        Ok(Sent {
            bytes,
            time,
            repeated: self.sender.repeated(),
        })
    }

    fn nobody(&self) -> anyhow::Error {
        let advice = match (self.line.is_lost(), self.found) {
            (true, _) => format!("{} is gone", self.line.address()),
            (false, Some(_)) => format!("the loader at {} fell silent", self.line.address()),
            (false, None) => self.heard.advice(self.line.address(), self.baud),
        };
        WithStatus::error(exit::TROUBLE, advice)
    }

    /// Says what is to be said, and listens for some time.
    fn turn(&mut self) -> Result<()> {
        if let Some(message) = self.sender.poll(self.begun.elapsed()) {
            let mut buffer = [0; LONGEST_FRAME];
            let frame = encode(&message, &mut buffer).context("a message is too long for a frame")?;
            self.line.write(frame);
        }
        let wake = self.sender.wake_at().unwrap_or_default();
        let patience = wake.saturating_sub(self.begun.elapsed());
        let mut bytes = [0; 256];
        match self
            .line
            .read(&mut bytes, patience.clamp(Duration::from_millis(1), ADVICE))
        {
            line::Heard::Lost => self.progress.advice(&gone(self.line)),
            line::Heard::Back => {
                self.progress.advice(&back(self.line));
                self.sender.reconnected();
            }
            line::Heard::Bytes(length) => self.hear(&bytes[..length])?,
        }
        Ok(())
    }

    fn hear(&mut self, bytes: &[u8]) -> Result<()> {
        if self.found.is_none() {
            self.heard.push(bytes);
        }
        for &byte in bytes {
            let Some(contents) = self.reader.push(byte) else {
                continue;
            };
            let Some(answer) = decode::<FromBoard<'_>>(contents) else {
                if decode::<ToBoard<'_>>(contents).is_some() {
                    self.heard.is_echo();
                }
                continue;
            };
            let now = self.begun.elapsed();
            self.last_answer = now;
            self.sender.receive(&answer, now)?;
            if let (FromBoard::Ready { model, .. }, None) = (answer, self.found) {
                self.found = Some(now);
                self.progress.found(model);
            }
        }
        Ok(())
    }

    /// Lets answers pass that were asked for more than once. The kernel doesn't start before the board has heard nothing for [`QUIET`].
    fn drain(&mut self) {
        let until = Instant::now() + QUIET / 2;
        let mut bytes = [0; 256];
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            self.line.read(&mut bytes, left);
        }
    }
}
