//! Ranges of physical addresses, and sets of them.

use core::fmt;
use mm::PhysAddr;

/// A half-open range of physical addresses in bytes, `start..end`; never empty when it is in a [`RangeSet`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PhysRange {
    /// The first address.
    pub start: PhysAddr,
    /// One past the last address.
    pub end: PhysAddr,
}

impl PhysRange {
    /// The range of `bytes` from `start`; `None` where that leaves 64 bits.
    pub const fn from_len(start: u64, bytes: u64) -> Option<Self> {
        match start.checked_add(bytes) {
            Some(end) => Some(Self {
                start: PhysAddr::new(start),
                end: PhysAddr::new(end),
            }),
            None => None,
        }
    }

    /// The range `start..end`, empty where `end` lies below `start`.
    pub const fn new(start: u64, end: u64) -> Self {
        let end = if end < start { start } else { end };
        Self {
            start: PhysAddr::new(start),
            end: PhysAddr::new(end),
        }
    }

    /// The length in bytes.
    pub fn len(self) -> u64 {
        self.end - self.start
    }

    /// Whether the range holds no byte.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// Whether every byte of `other` lies in the range.
    pub fn covers(self, other: PhysRange) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// Whether the two ranges share a byte.
    pub fn overlaps(self, other: PhysRange) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// The smallest range of whole units of `unit` bytes, a power of two, that holds this one.
    pub fn widened(self, unit: u64) -> Self {
        let end = self.end.align_up(unit).unwrap_or(self.end.align_down(unit));
        Self {
            start: self.start.align_down(unit),
            end,
        }
    }

    /// The largest range of whole units of `unit` bytes, a power of two, that lies in this one; may be empty.
    pub fn narrowed(self, unit: u64) -> Self {
        let end = self.end.align_down(unit);
        let start = self.start.align_up(unit).unwrap_or(end);
        Self::new(start.get(), end.get())
    }
}

impl fmt::Debug for PhysRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}..{:#x}", self.start.get(), self.end.get())
    }
}

impl fmt::Display for PhysRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A set had no room for one more range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

/// How many separate ranges a [`RangeSet`] holds.
const CAPACITY: usize = 32;

/// A set of physical addresses as ranges: sorted, apart from each other by at least a byte, at most 32 of them.
#[derive(Clone, Debug, Default)]
pub struct RangeSet {
    ranges: heapless::Vec<PhysRange, CAPACITY>,
}

impl RangeSet {
    /// The empty set.
    pub const fn new() -> Self {
        Self {
            ranges: heapless::Vec::new(),
        }
    }

