//! What is said.

use serde::{Deserialize, Serialize};

/// The version of the protocol. One that differs is told, and nothing else is tried. [`ToBoard::Hello`] and [`FromBoard::Ready`] stay as
/// they are in all versions.
pub const VERSION: u16 = 1;

/// How many bytes a block has; the last of a part has fewer. At 115,200 baud one takes 180 ms.
pub const BLOCK: usize = 2048;

/// The most bytes that the words of the kernel's command line have.
pub const WORDS: usize = 1024;

/// From the host to the board. `session` is a number that the host has chosen for one transfer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ToBoard<'a> {
    /// Is anybody there? Ends every other transfer.
    Hello {
        /// The transfer that is to come.
        session: u32,
    },
    /// A transfer begins, or goes on if it is the one that is under way.
    Begin {
        /// The transfer.
        session: u32,
        /// What comes.
        #[serde(borrow)]
        job: Job<'a>,
    },
    /// A piece of the packed kernel, and after it of the packed archive.
    Block {
        /// The transfer.
        session: u32,
        /// Which one, counted through both parts. Each part begins with a block of its own.
        number: u32,
        /// Its bytes.
        bytes: &'a [u8],
    },
    /// That was all: check it, and start it.
    Run {
        /// The transfer.
        session: u32,
    },
}

/// What a transfer is to bring.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Job<'a> {
    /// The kernel's flat image.
    pub kernel: Part,
    /// The program archive; empty if there is none.
    pub archive: Part,
    /// The words of the kernel's command line, in place of those that are there.
    pub words: &'a str,
    /// What is to be done when the kernel ends.
    pub ending: Ending,
}

/// What a kernel does in the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Ending {
    /// It switches the machine off.
    Off,
    /// It waits for the next. What has come already need not come again.
    Again,
}

/// A sequence of bytes by its length and checksum. It comes packed by DEFLATE (RFC 1951).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Part {
    /// Its length in bytes.
    pub bytes: u32,
    /// Its CRC-32.
    pub crc: u32,
    /// The length of what comes, in bytes.
    pub packed: u32,
}

/// From the board to the host.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum FromBoard<'a> {
    /// It waits, and knows of no transfer.
    Ready {
        /// [`VERSION`].
        version: u16,
        /// How many bytes it has room for, archive and kernel together.
        room: u64,
        /// The machine's name.
        model: &'a str,
    },
    /// It has all blocks before this one; some of them perhaps from another transfer.
    Wants {
        /// The transfer.
        session: u32,
        /// The block; one past the last where it has all.
        block: u32,
    },
    /// It can't.
    Refused {
        /// The transfer, which is over.
        session: u32,
        /// Why.
        why: Refusal,
    },
    /// Everything is there and right. It starts as soon as it has heard nothing for [`crate::QUIET`].
    Starting {
        /// The transfer.
        session: u32,
    },
}

/// Why the board can't.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Refusal {
    /// What comes doesn't fit into the memory that it has for that.
    TooLarge,
    /// What came has no header of a kernel that runs wherever it is put.
    NoKernel,
}

impl Part {
    /// The part that `bytes` are, and `packed` is what comes of it. `None` where they are more than a part has.
    pub fn of(bytes: &[u8], packed: &[u8]) -> Option<Self> {
        Some(Self {
            bytes: u32::try_from(bytes.len()).ok()?,
            crc: crate::frame::checksum(bytes),
            packed: u32::try_from(packed.len()).ok()?,
        })
    }

    /// How many blocks it takes.
    pub(crate) fn blocks(self) -> u32 {
        self.packed.div_ceil(BLOCK as u32)
    }

    /// Its length.
    pub(crate) fn len(self) -> usize {
        self.bytes as usize
    }
}

impl Job<'_> {
    /// How many blocks there are, those of the kernel first.
    pub(crate) fn blocks(&self) -> u32 {
        self.kernel.blocks().saturating_add(self.archive.blocks())
    }
}
