//! `/proc/self/maps`, read without a heap.

use core::ops::Range;

use rt::Errno;
use rt::file::File;

/// Room for the text: the arena with every page a mapping of its own would be more, but scripts are not that long.
const ROOM: usize = 48 << 10;

/// The text of `/proc/self/maps`.
pub(crate) struct Maps {
    text: [u8; ROOM],
    length: usize,
}

/// One of its lines.
#[derive(Clone, Debug)]
pub(crate) struct Mapping<'a> {
    /// Its addresses.
    pub(crate) range: Range<u64>,
    /// Four letters.
    pub(crate) permissions: &'a str,
    /// Offset in the object, in bytes.
    pub(crate) offset: &'a str,
    /// The object's name, empty if it has none.
    pub(crate) name: &'a str,
}

impl Maps {
    /// Reads it.
    ///
    /// # Errors
    /// What the file's calls answer; `EOVERFLOW` if it is longer than there is room.
    pub(crate) fn read() -> Result<Maps, Errno> {
        let mut text = [0; ROOM];
        let length = File::open(c"/proc/self/maps")?.read_into(&mut text)?.len();
        match length < ROOM {
            true => Ok(Maps { text, length }),
            false => Err(Errno::EOVERFLOW),
        }
    }

    /// The mappings, in the order of the file. A line that is none ends them.
    pub(crate) fn mappings(&self) -> impl Iterator<Item = Mapping<'_>> {
        let text = core::str::from_utf8(&self.text[..self.length]).unwrap_or("");
        text.lines().map_while(parse)
    }
}

fn parse(line: &str) -> Option<Mapping<'_>> {
    let mut words = line.split_ascii_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let address = |text| u64::from_str_radix(text, 16).ok();
    let (permissions, offset) = (words.next()?, words.next()?);
    Some(Mapping {
        range: address(start)?..address(end)?,
        permissions,
        offset,
        // Device and inode are the system's own.
        name: words.nth(2).unwrap_or(""),
    })
}