    /// The ranges, in ascending order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = PhysRange> + '_ {
        self.ranges.iter().copied()
    }

    /// Whether the set holds no byte.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The number of bytes in the set.
    pub fn bytes(&self) -> u64 {
        self.iter().map(PhysRange::len).sum()
    }

    /// The range from the first to the last byte of the set; `None` for the empty set.
    pub fn span(&self) -> Option<PhysRange> {
        let (first, last) = (self.ranges.first()?, self.ranges.last()?);
        Some(PhysRange {
            start: first.start,
            end: last.end,
        })
    }

    /// Whether every byte of `range` is in the set.
    pub fn covers(&self, range: PhysRange) -> bool {
        range.is_empty() || self.iter().any(|member| member.covers(range))
    }

    /// Takes out the highest ranges, as many as it takes for the span of the set to be at most `times` as long as the set.
    /// Answers whether there were any.
    pub fn drop_far(&mut self, times: u64) -> bool {
        let before = self.ranges.len();
        while self.span().is_some_and(|span| span.len() / times > self.bytes()) {
            self.ranges.pop();
        }
        self.ranges.len() < before
    }

    /// Adds every byte of `range`; ranges that come to touch become one.
    ///
    /// # Errors
    ///
    /// [`Full`], and an unchanged set, when the set already holds as many separate ranges as it can.
    pub fn add(&mut self, range: PhysRange) -> Result<(), Full> {
        if range.is_empty() {
            return Ok(());
        }
        let first = self.ranges.partition_point(|member| member.end < range.start);
        let joined = self.ranges[first..]
            .iter()
            .take_while(|member| member.start <= range.end)
            .count();
        let Some(last) = joined.checked_sub(1) else {
            return self.ranges.insert(first, range).map_err(|_| Full);
        };
        let (low, high) = (self.ranges[first], self.ranges[first + last]);
        self.ranges[first] = PhysRange {
            start: low.start.min(range.start),
            end: high.end.max(range.end),
        };
        self.ranges.drain(first + 1..first + joined);
        Ok(())
    }

    /// Takes every byte of `range` out of the set.
    ///
    /// # Errors
    ///
    /// [`Full`], and an unchanged set, when that would cut a range in two and there is no room for the second.
    pub fn remove(&mut self, range: PhysRange) -> Result<(), Full> {
        if range.is_empty() {
            return Ok(());
        }
        let first = self.ranges.partition_point(|member| member.end <= range.start);
        let Some(&cut) = self.ranges.get(first) else {
            return Ok(());
        };
        if cut.start < range.start && range.end < cut.end {
            self.ranges
                .insert(
                    first + 1,
                    PhysRange {
                        start: range.end,
                        end: cut.end,
                    },
                )
                .map_err(|_| Full)?;
            self.ranges[first].end = range.start;
            return Ok(());
        }
        for member in &mut self.ranges[first..] {
            if member.start >= range.end {
                break;
            } else if member.start < range.start {
                member.end = range.start;
            } else if range.end < member.end {
                member.start = range.end;
            } else {
                member.end = member.start;
            }
        }
        self.ranges.retain(|member| !member.is_empty());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::vec::Vec;

    fn set(ranges: &[(u64, u64)]) -> RangeSet {
        let mut set = RangeSet::new();
        for &(start, end) in ranges {
            set.add(PhysRange::new(start, end)).unwrap();
        }
        set
    }

    fn pairs(set: &RangeSet) -> Vec<(u64, u64)> {
        set.iter()
            .map(|range| (range.start.get(), range.end.get()))
            .collect()
    }

    #[test]
    fn touching_ranges_become_one() {
        assert_eq!(pairs(&set(&[(0, 2), (4, 6), (2, 4)])), [(0, 6)]);
        assert_eq!(pairs(&set(&[(8, 9), (0, 2), (4, 6)])), [(0, 2), (4, 6), (8, 9)]);
    }

    #[test]
    fn a_hole_splits() {
        let mut set = set(&[(0, 10)]);
        set.remove(PhysRange::new(3, 5)).unwrap();
        assert_eq!(pairs(&set), [(0, 3), (5, 10)]);
        assert_eq!(set.bytes(), 8);
    }

    #[test]
    fn a_full_set_says_so_and_stays_as_it_was() {
        let mut set = RangeSet::new();
        for i in 0..CAPACITY as u64 {
            set.add(PhysRange::new(i * 10, i * 10 + 5)).unwrap();
        }
        let before = pairs(&set);
        assert_eq!(set.add(PhysRange::new(1000, 1001)), Err(Full));
        assert_eq!(set.remove(PhysRange::new(1, 2)), Err(Full));
        assert_eq!(pairs(&set), before);
        set.add(PhysRange::new(5, 10)).unwrap();
        assert_eq!(set.iter().count(), CAPACITY - 1);
    }

    #[test]
    fn what_lies_far_off_is_dropped() {
        let mut near = set(&[(10, 20), (30, 40)]);
        assert!(!near.drop_far(2));
        assert!(near.drop_far(1));
        assert_eq!(pairs(&near), [(10, 20)]);
        let mut far = set(&[(0, 10), (20, 30), (1000, 1010), (2000, 2001)]);
        assert!(far.drop_far(16));
        assert_eq!(pairs(&far), [(0, 10), (20, 30)]);
        assert!(!RangeSet::new().drop_far(1));
    }

    #[test]
    fn widening_and_narrowing_keep_whole_units() {
        let range = PhysRange::new(0x1800, 0x4800);
        assert_eq!(range.widened(0x1000), PhysRange::new(0x1000, 0x5000));
        assert_eq!(range.narrowed(0x1000), PhysRange::new(0x2000, 0x4000));
        assert!(PhysRange::new(0x1800, 0x1900).narrowed(0x1000).is_empty());
    }

    proptest! {
        #[test]
        fn agrees_with_a_set_of_bytes(edits in proptest::collection::vec((any::<bool>(), 0u64..60, 0u64..20), 0..40)) {
            let (mut set, mut model) = (RangeSet::new(), BTreeSet::new());
            for (add, start, len) in edits {
                let range = PhysRange::from_len(start, len).unwrap();
                if add {
                    if set.add(range).is_ok() { model.extend(start..start + len); }
                } else if set.remove(range).is_ok() {
                    model.retain(|byte| !(start..start + len).contains(byte));
                }
            }
            let bytes: Vec<u64> = pairs(&set).into_iter().flat_map(|(start, end)| start..end).collect();
            prop_assert_eq!(bytes, model.into_iter().collect::<Vec<_>>());
            let list = pairs(&set);
            prop_assert!(list.windows(2).all(|pair| pair[0].1 < pair[1].0));
        }
    }
}
