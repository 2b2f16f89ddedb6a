//! The arena's mappings at one moment, as far as the outcomes of calls are judged by them.

use core::ops::Range;

use crate::maps::Mapping;

/// More mappings than an arena ever has in a script that is judged; further ones are left out.
const ROOM: usize = 512;

/// One mapping.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Its first address.
    pub start: u64,
    /// The address behind it.
    pub end: u64,
    /// Whether it is of `/dev/zero`, which looks for places itself.
    pub is_zero: bool,
    permissions: [u8; 4],
}

/// The mappings, in order of their addresses.
pub struct Snapshot {
    pieces: [Piece; ROOM],
    count: usize,
}

impl Default for Snapshot {
    fn default() -> Self {
        let none = Piece {
            start: 0,
            end: 0,
            is_zero: false,
            permissions: [0; 4],
        };
        Snapshot {
            pieces: [none; ROOM],
            count: 0,
        }
    }
}

impl Snapshot {
    /// Forgets all of them.
    pub fn clear(&mut self) {
        self.count = 0;
    }

    /// Adds the next mapping.
    pub fn add(&mut self, mapping: &Mapping<'_>) {
        if let Some(piece) = self.pieces.get_mut(self.count) {
            let mut permissions = [0; 4];
            for (to, from) in permissions.iter_mut().zip(mapping.permissions.bytes()) {
                *to = from;
            }
            *piece = Piece {
                start: mapping.range.start,
                end: mapping.range.end,
                is_zero: mapping.name.starts_with("/dev/zero") && permissions[3] == b'p',
                permissions,
            };
            self.count += 1;
        }
    }

    /// All of them.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces[..self.count]
    }

    /// Those that reach into a range.
    pub fn within(&self, range: Range<u64>) -> impl Iterator<Item = &Piece> {
        self.pieces()
            .iter()
            .filter(move |piece| piece.start < range.end && range.start < piece.end)
    }

    /// The one that an address lies in.
    pub fn at(&self, address: u64) -> Option<&Piece> {
        self.within(address..address.saturating_add(1)).next()
    }
}
