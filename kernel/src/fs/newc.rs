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

/// Archives for tests.
#[cfg(feature = "ktest")]
pub(super) mod testing {
    use alloc::vec::Vec;

    /// An archive of ordinary files.
    pub(in crate::fs) fn archive(files: &[(&str, &[u8])]) -> &'static [u8] {
        let mut archive = Vec::new();
        for (name, bytes) in files {
            member(&mut archive, name, 0o100_644, bytes);
        }
        member(&mut archive, "TRAILER!!!", 0, b"");
        archive.leak()
    }

    fn member(archive: &mut Vec<u8>, name: &str, mode: u32, bytes: &[u8]) {
        let (len, name_len) = (bytes.len() as u32, name.len() as u32 + 1);
        archive.extend_from_slice(b"070701");
        for field in [0, mode, 0, 0, 1, 0, len, 0, 0, 0, 0, name_len, 0] {
            archive.extend_from_slice(alloc::format!("{field:08x}").as_bytes());
        }
        archive.extend_from_slice(name.as_bytes());
        archive.push(0);
        archive.resize(archive.len().next_multiple_of(4), 0);
        archive.extend_from_slice(bytes);
        archive.resize(archive.len().next_multiple_of(4), 0);
    }
}

crate::ktest! {
    /// Members come in order with their bytes, and the trailer ends them.
    fn members_are_read() {
        let archive = testing::archive(&[("one", b"1"), ("two", b"22222")]);
        let read: alloc::vec::Vec<_> = members(archive).map(|member| member.expect("a member")).collect();
        assert_eq!(read.len(), 2);
        assert_eq!((read[0].name, read[0].bytes), (&b"one"[..], &b"1"[..]));
        assert_eq!((read[1].name, read[1].bytes, read[1].mode), (&b"two"[..], &b"22222"[..], 0o100_644));
    }

    /// Wherever an archive is cut off, it says that it is broken, and where.
    fn a_cut_archive_is_broken() {
        let whole = testing::archive(&[("one", b"1"), ("two", b"22222")]);
        // After the trailer's name there is only padding.
        for len in 0..whole.len() - 3 {
            let end = members(&whole[..len]).last();
            assert!(matches!(end, Some(Err(Broken { offset, .. })) if offset < len + 4), "{len} bytes");
        }
    }

    /// Damage is noticed and does no harm.
    fn a_damaged_archive_does_no_harm() {
        let whole = testing::archive(&[("one", b"1")]);
        for at in 0..whole.len() {
            let mut bytes = whole.to_vec();
            bytes[at] = b'f';
            // The member, what was the trailer, and that something is missing behind it.
            assert!(members(&bytes).count() <= 3);
        }
        assert!(members(b"something else, long enough to be a header but not one of this format, for it has none of its signs......")
            .next()
            .is_some_and(|first| first.is_err()));
    }
}
