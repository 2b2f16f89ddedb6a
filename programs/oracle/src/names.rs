//! The names of flags and values, so that scripts can be read.

use core::fmt;

use rt::linux::general::*;

use crate::places::number;

/// Names with their values.
pub(crate) type Names = [(&'static str, u64)];

/// `PROT_*`.
pub(crate) const PROT: &Names = &[
    ("r", PROT_READ as u64),
    ("w", PROT_WRITE as u64),
    ("x", PROT_EXEC as u64),
    ("none", 0),
];

/// `MAP_*`; what has several bits comes before its parts.
pub(crate) const MAP: &Names = &[
    ("SHARED_VALIDATE", MAP_SHARED_VALIDATE as u64),
    ("SHARED", MAP_SHARED as u64),
    ("PRIVATE", MAP_PRIVATE as u64),
    ("DROPPABLE", MAP_DROPPABLE as u64),
    ("FIXED", MAP_FIXED as u64),
    ("ANONYMOUS", MAP_ANONYMOUS as u64),
    ("GROWSDOWN", MAP_GROWSDOWN as u64),
    ("LOCKED", MAP_LOCKED as u64),
    ("NORESERVE", MAP_NORESERVE as u64),
    ("POPULATE", MAP_POPULATE as u64),
    ("NONBLOCK", MAP_NONBLOCK as u64),
    ("STACK", MAP_STACK as u64),
    ("SYNC", MAP_SYNC as u64),
    ("NOREPLACE", MAP_FIXED_NOREPLACE as u64),
];

/// `MREMAP_*`.
pub(crate) const MREMAP: &Names = &[
    ("MAYMOVE", MREMAP_MAYMOVE as u64),
    ("FIXED", MREMAP_FIXED as u64),
    ("DONTUNMAP", MREMAP_DONTUNMAP as u64),
];

/// `MADV_*`.
pub(crate) const ADVICE: &Names = &[
    ("NORMAL", MADV_NORMAL as u64),
    ("RANDOM", MADV_RANDOM as u64),
    ("SEQUENTIAL", MADV_SEQUENTIAL as u64),
    ("WILLNEED", MADV_WILLNEED as u64),
    ("DONTNEED", MADV_DONTNEED as u64),
    ("FREE", MADV_FREE as u64),
    ("REMOVE", MADV_REMOVE as u64),
    ("DONTFORK", MADV_DONTFORK as u64),
    ("DOFORK", MADV_DOFORK as u64),
    ("MERGEABLE", MADV_MERGEABLE as u64),
    ("UNMERGEABLE", MADV_UNMERGEABLE as u64),
    ("HUGEPAGE", MADV_HUGEPAGE as u64),
    ("NOHUGEPAGE", MADV_NOHUGEPAGE as u64),
    ("DONTDUMP", MADV_DONTDUMP as u64),
    ("DODUMP", MADV_DODUMP as u64),
    ("WIPEONFORK", MADV_WIPEONFORK as u64),
    ("KEEPONFORK", MADV_KEEPONFORK as u64),
    ("COLD", MADV_COLD as u64),
    ("PAGEOUT", MADV_PAGEOUT as u64),
    ("POPULATE_READ", MADV_POPULATE_READ as u64),
    ("POPULATE_WRITE", MADV_POPULATE_WRITE as u64),
    ("DONTNEED_LOCKED", MADV_DONTNEED_LOCKED as u64),
    ("COLLAPSE", MADV_COLLAPSE as u64),
    ("GUARD_INSTALL", MADV_GUARD_INSTALL as u64),
    ("GUARD_REMOVE", MADV_GUARD_REMOVE as u64),
];

/// What is mapped: objects of the script, or no file.
pub(crate) const OBJECT: &Names = &[
    ("object0", 0),
    ("object1", 1),
    ("zero", 2),
    ("closed", 99),
    ("nothing", u64::MAX),
];

/// `MS_*` of `msync`.
pub(crate) const SYNC: &Names = &[
    ("ASYNC", MS_ASYNC as u64),
    ("INVALIDATE", MS_INVALIDATE as u64),
    ("SYNC", MS_SYNC as u64),
];

/// `MLOCK_*` of `mlock2`.
pub(crate) const LOCK: &Names = &[("ONFAULT", MLOCK_ONFAULT as u64)];

/// `MCL_*` of `mlockall`.
pub(crate) const LOCK_ALL: &Names = &[
    ("CURRENT", MCL_CURRENT as u64),
    ("FUTURE", MCL_FUTURE as u64),
    ("ONFAULT", MCL_ONFAULT as u64),
];

/// Resources of `setrlimit`.
pub(crate) const RESOURCE: &Names = &[
    ("DATA", RLIMIT_DATA as u64),
    ("MEMLOCK", RLIMIT_MEMLOCK as u64),
    ("AS", RLIMIT_AS as u64),
];

/// Who a script can become.
pub(crate) const WHO: &Names = &[("root", 0), ("user", 1), ("powerless", 2)];

/// Bits by their names, joined by `|`; what has no name is a number.
pub(crate) struct Bits(pub &'static Names, pub u64);

impl fmt::Display for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((name, _)) = self.0.iter().find(|(_, value)| *value == self.1) {
            return f.write_str(name);
        }
        let mut rest = self.1;
        let mut separator = "";
        for &(name, bits) in self.0.iter().filter(|(_, bits)| *bits != 0) {
            if rest & bits == bits {
                write!(f, "{separator}{name}")?;
                (rest, separator) = (rest & !bits, "|");
            }
        }
        match rest {
            0 if !separator.is_empty() => Ok(()),
            rest => write!(f, "{separator}{rest:#x}"),
        }
    }
}

impl Bits {
    /// Reads what is displayed.
    pub(crate) fn parse(names: &Names, text: &str) -> Option<u64> {
        let mut bits = 0;
        for part in text.split('|') {
            bits |= value(names, part)?;
        }
        Some(bits)
    }
}

/// One value by its name; what has none is a number.
pub(crate) struct Value(pub &'static Names, pub u64);

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.iter().find(|(_, value)| *value == self.1) {
            Some((name, _)) => f.write_str(name),
            None => write!(f, "{:#x}", self.1),
        }
    }
}

/// Reads a name or a number.
pub(crate) fn value(names: &Names, text: &str) -> Option<u64> {
    match names.iter().find(|(name, _)| *name == text) {
        Some((_, value)) => Some(*value),
        None => number(text),
    }
}
