//! Two sides and the line between them, in a time of their own.

use std::collections::VecDeque;
use std::time::Duration;
use std::vec::Vec;
use std::{format, string::String, vec};

use miniz_oxide::deflate::compress_to_vec;

use crate::frame::{LONGEST_FRAME, Reader, decode, encode};
use crate::{Ending, Failure, FromBoard, Job, Part, Receiver, Sender, ToBoard};

/// How long a byte is on the line: 115,200 baud.
const BYTE: Duration = Duration::from_micros(87);
/// The way there and back, besides the bytes.
const TRIP: Duration = Duration::from_millis(2);
/// How much memory a board of these tests has for what comes, and for a kernel that runs.
pub(super) const MEMORY: usize = 256 << 10;
const MOST: usize = 64 << 10;
/// What no transfer of these tests takes.
pub(super) const TOO_LONG: Duration = Duration::from_secs(3600);

/// How many of a million bytes meet with what.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Noise {
    pub(super) lost: u64,
    pub(super) flipped: u64,
    pub(super) doubled: u64,
    pub(super) inserted: u64,
}

impl Noise {
    /// What arrives of `bytes`.
    fn on(self, bytes: &[u8], random: &mut Random) -> Vec<u8> {
        let mut arrived = Vec::new();
        let mut hits = |odds: u64| random.below(1_000_000) < odds;
        for &byte in bytes {
            if hits(self.inserted) {
                arrived.push(byte.wrapping_mul(31));
            }
            if hits(self.lost) {
                continue;
            }
            let flipped = if hits(self.flipped) { byte ^ 0x10 } else { byte };
            arrived.push(flipped);
            if hits(self.doubled) {
                arrived.push(flipped);
            }
        }
        arrived
    }
}

/// Numbers that are the same in every run (xorshift64*).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % bound
    }
}

/// What is sent.
pub(super) struct Load {
    pub(super) archive: Vec<u8>,
    pub(super) kernel: Vec<u8>,
    packed: [Vec<u8>; 2],
    pub(super) words: String,
}

impl Load {
    /// An archive and a kernel of these lengths.
    pub(super) fn new(archive: usize, kernel: usize) -> Self {
        let mut random = Random(archive as u64 * 977 + kernel as u64 + 1);
        let mut bytes = |length: usize| -> Vec<u8> { (0..length).map(|_| random.below(256) as u8).collect() };
        let (archive, mut kernel) = (bytes(archive), bytes(kernel));
        let memory = kernel.len() as u64 + 0x3000;
        kernel[16..24].copy_from_slice(&memory.to_le_bytes());
        kernel[24..32].copy_from_slice(&0xa_u64.to_le_bytes());
        kernel[56..60].copy_from_slice(b"ARM\x64");
        Self {
            packed: [pack(&kernel), pack(&archive)],
            archive,
            kernel,
            words: format!("log=info ktest={}", memory),
        }
    }

    pub(super) fn job(&self) -> Job<'_> {
        Job {
            archive: Part::of(&self.archive, &self.packed[1]).unwrap(),
            kernel: Part::of(&self.kernel, &self.packed[0]).unwrap(),
            words: &self.words,
            ending: Ending::Off,
        }
    }

    /// Changes both, of which `change` gets the kernel first.
    pub(super) fn change(&mut self, change: impl FnOnce(&mut [u8], &mut [u8])) {
        change(&mut self.kernel, &mut self.archive);
        self.packed = [pack(&self.kernel), pack(&self.archive)];
    }

    /// How many bytes are sent.
    pub(super) fn packed(&self) -> usize {
        self.packed[0].len() + self.packed[1].len()
    }

    pub(super) fn sender_of<'a>(&'a self, session: u32, job: Job<'a>) -> Sender<'a> {
        Sender::new(session, job, &self.packed[0], &self.packed[1])
    }

    pub(super) fn sender(&self, session: u32) -> Sender<'_> {
        self.sender_of(session, self.job())
    }
}

/// What is sent of `bytes`.
fn pack(bytes: &[u8]) -> Vec<u8> {
    match bytes {
        [] => Vec::new(),
        bytes => compress_to_vec(bytes, 6),
    }
}

/// The memory that a board of these tests has for what comes.
pub(super) fn memory() -> Vec<u8> {
    vec![0x55; MEMORY]
}

/// The board's side with that memory.
pub(super) fn board(memory: &mut [u8]) -> Receiver<'_> {
    Receiver::new(memory, MOST, "test")
}

/// The line, and the time.
pub(super) struct Line {
    pub(super) now: Duration,
    pub(super) noise: Noise,
    random: Random,
    at_board: Reader,
    at_host: Reader,
}

impl Line {
    pub(super) fn new(noise: Noise, seed: u64) -> Self {
        Self {
            now: Duration::ZERO,
            noise,
            random: Random(seed | 1),
            at_board: Reader::new(),
            at_host: Reader::new(),
        }
    }

    /// The sender says what it has to say, and hears the answers.
    pub(super) fn turn(&mut self, sender: &mut Sender<'_>, board: &mut Receiver<'_>) -> Result<(), Failure> {
        let Some(message) = sender.poll(self.now) else {
            self.now = sender.wake_at().map_or(self.now, |at| at.max(self.now));
            return Ok(());
        };
        let said = frame(&message);
        let mut answers = VecDeque::new();
        for byte in self.pass(&said) {
            let Some(contents) = self.at_board.push(byte) else {
                continue;
            };
            let message: Option<ToBoard<'_>> = decode(contents);
            if let Some(answer) = message.and_then(|message| board.receive(&message, self.now)) {
                answers.extend(frame(&answer));
            }
        }
        let answers: Vec<u8> = answers.into();
        self.now += TRIP;
        for byte in self.pass(&answers) {
            if let Some(contents) = self.at_host.push(byte)
                && let Some(answer) = decode::<FromBoard<'_>>(contents)
            {
                sender.receive(&answer, self.now)?;
            }
        }
        Ok(())
    }

    /// What the other side hears of `bytes`, and how long that takes.
    fn pass(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.now += BYTE * bytes.len() as u32;
        self.noise.on(bytes, &mut self.random)
    }

    /// Turns until the sender is done.
    pub(super) fn complete(
        &mut self,
        sender: &mut Sender<'_>,
        board: &mut Receiver<'_>,
    ) -> Result<(), Failure> {
        while !sender.is_done() {
            self.turn(sender, board)?;
            assert!(self.now < TOO_LONG, "the transfer doesn't come to an end");
        }
        Ok(())
    }
}

fn frame(message: &impl serde::Serialize) -> Vec<u8> {
    let mut buffer = [0; LONGEST_FRAME];
    encode(message, &mut buffer)
        .expect("every message has room")
        .to_vec()
}
