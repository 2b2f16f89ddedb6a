//! The board's side: what it does with a message, and what it answers.

use core::ops::Range;
use core::time::Duration;
use miniz_oxide::inflate::decompress_slice_iter_to_slice;

use crate::frame::checksum;
use crate::image::memory_of;
use crate::message::{BLOCK, Ending, FromBoard, Job, Part, Refusal, ToBoard, VERSION, WORDS};

/// How long the board listens after it has said [`FromBoard::Starting`], for a host that hasn't heard it and asks again. A host asks
/// several times in this time.
pub const QUIET: Duration = Duration::from_millis(600);

/// Where in memory the archive begins, behind the kernel's file: a multiple of this.
const PAGE: usize = 4096;

/// Puts what comes into memory.
pub struct Receiver<'m> {
    model: &'m str,
    memory: &'m mut [u8],
    most: usize,
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

/// What comes, and where it is put: the kernel to the front, the archive behind it, and both as they come, packed, to the end.
struct Plan {
    kernel: Part,
    archive: Part,
    words: heapless::String<WORDS>,
    ending: Ending,
    archive_start: usize,
    packed_start: usize,
}

/// What has come, complete and right.
pub struct Received<'m> {
    /// The kernel's flat image.
    pub kernel: &'m [u8],
    /// How many bytes it takes when it runs, no fewer than it has.
    pub kernel_memory: usize,
    /// The archive.
    pub archive: &'m [u8],
    /// The words of the kernel's command line.
    pub words: heapless::String<WORDS>,
    /// What is to be done when it ends.
    pub ending: Ending,
}

impl<'m> Receiver<'m> {
    /// Puts what comes into `memory`, which begins with a page, on the machine `model`. A kernel may take `most` bytes when it runs.
    pub fn new(memory: &'m mut [u8], most: usize, model: &'m str) -> Self {
        // A name is for people, and must fit a frame.
        let model = model.get(..WORDS).unwrap_or(model);
        Self {
            model,
            memory,
            most,
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

    /// Whether all is there and right, and the host has been silent for [`QUIET`].
    pub fn is_finished(&self, now: Duration) -> bool {
        let checked = self.transfer.as_ref().and_then(|transfer| transfer.checked);
        checked.is_some_and(|(asked, _)| now.saturating_sub(asked) >= QUIET)
    }

    /// What has come. `None` before all is there and right.
    pub fn into_received(self) -> Option<Received<'m>> {
        let transfer = self.transfer?;
        let (_, kernel_memory) = transfer.checked?;
        let plan = transfer.plan;
        Some(Received {
            kernel: self.memory.get(..plan.kernel.len())?,
            kernel_memory,
            archive: self.memory.get(plan.archive_start..)?.get(..plan.archive.len())?,
            words: plan.words,
            ending: plan.ending,
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
                next: plan.first_missing(self.memory),
                plan,
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
        if plan.unpack(self.memory).is_none() {
            transfer.next = 0;
            return Ok(());
        }
        let memory = memory_of(&self.memory[..plan.kernel.len()]).ok_or(Refusal::NoKernel)?;
        if memory > self.most {
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
        let archive_start = job.kernel.len().checked_next_multiple_of(PAGE)?;
        let end = archive_start.checked_add(job.archive.len())?;
        let packed = (job.kernel.packed as usize).checked_add(job.archive.packed as usize)?;
        let packed_start = room.checked_sub(packed).filter(|&start| start >= end)?;
        Some(Self {
            kernel: job.kernel,
            archive: job.archive,
            words: job.words.try_into().ok()?,
            ending: job.ending,
            archive_start,
            packed_start,
        })
    }

    fn is(&self, job: &Job<'_>) -> bool {
        (self.kernel, self.archive, self.words.as_str(), self.ending)
            == (job.kernel, job.archive, job.words, job.ending)
    }

    /// The first block that is not there from a transfer before, perhaps one past the last. A part is there as a whole or not at all.
    fn first_missing(&self, memory: &[u8]) -> u32 {
        match (self.has_kernel(memory), self.has_archive(memory)) {
            (false, _) => 0,
            (true, false) => self.kernel.blocks(),
            (true, true) => self.kernel.blocks().saturating_add(self.archive.blocks()),
        }
    }

    fn has_kernel(&self, memory: &[u8]) -> bool {
        checksum(&memory[self.kernel_place()]) == self.kernel.crc
    }

    fn has_archive(&self, memory: &[u8]) -> bool {
        checksum(&memory[self.archive_place()]) == self.archive.crc
    }

    /// Unpacks what isn't there, once all has come. `None` where that doesn't come to what was announced.
    fn unpack(&self, memory: &mut [u8]) -> Option<()> {
        let (front, packed) = memory.split_at_mut_checked(self.packed_start)?;
        let (kernel, archive) = packed.split_at_checked(self.kernel.packed as usize)?;
        if !self.has_kernel(front) {
            inflate(kernel, &mut front[self.kernel_place()])?;
        }
        if !self.has_archive(front) {
            inflate(archive, &mut front[self.archive_place()])?;
        }
        (self.has_kernel(front) && self.has_archive(front)).then_some(())
    }

    fn kernel_place(&self) -> Range<usize> {
        0..self.kernel.len()
    }

    fn archive_place(&self) -> Range<usize> {
        self.archive_start..self.archive_start + self.archive.len()
    }

    /// Where a block goes. `None` behind the last.
    fn place(&self, number: u32) -> Option<Range<usize>> {
        let kernel = self.kernel.packed as usize;
        let (start, part, index) = match number.checked_sub(self.kernel.blocks()) {
            None => (self.packed_start, self.kernel, number),
            Some(index) => (self.packed_start + kernel, self.archive, index),
        };
        if index >= part.blocks() {
            return None;
        }
        let from = index as usize * BLOCK;
        Some(start + from..start + (part.packed as usize).min(from + BLOCK))
    }
}

/// Unpacks `packed` into the whole of `place`. `None` where it is damaged, or of another length.
fn inflate(packed: &[u8], place: &mut [u8]) -> Option<()> {
    let length = decompress_slice_iter_to_slice(place, core::iter::once(packed), false, true).ok()?;
    (length == place.len()).then_some(())
}
