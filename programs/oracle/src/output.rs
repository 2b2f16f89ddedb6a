//! Text that is hashed, and printed if that is wanted.

use core::fmt::{self, Write};

/// Bytes of output that go in one system call.
const ROOM: usize = 4096;

/// How much of a script's account is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// Only its hash.
    Hash,
    /// The calls with their answers, and hashes of what was seen.
    Calls,
    /// All.
    All,
}

/// Where a script's account goes.
pub struct Output {
    /// How much of it is printed.
    pub detail: Detail,
    hash: u64,
    buffer: [u8; ROOM],
    used: usize,
}

/// The start of FNV-1a with 64 bits (draft-eastlake-fnv).
const START: u64 = 0xcbf2_9ce4_8422_2325;

impl Output {
    /// With nothing in it.
    pub fn new(detail: Detail) -> Self {
        Output {
            detail,
            hash: START,
            buffer: [0; ROOM],
            used: 0,
        }
    }

    /// The hash of all that was written since the last call of this.
    pub fn take_hash(&mut self) -> u64 {
        core::mem::replace(&mut self.hash, START)
    }

    /// Writes down a call and its answer.
    pub fn call(&mut self, text: fmt::Arguments<'_>) -> fmt::Result {
        let detail = self.detail;
        if detail == Detail::Calls {
            self.detail = Detail::All;
        }
        let answer = self.write_fmt(text);
        self.detail = detail;
        answer
    }

    /// Writes a number in hexadecimal, with at least so many digits. Most of an account is such, and `write!` takes several times as long.
    pub fn hex(&mut self, number: u64, digits: usize) -> fmt::Result {
        let digits = digits.max((u64::BITS - number.leading_zeros()).div_ceil(4) as usize);
        let mut text = [0; 16];
        let text = &mut text[..digits.min(16)];
        for (place, digit) in text.iter_mut().rev().enumerate() {
            *digit = b"0123456789abcdef"[(number >> (4 * place)) as usize & 15];
        }
        self.add(text)
    }

    /// Ends what was seen after a call.
    pub fn end_call(&mut self) -> fmt::Result {
        match self.detail {
            Detail::Calls => {
                let hash = self.hash;
                self.print(format_args!("  #{hash:016x}\n"))
            }
            _ => Ok(()),
        }
    }

    /// Prints, at any detail, and outside the hash.
    pub fn print(&mut self, text: fmt::Arguments<'_>) -> fmt::Result {
        Printed(self).write_fmt(text)
    }

    /// Sends off what is still here.
    pub fn flush(&mut self) -> fmt::Result {
        let used = core::mem::take(&mut self.used);
        rt::file::write_all(1, &self.buffer[..used]).map_err(|_| fmt::Error)
    }

    fn add(&mut self, bytes: &[u8]) -> fmt::Result {
        for &byte in bytes {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        match self.detail {
            Detail::All => self.put(bytes),
            _ => Ok(()),
        }
    }

    fn put(&mut self, bytes: &[u8]) -> fmt::Result {
        for &byte in bytes {
            if self.used == ROOM {
                self.flush()?;
            }
            self.buffer[self.used] = byte;
            self.used += 1;
        }
        Ok(())
    }
}

impl Write for Output {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.add(text.as_bytes())
    }
}

/// The same, past the hash.
struct Printed<'a>(&'a mut Output);

impl Write for Printed<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.put(text.as_bytes())
    }
}
