//! The places that scripts speak of, by names that are the same on every system.
//!
//! A script's addresses are nominal: those that a place would have if it lay where it usually lies. Where it really lies
//! is put in when a call is made, and taken out of its answer.

use core::fmt;
use core::ops::Range;

use rt::PAGE;

/// A place that a script can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Where nearly everything happens: 8 MiB with a border of 1 GiB in their middle, so that tables of two levels end there.
    Arena,
    /// Room for mappings that are larger than the machine's memory; shut unless a script opens it.
    Annex,
    /// What `brk` moves; shut unless a script opens it.
    Heap,
    /// The code that the kernel gives each program.
    Vdso,
}

/// Each place with its letter and its nominal addresses.
pub const PLACES: [(Place, char, Range<u64>); 4] = [
    (Place::Arena, 'a', 0x1234_3fc0_0000..0x1234_4040_0000),
    (Place::Annex, 'b', 0x0800_0000_0000..0x0804_0000_0000),
    (Place::Heap, 'h', 0x0700_0000_0000..0x0700_0010_0000),
    (Place::Vdso, 'v', 0x0600_0000_0000..0x0600_0001_0000),
];

impl Place {
    /// Its nominal addresses.
    pub const fn range(self) -> Range<u64> {
        let range = &PLACES[self as usize].2;
        range.start..range.end
    }

    /// A page of it.
    pub const fn page(self, index: u64) -> u64 {
        PLACES[self as usize].2.start + index * PAGE as u64
    }
}

/// What a tag can stand in: arm64's hardware ignores the highest byte.
const TAG: u64 = 0xff << 56;

/// Where the places really start.
#[derive(Clone, Copy, Debug)]
pub struct Starts(pub [u64; PLACES.len()]);

impl Starts {
    /// Where a place really is.
    pub fn range(&self, place: Place) -> Range<u64> {
        let (start, nominal) = (self.0[place as usize], place.range());
        start..start + (nominal.end - nominal.start)
    }

    /// The real address; one in no place is what it is. Tags stay.
    pub fn real(&self, nominal: u64) -> u64 {
        let (tag, address) = (nominal & TAG, nominal & !TAG);
        match PLACES.iter().find(|place| place.2.contains(&address)) {
            Some((place, _, range)) => tag | (self.0[*place as usize] + (address - range.start)),
            None => nominal,
        }
    }

    /// The length of a range from a nominal address. One that from the arena leads past the last address of all does so by as much from
    /// wherever the arena is now: from further below it would end before the last address, and reach all the fence on its way.
    pub fn real_length(&self, nominal: u64, length: u64) -> u64 {
        let in_arena = Place::Arena.range().contains(&(nominal & !TAG));
        match nominal.checked_add(length) {
            // One that is nearer to the largest number than that leads past it in any case.
            None if in_arena => length.checked_add(nominal - self.real(nominal)).unwrap_or(length),
            _ => length,
        }
    }

    /// The nominal address; one in no place is what it is.
    pub fn nominal(&self, real: u64) -> u64 {
        let found = PLACES.iter().find(|place| self.range(place.0).contains(&real));
        found.map_or(real, |(place, _, range)| {
            real - self.0[*place as usize] + range.start
        })
    }
}

/// A nominal address: `a+` and the distance from the arena's start, a tag before it; or a plain number.
pub struct Address(pub u64);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (tag, address) = (self.0 & TAG, self.0 & !TAG);
        let Some((_, letter, range)) = PLACES.iter().find(|place| place.2.contains(&address)) else {
            return write!(f, "{:#x}", self.0);
        };
        if tag != 0 {
            write!(f, "{:#x}:", tag >> 56)?;
        }
        write!(f, "{letter}+{:x}", address - range.start)
    }
}

impl Address {
    /// Reads what is displayed.
    pub fn parse(text: &str) -> Option<u64> {
        let (tag, text) = match text.split_once(':') {
            Some((tag, rest)) => (number(tag)? << 56, rest),
            None => (0, text),
        };
        match text.split_once('+') {
            Some((letter, distance)) => {
                let place = PLACES.iter().find(|place| letter.chars().eq([place.1]))?;
                Some(tag | (place.2.start + u64::from_str_radix(distance, 16).ok()?))
            }
            None => number(text),
        }
    }
}

/// A number, in hexadecimal if it begins with `0x`.
pub fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}
