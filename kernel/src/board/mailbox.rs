//! Questions to a Raspberry Pi's firmware: the property channel of the VideoCore's mailbox (raspberrypi/firmware wiki, "Mailbox
//! property interface").

use hardware::{Mailbox, PhysRange};
use safe_mmio::fields::{ReadOnly, ReadPure, WriteOnly};
use safe_mmio::{UniqueMmioPointer, field, field_shared};

use crate::sync::Mutex;
use crate::{arch, memory};

/// The two mailboxes: one to read from, one to write to.
#[repr(C)]
struct Registers {
    /// An answer: taken by reading it.
    answer: ReadOnly<u32>,
    _peek: [u32; 5],
    answer_status: ReadPure<u32>,
    _settings: u32,
    question: WriteOnly<u32>,
    _question_peek: [u32; 5],
    question_status: ReadPure<u32>,
}

const _: () = {
    assert!(core::mem::offset_of!(Registers, answer_status) == 0x18);
    assert!(core::mem::offset_of!(Registers, question) == 0x20);
    assert!(core::mem::offset_of!(Registers, question_status) == 0x38);
};

/// Bits of the status registers.
const FULL: u32 = 1 << 31;
const EMPTY: u32 = 1 << 30;
/// The channel for questions from this side, in the lowest four bits of a message.
const PROPERTY_CHANNEL: u32 = 8;
/// The second word of a message: asked, and answered.
const REQUEST: u32 = 0;
const ANSWERED: u32 = 1 << 31;

/// How often to look for an answer. Firmware takes well below a millisecond; a look takes 100 ns and more.
const PATIENCE: u32 = 10_000_000;

/// Tags, and the number of the PL011's clock.
const GET_ARM_MEMORY: u32 = 0x0001_0005;
const GET_CLOCK_RATE: u32 = 0x0003_0002;
const UART_CLOCK: u32 = 2;

/// How many words a message has: length, verdict, one tag with length, verdict and two values, and the end.
const WORDS: usize = 8;

/// A message, in cache lines of its own, of whatever length those are: firmware reads and writes memory, not caches.
#[repr(C, align(256))]
struct Message([u32; WORDS]);

/// The message that is under way.
static MESSAGE: Mutex<Message> = Mutex::new(Message([0; WORDS]));

/// The memory that firmware leaves to this processor. More than this may be there (raspberrypi/firmware issue 1191), but not
/// less.
pub(super) fn memory(mailbox: Mailbox) -> Option<PhysRange> {
    let [start, size] = ask(mailbox, GET_ARM_MEMORY, [0, 0])?;
    PhysRange::from_len(start.into(), size.into()).filter(|range| !range.is_empty())
}

/// The frequency of the PL011's clock in Hz.
pub(super) fn uart_clock(mailbox: Mailbox) -> Option<u32> {
    let [_, rate] = ask(mailbox, GET_CLOCK_RATE, [UART_CLOCK, 0])?;
    (rate != 0).then_some(rate)
}

/// Asks for `tag` with two values and gives the two of the answer. `None` where firmware can't reach the message, doesn't
/// know the tag or doesn't answer. Only to be called during the start.
fn ask(mailbox: Mailbox, tag: u32, values: [u32; 2]) -> Option<[u32; 2]> {
    let mut held = MESSAGE.lock();
    let message = &raw mut held.0;
    let question = bus_address(mailbox, memory::phys_of_image(message.cast()))? | PROPERTY_CHANNEL;
    let window = memory::map_device(mailbox.registers)?;
    // SAFETY: the window maps the mailbox's registers, and nobody else uses the mailbox.
    let mut registers: UniqueMmioPointer<'_, Registers> = unsafe { UniqueMmioPointer::new(window.cast()) };
    let words = [
        size_of::<[u32; WORDS]>() as u32,
        REQUEST,
        tag,
        8,
        REQUEST,
        values[0],
        values[1],
        0,
    ];
    // SAFETY: the message is locked, and firmware, which has answered all questions before, is done with it.
    unsafe { message.write_volatile(words) };
    arch::cache::clean_and_invalidate(message.cast(), size_of::<Message>());

    wait(|| field_shared!(registers, question_status).read() & FULL == 0)?;
    field!(registers, question).write(question);
    loop {
        wait(|| field_shared!(registers, answer_status).read() & EMPTY == 0)?;
        // What else comes is an answer to a loader that went before.
        if field!(registers, answer).read() == question {
            break;
        }
    }
    // Nothing has written to the message's lines since they went to memory; what the processor read ahead goes now.
    arch::cache::clean_and_invalidate(message.cast(), size_of::<Message>());
    // SAFETY: the message is locked, and firmware, which has answered, is done with it.
    let [_, verdict, _, _, tag_verdict, first, second, _] = unsafe { message.read_volatile() };
    (verdict == ANSWERED && tag_verdict & ANSWERED != 0).then_some([first, second])
}

/// What firmware calls the message at `phys`. The mailbox takes 32 bits, of which the lowest four are the channel.
fn bus_address(mailbox: Mailbox, phys: u64) -> Option<u32> {
    let message = PhysRange::from_len(phys, size_of::<Message>() as u64)?;
    if !mailbox.reach.covers(message) {
        return None;
    }
    let offset = phys - mailbox.reach.start.get();
    u32::try_from(mailbox.bus_start.checked_add(offset)?).ok()
}

fn wait(mut ready: impl FnMut() -> bool) -> Option<()> {
    (0..PATIENCE).any(|_| ready()).then_some(())
}

crate::ktest! {
    /// Firmware knows of memory that the device tree knows of as well, and of a clock.
    fn the_firmware_answers() {
        let found = super::description();
        let Some(mailbox) = found.mailbox else { return };
        let memory = memory(mailbox).expect("an answer");
        assert!(found.ram.covers(memory), "{memory}");
        assert!(uart_clock(mailbox).is_some_and(|clock| clock >= 1_000_000));
    }
}
