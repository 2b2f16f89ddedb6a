//! Frames: a message, its CRC-32, and zero bytes around it, which are nowhere inside (Consistent Overhead Byte Stuffing).
//!
//! So a reader that has lost its way finds it again at the next zero, and text between frames is never taken for one.

use crc::{CRC_32_ISO_HDLC, Crc};
use serde::{Deserialize, Serialize};

use crate::message::{BLOCK, WORDS};

/// The checksum of frames, and of what they carry: that of Ethernet and zlib.
const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// The longest message with its checksum, in bytes: a block or a command line, and at most as much again as the numbers with them take.
const LONGEST: usize = if BLOCK > WORDS { BLOCK } else { WORDS } + 64;

/// The most bytes that a frame has on the line.
pub const LONGEST_FRAME: usize = 2 + cobs_length(LONGEST);

/// The most bytes that stuffing makes of `bytes`: one in front, and one for each 254.
const fn cobs_length(bytes: usize) -> usize {
    bytes + 1 + bytes / 254
}

/// The CRC-32 of `bytes`.
pub fn checksum(bytes: &[u8]) -> u32 {
    CRC.checksum(bytes)
}

/// Writes the frame of `message` into `buffer` and answers it. `None` where it is longer than any message that the protocol has.
pub fn encode<'b>(message: &impl Serialize, buffer: &'b mut [u8; LONGEST_FRAME]) -> Option<&'b [u8]> {
    let mut plain = [0; LONGEST];
    let plain = postcard::to_slice_crc32(message, &mut plain, CRC.digest()).ok()?;
    buffer[0] = 0;
    let length = cobs::encode(plain, &mut buffer[1..]);
    let frame = buffer.get_mut(..length + 2)?;
    frame[length + 1] = 0;
    Some(frame)
}

/// Reads the message of a frame's contents, as [`Reader::push`] gives them. `None` where they are damaged.
pub fn decode<'f, M: Deserialize<'f>>(contents: &'f [u8]) -> Option<M> {
    postcard::from_bytes_crc32(contents, CRC.digest()).ok()
}

/// Finds frames among the bytes of a line.
pub struct Reader {
    buffer: [u8; LONGEST_FRAME],
    length: usize,
    /// Whether more has come since the last zero than any frame has.
    overlong: bool,
}

impl Reader {
    /// One that has read nothing yet.
    pub const fn new() -> Self {
        Self {
            buffer: [0; LONGEST_FRAME],
            length: 0,
            overlong: false,
        }
    }

    /// Takes the next byte of the line. Where it ends a frame, or something that looks like one, answers the contents.
    pub fn push(&mut self, byte: u8) -> Option<&[u8]> {
        if byte != 0 {
            match self.buffer.get_mut(self.length) {
                Some(place) => *place = byte,
                None => self.overlong = true,
            }
            self.length = (self.length + 1).min(LONGEST_FRAME);
            return None;
        }
        let stuffed = core::mem::take(&mut self.length);
        if core::mem::take(&mut self.overlong) || stuffed == 0 {
            return None;
        }
        let length = cobs::decode_in_place(&mut self.buffer[..stuffed]).ok()?;
        self.buffer.get(..length)
    }
}

impl Default for Reader {
    fn default() -> Self {
        Self::new()
    }
}
