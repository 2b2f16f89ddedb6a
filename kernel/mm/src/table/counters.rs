//! What the table code did, in the units that cost something on silicon: instructions alone do not tell (a TLBI, a DSB or
//! an atomic counts as one).

use super::level::Level;
use core::ops::Sub;

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// Counts since the tables were made, or the difference of two such.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
        pub struct Counters {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Sub for Counters {
            type Output = Counters;
            fn sub(self, earlier: Counters) -> Counters {
                Counters { $($name: self.$name - earlier.$name,)* }
            }
        }

        impl Counters {
            /// Names and values, in the order in which they are declared: for reports.
            pub fn entries(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name),)*].into_iter()
            }
        }
    };
}

counters! {
    /// Descriptors read, those found absent included.
    read,
    /// Descriptors written, those made absent included.
    written,
    /// Table pages put to use.
    tables_taken,
    /// Table pages no longer used.
    tables_given,
    /// TLBI by address.
    tlbi_page,
    /// TLBI by range.
    tlbi_range,
    /// TLBI of the whole address space.
    tlbi_asid,
    /// DSB of either kind.
    dsb,
    /// ISB.
    isb,
    /// Entries of 512 GiB that moved by relocation, as they were: with all that is below them.
    moved_pgd,
    /// The same, of 1 GiB.
    moved_pud,
    /// The same, of 2 MiB.
    moved_pmd,
    /// Entries of single pages that moved.
    moved_pte,
}

impl Counters {
    /// Counts entries of a level that moved.
    pub(super) fn moved(&mut self, level: Level, count: usize) {
        let counter = match level {
            Level::Pgd => &mut self.moved_pgd,
            Level::Pud => &mut self.moved_pud,
            Level::Pmd => &mut self.moved_pmd,
            Level::Pte => &mut self.moved_pte,
        };
        *counter += count as u64;
    }
}
