//! The host's side: what it says next, and when it says it again.

use core::fmt;
use core::time::Duration;

use crate::message::{BLOCK, FromBoard, Job, Refusal, ToBoard, VERSION};

/// How often a host asks whether anybody is there.
const GREETING: Duration = Duration::from_millis(250);
/// How often it asks to start.
const ASKING: Duration = Duration::from_millis(100);
/// How long the answer to a block is believed to take before the first has come: as long as a block at 115,200 baud, and some.
const FIRST_GUESS: Duration = Duration::from_millis(225);
/// What is added to twice the time that answers took of late, before a block is sent again.
const SLACK: Duration = Duration::from_millis(50);
/// The longest that is waited before a block is sent again.
const LONGEST: Duration = Duration::from_secs(2);
/// How often the whole may come out wrong although each block was right.
const WHOLES: u32 = 3;

/// Sends a kernel and its program.
pub struct Sender<'a> {
    session: u32,
    job: Job<'a>,
    kernel: &'a [u8],
    archive: &'a [u8],
    state: State,
    /// When the message that is awaited to be answered was last sent, and how many times.
    sent: Option<(Duration, u32)>,
    /// How long answers to blocks took of late.
    answer_time: Duration,
    /// How often the whole was asked for again.
    wholes: u32,
    /// How many messages were sent again.
    repeated: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Greeting,
    Beginning,
    Sending(u32),
    Asking,
    Started,
}

/// Why a transfer can't be completed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// The board speaks this version of the protocol.
    Version(u16),
    /// The board refuses; its room in bytes, if it has told.
    Refused(Refusal),
    /// Blocks arrive right, and the whole is wrong: the board's memory is bad.
    Corrupt,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => write!(
                f,
                "the loader speaks version {version} of the protocol, this command version {VERSION}: make its card anew"
            ),
            Self::Refused(Refusal::TooLarge) => {
                f.write_str("kernel and program don't fit into the memory that the loader has for them")
            }
            Self::Refused(Refusal::NoKernel) => f.write_str("the loader says that this is no kernel"),
            Self::Corrupt => f.write_str(
                "every block arrived and the whole is wrong, three times: the board's memory can't be trusted",
            ),
        }
    }
}

impl core::error::Error for Failure {}

impl<'a> Sender<'a> {
    /// Sends `kernel` and `archive`, which are packed, and which `job` says. No other transfer to the board has had the number `session`.
    pub fn new(session: u32, job: Job<'a>, kernel: &'a [u8], archive: &'a [u8]) -> Self {
        Self {
            session,
            job,
            kernel,
            archive,
            state: State::Greeting,
            sent: None,
            answer_time: FIRST_GUESS,
            wholes: 0,
            repeated: 0,
        }
    }

    /// What is to be said now, if anything.
    pub fn poll(&mut self, now: Duration) -> Option<ToBoard<'a>> {
        if self.wake_at().is_none_or(|at| now < at) {
            return None;
        }
        let times = self.sent.map_or(0, |(_, times)| times);
        self.repeated += u32::from(times > 0 && self.state != State::Greeting);
        self.sent = Some((now, times + 1));
        let session = self.session;
        match self.state {
            State::Greeting => Some(ToBoard::Hello { session }),
            State::Beginning => Some(ToBoard::Begin {
                session,
                job: self.job,
            }),
            State::Sending(number) => Some(ToBoard::Block {
                session,
                number,
                bytes: self.block(number),
            }),
            State::Asking => Some(ToBoard::Run { session }),
            State::Started => None,
        }
    }

    /// When [`Sender::poll`] has something to say, unless something is heard before. `None` once it is done.
    pub fn wake_at(&self) -> Option<Duration> {
        let patience = match self.state {
            State::Greeting => GREETING,
            State::Asking => ASKING,
            State::Beginning | State::Sending(_) => 2 * self.answer_time + SLACK,
            State::Started => return None,
        };
        Some(match self.sent {
            None => Duration::ZERO,
            Some((at, 1)) => at + patience,
            // Whoever asks for a start must be heard soon; else a line that is busy is given time.
            Some((at, _)) if matches!(self.state, State::Greeting | State::Asking) => at + patience,
            Some((at, times)) => at + (patience * times.min(8)).min(LONGEST),
        })
    }

    /// Hears `message` at the time `now`.
    ///
    /// # Errors
    ///
    /// [`Failure`] when it makes no sense to go on.
    pub fn receive(&mut self, message: &FromBoard<'_>, now: Duration) -> Result<(), Failure> {
        if self.state == State::Started {
            return Ok(());
        }
        match *message {
            FromBoard::Ready { version, .. } if version != VERSION => Err(Failure::Version(version)),
            // The board knows of no transfer; it may have been started anew.
            FromBoard::Ready { .. } => {
                self.enter(State::Beginning);
                Ok(())
            }
            FromBoard::Refused { session, why } if session == self.session => Err(Failure::Refused(why)),
            FromBoard::Starting { session } if session == self.session => {
                self.enter(State::Started);
                Ok(())
            }
            FromBoard::Wants { session, block } if session == self.session => self.wanted(block, now),
            _ => Ok(()),
        }
    }

    /// The line was cut and is there again: whatever was said last is said at once.
    pub fn reconnected(&mut self) {
        self.sent = None;
    }

    /// Whether the board has been found.
    pub fn is_connected(&self) -> bool {
        self.state != State::Greeting
    }

    /// Whether the board has everything and starts it.
    pub fn is_done(&self) -> bool {
        self.state == State::Started
    }

    /// How many bytes have arrived, of those that are sent.
    pub fn arrived(&self) -> usize {
        match self.state {
            State::Greeting | State::Beginning => 0,
            State::Sending(number) => match number.checked_sub(self.job.kernel.blocks()) {
                None => number as usize * BLOCK,
                Some(index) => self.kernel.len() + (index as usize * BLOCK).min(self.archive.len()),
            },
            State::Asking | State::Started => self.archive.len() + self.kernel.len(),
        }
    }

    /// How many messages had to be sent more than once.
    pub fn repeated(&self) -> u32 {
        self.repeated
    }

    /// The board wants this block next.
    fn wanted(&mut self, block: u32, now: Duration) -> Result<(), Failure> {
        if self.state == State::Asking && block == 0 && self.job.blocks() > 0 {
            self.wholes += 1;
            if self.wholes == WHOLES {
                return Err(Failure::Corrupt);
            }
        }
        // An answer to something that was sent twice says nothing of the time that answers take.
        if let (State::Sending(_), Some((at, 1))) = (self.state, self.sent) {
            self.answer_time = (self.answer_time * 7 / 8).max(now.saturating_sub(at));
        }
        self.enter(match block < self.job.blocks() {
            true => State::Sending(block),
            false => State::Asking,
        });
        Ok(())
    }

    /// Goes on to another state, to speak at once. What is said already isn't said again because its question was heard twice.
    fn enter(&mut self, state: State) {
        if self.state != state {
            self.state = state;
            self.sent = None;
        }
    }

    fn block(&self, number: u32) -> &'a [u8] {
        let (part, index) = match number.checked_sub(self.job.kernel.blocks()) {
            None => (self.kernel, number),
            Some(index) => (self.archive, index),
        };
        part.chunks(BLOCK).nth(index as usize).unwrap_or_default()
    }
}
