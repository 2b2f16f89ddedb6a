//! The board's side: what it does with a message, and what it answers.

use core::ops::Range;
use core::time::Duration;

use crate::frame::checksum;
use crate::image::{ALIGNMENT, TREE_ROOM, memory_of};
use crate::message::{BLOCK, FromBoard, Job, Part, Refusal, ToBoard, VERSION, WORDS};

/// How long the board listens after it has said [`FromBoard::Starting`], for a host that hasn't heard it and asks again. A host asks
/// several times in this time.
pub const QUIET: Duration = Duration::from_millis(600);

/// Puts what comes into memory.
pub struct Receiver<'m> {
    model: &'m str,
    memory: &'m mut [u8],
    transfer: Option<Transfer>,
}

/// A transfer that is under way.
struct Transfer {
    session: u32,
    plan: Plan,
    /// The block that is awaited.
    next: u32,
    /// Everything was checked, and the host last asked then; the memory that the kernel takes.
    checked: Option<(Duration, usize)>,
}

/// What comes, and where it is put: the archive to the front, the kernel behind it.
struct Plan {
    archive: Part,
    kernel: Part,
    words: heapless::String<WORDS>,
    kernel_start: usize,
}

/// What has come, complete and right.
pub struct Received<'r> {
    /// Where in the memory the archive lies.
    pub archive: Range<usize>,
    /// Where the kernel lies and what it needs behind its file.
    pub kernel: Range<usize>,
    /// The words of its command line.
    pub words: &'r str,
}

impl<'m> Receiver<'m> {
    /// Puts what comes into `memory`, whose physical address is a multiple of [`ALIGNMENT`], on the machine `model`.
    pub fn new(memory: &'m mut [u8], model: &'m str) -> Self {
        // A name is for people, and must fit a frame.
        let model = model.get(..WORDS).unwrap_or(model);
        Self {
            model,
            memory,
            transfer: None,
        }
    }

    /// Does what `message` says at the time `now`, and gives the answer. There is none to what belongs to a transfer that has been
    /// given up for another.
    pub fn receive(&mut self, message: &ToBoard<'_>, now: Duration) -> Option<FromBoard<'m>> {
        match *message {
            ToBoard::Hello { session } => {
                self.transfer.take_if(|transfer| transfer.session != session);
                Some(self.state(now))
            }
            ToBoard::Begin { session, job } => Some(self.begin(session, &job, now)),
            ToBoard::Block { session, .. } | ToBoard::Run { session }
                if self
                    .transfer
                    .as_ref()
                    .is_some_and(|under_way| under_way.session != session) =>
            {
                None
            }
            ToBoard::Block { number, bytes, .. } => {
                self.take(number, bytes);
                Some(self.state(now))
            }
            ToBoard::Run { session } => Some(match self.check() {
                Ok(()) => self.state(now),
                Err(why) => self.refuse(session, why),
            }),
        }
    }

    /// What has come, once all is there and right, and the host has been silent for [`QUIET`].
    pub fn finished(&self, now: Duration) -> Option<Received<'_>> {
        let transfer = self.transfer.as_ref()?;
        let (asked, memory) = transfer.checked?;
        let plan = &transfer.plan;
        (now.saturating_sub(asked) >= QUIET).then(|| Received {
            archive: 0..plan.archive.len(),
            kernel: plan.kernel_start..plan.kernel_start + memory,
            words: &plan.words,
        })
    }

    /// The memory, with whatever has come.
    pub fn into_memory(self) -> &'m mut [u8] {
        self.memory
    }

    /// Where things stand. Whoever asks is there.
    fn state(&mut self, now: Duration) -> FromBoard<'m> {
        let Some(transfer) = &mut self.transfer else {
            return FromBoard::Ready {
                version: VERSION,
                room: self.memory.len() as u64,
                model: self.model,
            };
        };
        let session = transfer.session;
        match &mut transfer.checked {
            Some((asked, _)) => {
                *asked = now;
                FromBoard::Starting { session }
            }
            None => FromBoard::Wants {
                session,
                block: transfer.next,
            },
        }
    }

    fn refuse(&mut self, session: u32, why: Refusal) -> FromBoard<'m> {
        self.transfer = None;
        FromBoard::Refused { session, why }
    }

    /// Begins a transfer, unless it has begun.
    fn begin(&mut self, session: u32, job: &Job<'_>, now: Duration) -> FromBoard<'m> {
        let begun = |under_way: &Transfer| under_way.session == session && under_way.plan.is(job);
        if !self.transfer.as_ref().is_some_and(begun) {
            let Some(plan) = Plan::new(job, self.memory.len()) else {
                return self.refuse(session, Refusal::TooLarge);
            };
            self.transfer = Some(Transfer {
                session,
                plan,
                next: 0,
                checked: None,
            });
        }
        self.state(now)
    }

    /// Takes a block if it is the awaited one. Any other has come before, or comes too early.
    fn take(&mut self, number: u32, bytes: &[u8]) {
        let Some(transfer) = self.transfer.as_mut().filter(|it| it.next == number) else {
            return;
        };
        let place = transfer
            .plan
            .place(number)
            .filter(|place| place.len() == bytes.len());
        if let Some(place) = place.and_then(|place| self.memory.get_mut(place)) {
            place.copy_from_slice(bytes);
            transfer.next += 1;
        }
    }

    /// Checks the whole, if all is there and it hasn't been checked. What is damaged all the same is to come again.
    fn check(&mut self) -> Result<(), Refusal> {
        let Some(transfer) = &mut self.transfer else {
            return Ok(());
        };
        let plan = &transfer.plan;
        if transfer.checked.is_some() || plan.place(transfer.next).is_some() {
            return Ok(());
        }
        let (archive, kernel) = (
            &self.memory[..plan.archive.len()],
            &self.memory[plan.kernel_start..][..plan.kernel.len()],
        );
        if checksum(archive) != plan.archive.crc || checksum(kernel) != plan.kernel.crc {
            transfer.next = 0;
            return Ok(());
        }
        let memory = memory_of(kernel).ok_or(Refusal::NoKernel)?;
        let end = memory.checked_add(plan.kernel_start + TREE_ROOM);
        if end.is_none_or(|end| end > self.memory.len()) {
            return Err(Refusal::TooLarge);
        }
        // When the host asked is noted by the answer.
        transfer.checked = Some((Duration::ZERO, memory));
        Ok(())
    }
}

impl Plan {
    /// A plan for `job` in `room` bytes of memory. `None` where it doesn't fit.
    fn new(job: &Job<'_>, room: usize) -> Option<Self> {
        let kernel_start = job.archive.len().checked_next_multiple_of(ALIGNMENT)?;
        let end = kernel_start
            .checked_add(job.kernel.len())?
            .checked_add(TREE_ROOM)?;
        (end <= room).then_some(())?;
        Some(Self {
            archive: job.archive,
            kernel: job.kernel,
            words: job.words.try_into().ok()?,
            kernel_start,
        })
    }

    fn is(&self, job: &Job<'_>) -> bool {
        (self.archive, self.kernel, self.words.as_str()) == (job.archive, job.kernel, job.words)
    }

    /// Where a block goes. `None` behind the last.
    fn place(&self, number: u32) -> Option<Range<usize>> {
        let (start, part, index) = match number.checked_sub(self.archive.blocks()) {
            None => (0, self.archive, number),
            Some(index) => (self.kernel_start, self.kernel, index),
        };
        if index >= part.blocks() {
            return None;
        }
        let from = index as usize * BLOCK;
        Some(start + from..start + part.len().min(from + BLOCK))
    }
}
