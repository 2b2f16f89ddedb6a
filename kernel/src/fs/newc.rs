//! Reads a cpio archive in the "new ASCII" format (`newc`, cpio(5)): what Linux calls an initramfs.
//!
//! Own code instead of the crate `cpio_reader`: that adds up every byte of every file for a checksum that this format doesn't have,
//! more instructions than the rest of booting, and ends in silence at the first broken header, where this reader says so.

use core::fmt;

/// `c_magic` without and with a checksum; the checksum isn't looked at.
const MAGICS: [&[u8]; 2] = [b"070701", b"070702"];
/// The magic and thirteen numbers of eight hexadecimal digits.
const HEADER_LEN: usize = 6 + 13 * 8;
/// The name of the entry that ends an archive.
const TRAILER: &[u8] = b"TRAILER!!!";

/// One file, folder or link of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Member<'a> {
    /// Its path, as it was archived.
    pub(crate) name: &'a [u8],
    /// Type and permissions, as in `st_mode`.
    pub(crate) mode: u32,
    /// Seconds since 1970 of the last change.
    pub(crate) modified: u32,
    /// The number that hard links of a file share.
    pub(crate) inode: u32,
    /// How many hard links there are.
    pub(crate) links: u32,
    /// The contents: bytes of a file, target of a link.
    pub(crate) bytes: &'a [u8],
}

/// The archive can't be read from `offset` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Broken {
    /// Where, in bytes from the archive's start.
    pub(crate) offset: usize,
    /// In what way.
    pub(crate) why: &'static str,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the archive is broken at byte {}: {}", self.offset, self.why)
    }
}

/// Iterates over the members of `archive`, up to its trailer or the first error.
pub(crate) fn members(archive: &[u8]) -> Members<'_> {
    Members {
        archive,
        at: 0,
        ended: false,
    }
}

/// See [`members`].
pub(crate) struct Members<'a> {
    archive: &'a [u8],
    at: usize,
    ended: bool,
}

impl<'a> Iterator for Members<'a> {
    type Item = Result<Member<'a>, Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let member = self.read_member().map_err(|why| Broken { offset: self.at, why });
        self.ended = member.is_err();
        match member {
            Ok(member) if member.name == TRAILER => {
                self.ended = true;
                None
            }
            member => Some(member),
        }
    }
}

impl<'a> Members<'a> {
    /// Reads the member at `self.at` and moves past it.
    fn read_member(&mut self) -> Result<Member<'a>, &'static str> {
        let header = self
            .archive
            .get(self.at..self.at + HEADER_LEN)
            .ok_or("it ends without a trailer")?;
        if !MAGICS.contains(&&header[..6]) {
            return Err("no newc header");
        }
        let field = |index: usize| number(&header[6 + 8 * index..][..8]).ok_or("a number isn't hexadecimal");
        let (bytes_len, name_len) = (field(6)? as usize, field(11)? as usize);
        let name_start = self.at + HEADER_LEN;
        let bytes_start = (name_start + name_len).next_multiple_of(4);
        let name = self
            .archive
            .get(name_start..name_start + name_len)
            .ok_or("a name is cut off")?;
        let name = name.strip_suffix(&[0]).ok_or("a name isn't terminated")?;
        let bytes = self
            .archive
            .get(bytes_start..bytes_start + bytes_len)
            .ok_or("a file is cut off")?;
        let member = Member {
            name,
            mode: field(1)?,
            modified: field(5)?,
            inode: field(0)?,
            links: field(4)?,
            bytes,
        };
        self.at = (bytes_start + bytes_len).next_multiple_of(4);
        Ok(member)
    }
}

/// Eight hexadecimal digits.
fn number(digits: &[u8]) -> Option<u32> {
    digits
        .iter()
        .try_fold(0, |sum, &digit| Some(sum << 4 | char::from(digit).to_digit(16)?))
}
