//! Which rule of Linux's decided a call to `mremap`, by what is known from outside: its arguments, the mappings before and
//! after, and the limits that the script has set.
//!
//! The rows are numbered as in `docs/mremap.md`.

use rt::linux::general::{MREMAP_DONTUNMAP, MREMAP_FIXED, MREMAP_MAYMOVE};
use rt::{Errno, PAGE};

use crate::places::{Place, Starts};
use crate::sealed::Sealed;
use crate::snapshot::Snapshot;
use crate::system::System;

/// How many rows there are, and one for those that nothing is known of.
pub(crate) const ROWS: usize = 28;

/// What a move of several mappings can come to.
#[derive(Clone, Copy)]
pub(crate) enum Several {
    /// All of them moved.
    Whole,
    /// All of them moved, and gaps between or behind them.
    Gaps,
    /// And what was mapped at the target opposite a gap is still there.
    GapKeepsTarget,
    /// The first address is in a gap: nothing moved.
    GapFirst,
    /// The first mapping is of a kind that may only be moved alone: nothing moved.
    RefusedFirst,
    /// A later mapping is of such a kind: those before it have moved.
    RefusedLater,
    /// A later mapping is sealed.
    SealedSource,
    /// What is mapped at the target of a later mapping is sealed.
    SealedTarget,
    /// A limit stopped it on the way.
    Limit,
}

/// Each with its name.
pub(crate) const SEVERAL: [(Several, &str); 9] = [
    (Several::Whole, "moved-whole"),
    (Several::Gaps, "moved-with-gaps"),
    (Several::GapKeepsTarget, "gap-keeps-target"),
    (Several::GapFirst, "gap-first"),
    (Several::RefusedFirst, "refused-kind-first"),
    (Several::RefusedLater, "refused-kind-later"),
    (Several::SealedSource, "sealed-source-later"),
    (Several::SealedTarget, "sealed-target-later"),
    (Several::Limit, "limit-on-the-way"),
];

const PAGE_SIZE: u64 = PAGE as u64;
const TOP: u64 = 1 << 48;
/// Where unprivileged programs may map; root may below.
const LOW: u64 = 0x1_0000;

/// A call to `mremap`, with real addresses.
pub(crate) struct Remap<'a, S> {
    /// The arguments: old address, its length, the new length, flags, the new address.
    pub words: [u64; 5],
    /// What it answered.
    pub answer: Result<u64, Errno>,
    /// The arena before.
    pub before: &'a Snapshot,
    /// The arena after.
    pub after: &'a Snapshot,
    /// What is sealed.
    pub sealed: &'a Sealed,
    /// What it was made on.
    pub system: &'a S,
    /// The places.
    pub starts: &'a Starts,
}

