//! By which page-table entries memory moves: counted by the kernel, or computed from the addresses.

use core::fmt;
use core::ops::Sub;

use rt::PAGE;
use rt::file::File;

/// Entries of each level that change their place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entries {
    /// Of 512 GiB.
    pub(crate) pgd: u64,
    /// Of 1 GiB.
    pub(crate) pud: u64,
    /// Of 2 MiB.
    pub(crate) pmd: u64,
    /// Of 4 KiB.
    pub(crate) pte: u64,
}

impl Entries {
    /// What a move has to change at least: whole entries of a level where the two places agree modulo its size, entries
    /// of the level below at the ragged edges and where they don't.
    pub(crate) fn computed(from: usize, to: usize, length: usize) -> Entries {
        let mut entries = Entries::default();
        entries.add(
            from,
            from + length,
            from.abs_diff(to),
            &[512 << 30, 1 << 30, 2 << 20, PAGE],
        );
        entries
    }

    fn add(&mut self, start: usize, end: usize, distance: usize, levels: &[usize]) {
        let [size, below @ ..] = levels else { return };
        let (first, last) = (start.next_multiple_of(*size), end / size * size);
        if !distance.is_multiple_of(*size) || first >= last {
            return self.add(start, end, distance, below);
        }
        let count = ((last - first) / size) as u64;
        match *size {
            PAGE => self.pte += count,
            size if size == 2 << 20 => self.pmd += count,
            size if size == 1 << 30 => self.pud += count,
            _ => self.pgd += count,
        }
        self.add(start, first, distance, below);
        self.add(last, end, distance, below);
    }
}

impl fmt::Display for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (count, level) in [
            (self.pgd, "PGD"),
            (self.pgd, "PGD"),
            (self.pud, "PUD"),
            (self.pmd, "PMD"),
            (self.pte, "PTE"),
        ] {
            if count > 0 {
                write!(f, "{separator}{} {level}", crate::report::Grouped(count))?;
                separator = " + ";
            }
        }
        Ok(())
    }
}

/// Reads the kernel's counts of moved entries, as they stand since the start; `None` on a kernel that keeps none.
pub(crate) fn counted() -> Option<Entries> {
    let file = File::open(c"/proc/inarch/counters").ok()?;
    let mut buffer = [0; 4096];
    let text = core::str::from_utf8(file.read_into(&mut buffer).ok()?).ok()?;
    // A line has a name, the count since the start, and that of the last call.
    let value = |name: &str| {
        let mut words = text
            .lines()
            .map(|line| line.split(' '))
            .find(|words| words.clone().next() == Some(name))?;
        words.nth(1)?.parse().ok()
    };
    Some(Entries {
        pgd: value("moved_pgd")?,
        pud: value("moved_pud")?,
        pmd: value("moved_pmd")?,
        pte: value("moved_pte")?,
    })
}

impl Sub for Entries {
    type Output = Entries;

    fn sub(self, earlier: Entries) -> Entries {
        Entries {
            pgd: self.pgd - earlier.pgd,
            pud: self.pud - earlier.pud,
            pmd: self.pmd - earlier.pmd,
            pte: self.pte - earlier.pte,
        }
    }
}
