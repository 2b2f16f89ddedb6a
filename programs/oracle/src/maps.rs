//! `/proc/self/maps`, read without a heap.

use core::ops::Range;

use rt::Errno;

use crate::lines::Lines;

/// One of its lines.
#[derive(Clone, Debug)]
pub struct Mapping<'a> {
    /// Its addresses.
    pub range: Range<u64>,
    /// Four letters.
    pub permissions: &'a str,
    /// Offset in the object, in bytes.
    pub offset: u64,
    /// The object's name, empty if it has none.
    pub name: &'a str,
}

impl<'a> Mapping<'a> {
    /// Reads a line of `maps`, or the first of those of `smaps`; `None` if it is none.
    pub fn parse(line: &'a str) -> Option<Mapping<'a>> {
        let mut words = line.split_ascii_whitespace();
        let (start, end) = words.next()?.split_once('-')?;
        let address = |text| u64::from_str_radix(text, 16).ok();
        let (permissions, offset) = (words.next()?, words.next()?);
        Some(Mapping {
            range: address(start)?..address(end)?,
            permissions,
            offset: address(offset)?,
            // Device and inode are the system's own.
            name: words.nth(2).unwrap_or(""),
        })
    }

    /// Whether it is the page that 32-bit x86 programs once called, which is in no address space's count.
    fn is_gate(&self) -> bool {
        self.name == "[vsyscall]"
    }
}

/// Calls `look` for each mapping below `end`, in the order of the file.
///
/// # Errors
/// What the file's calls answer, and what `look` says.
pub fn each<E: From<Errno>>(end: u64, mut look: impl FnMut(&Mapping<'_>) -> Result<(), E>) -> Result<(), E> {
    let mut lines = Lines::open(c"/proc/self/maps")?;
    while let Some(line) = lines.next()? {
        match Mapping::parse(line) {
            Some(mapping) if mapping.is_gate() => {}
            Some(mapping) if mapping.range.start < end => look(&mapping)?,
            _ => break,
        }
    }
    Ok(())
}