impl<S: System> Remap<'_, S> {
    fn old(&self) -> u64 {
        match cfg!(target_arch = "aarch64") {
            true => self.words[0] & !(0xff << 56),
            false => self.words[0],
        }
    }

    fn old_length(&self) -> u64 {
        round_up(self.words[1])
    }

    fn new_length(&self) -> u64 {
        round_up(self.words[2])
    }

    fn has(&self, flag: u32) -> bool {
        self.words[3] & u64::from(flag) != 0
    }

    fn grows(&self) -> bool {
        self.new_length() > self.old_length()
    }

    /// The row whose condition refused it; 0 if nothing is known of it, `None` if it succeeded.
    pub(crate) fn row(&self) -> Result<Option<u8>, Errno> {
        Ok(Some(match self.answer {
            Ok(_) => return Ok(None),
            Err(Errno::EINVAL) => self.wrong_argument().unwrap_or(self.wrong_mapping()),
            Err(Errno::EFAULT) => self.fault(),
            Err(Errno::EPERM) => self.not_permitted(),
            Err(Errno::EAGAIN) => 20,
            Err(Errno::ENOMEM) => self.no_memory()?,
            Err(_) => 0,
        }))
    }

    /// Rows 1 to 9: what the arguments alone tell.
    fn wrong_argument(&self) -> Option<u8> {
        let [_, _, _, flags, new] = self.words;
        let (old, old_length, new_length) = (self.old(), self.old_length(), self.new_length());
        let known = u64::from(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP);
        let names_target = self.has(MREMAP_FIXED | MREMAP_DONTUNMAP);
        let overlap = old < new.wrapping_add(new_length) && new < old.wrapping_add(old_length);
        let rows = [
            (1, flags & !known != 0),
            (2, old % PAGE_SIZE != 0),
            (3, new_length == 0),
            (4, new_length > TOP),
            (5, names_target && new > TOP.wrapping_sub(new_length)),
            (6, names_target && new % PAGE_SIZE != 0),
            (7, names_target && !self.has(MREMAP_MAYMOVE)),
            (8, self.has(MREMAP_DONTUNMAP) && old_length != new_length),
            (9, names_target && overlap),
        ];
        rows.iter().find(|row| row.1).map(|row| row.0)
    }

    fn wrong_mapping(&self) -> u8 {
        match () {
            () if self.old_length() == 0 => 15,
            () if self.in_vdso() && self.has(MREMAP_DONTUNMAP) => 16,
            () if self.in_vdso() => 25,
            () => 0,
        }
    }

    fn in_vdso(&self) -> bool {
        self.starts.range(Place::Vdso).contains(&self.old())
    }

    fn fault(&self) -> u8 {
        let arena = self.starts.range(Place::Arena);
        match self.before.at(self.old()) {
            None if arena.contains(&self.old()) => 12,
            _ if self.in_vdso() && self.grows() => 19,
            Some(piece) if self.old() + self.old_length().min(self.new_length()) > piece.end => 17,
            _ => 0,
        }
    }

    fn not_permitted(&self) -> u8 {
        let new = self.words[4];
        let arena = self.starts.range(Place::Arena);
        match () {
            () if self.sealed.any(&arena, self.old()..self.old() + 1) => 13,
            () if self
                .sealed
                .any(&arena, new..new.saturating_add(self.new_length())) =>
            {
                22
            }
            () if new < LOW => 24,
            () => 0,
        }
    }

    fn no_memory(&self) -> Result<u8, Errno> {
        let new = self.words[4];
        let annex = self.starts.range(Place::Annex);
        if let Some(room) = self.system.room()? {
            let needed = if self.has(MREMAP_DONTUNMAP) { 5 } else { 4 };
            if room < needed {
                return Ok(11);
            }
        }
        let more = match self.has(MREMAP_DONTUNMAP) {
            true => self.new_length(),
            false => self.new_length().saturating_sub(self.old_length()),
        };
        Ok(match () {
            () if self.system.is_limited(more)? && self.has(MREMAP_DONTUNMAP) => 23,
            () if self.system.is_limited(more)? && more > 0 => 21,
            () if annex.contains(&self.old()) || annex.contains(&new) => 26,
            () => 24,
        })
    }

    /// What became of it, if it is one that may move several mappings and there were several, or gaps.
    pub(crate) fn several(&self) -> Option<Several> {
        let (old, length, new) = (self.old(), self.old_length(), self.words[4]);
        let arena = self.starts.range(Place::Arena);
        let end = old.checked_add(length)?;
        if !self.has(MREMAP_FIXED) || length != self.new_length() || length == 0 {
            return None;
        }
        if self.wrong_argument().is_some() || !arena.contains(&old) || end > arena.end {
            return None;
        }
        let source = || self.before.within(old..end);
        let mapped: u64 = source()
            .map(|piece| piece.end.min(end) - piece.start.max(old))
            .sum();
        let gaps = mapped < length;
        if source().count() < 2 && !gaps {
            return None;
        }
        let changed = self.before.pieces() != self.after.pieces();
        match self.answer {
            Ok(_) if gaps && self.target_survives(old..end, new) => Some(Several::GapKeepsTarget),
            Ok(_) if gaps => Some(Several::Gaps),
            Ok(_) => Some(Several::Whole),
            Err(Errno::EFAULT) if self.before.at(old).is_none() => Some(Several::GapFirst),
            Err(Errno::EFAULT) if !changed => Some(Several::RefusedFirst),
            Err(Errno::EFAULT) => Some(Several::RefusedLater),
            Err(Errno::EPERM) if changed && self.sealed.any(&arena, new..new + length) => {
                Some(Several::SealedTarget)
            }
            Err(Errno::EPERM) if changed => Some(Several::SealedSource),
            Err(Errno::ENOMEM) if changed => Some(Several::Limit),
            Err(_) => None,
        }
    }

    /// Whether something was mapped at the target opposite a gap of the source.
    fn target_survives(&self, source: core::ops::Range<u64>, new: u64) -> bool {
        let length = source.end - source.start;
        self.before.within(new..new + length).any(|piece| {
            let first = piece.start.max(new) - new + source.start;
            let last = piece.end.min(new + length) - new + source.start - PAGE_SIZE;
            self.before.at(first).is_none() || self.before.at(last).is_none()
        })
    }
}

fn round_up(length: u64) -> u64 {
    length.wrapping_add(PAGE_SIZE - 1) & !(PAGE_SIZE - 1)
}
