//! Taking pages of data out of a range, and giving up the references that their entries hold.

use super::PageTables;
use super::attributes::Attributes;
use super::descriptor::{Descriptor, Leaf};
use super::level::Level;
use super::page::Word;
use super::unmap::Sink;
use crate::machine::Machine;
use crate::page::{self, Releases};
use crate::{PageRange, VirtAddr};

impl<M: Machine> PageTables<M> {
    /// Takes out everything in `range`, as [`Self::unmap`] does, and gives up the reference to each page.
    pub(crate) fn release(&mut self, range: PageRange) {
        let machine = self.machine.clone();
        self.unmap_to(range, &mut Released::new(&machine));
    }

    /// Moves `source` to the start of `target` as [`Self::relocate_onto`] does, and gives up the reference to each page that was in
    /// `target`.
    pub(crate) fn replace(&mut self, source: PageRange, target: PageRange) {
        let machine = self.machine.clone();
        self.relocate_onto_to(source, target, &mut Released::new(&machine));
    }
}

/// A sink that gives up references.
struct Released<'m, M: Machine> {
    machine: &'m M,
    /// Of pages that did not go with many others.
    others: Option<Releases<'m, M>>,
}

impl<'m, M: Machine> Released<'m, M> {
    const fn new(machine: &'m M) -> Self {
        Self {
            machine,
            others: None,
        }
    }
}

impl<M: Machine> Sink for Released<'_, M> {
    fn take(&mut self, _: VirtAddr, level: Level, leaf: Leaf) {
        match level {
            _ if leaf.attributes.contains(Attributes::ZERO_PAGE) => {}
            Level::Pte => {
                let others = self.others.get_or_insert_with(|| Releases::new(self.machine));
                others.release(leaf.address);
            }
            _ => page::release_block(self.machine, leaf.address),
        }
    }

    #[inline]
    fn take_pages(&mut self, words: &[Word]) -> usize {
        let zeros = words.iter().take_while(|word| word.get().is_zero_page());
        let zeros = zeros.inspect(|word| word.set(Descriptor::ABSENT)).count();
        if zeros > 0 {
            return zeros;
        }
        let page = |word: &Word| word.get().counted_page();
        let given = |word: &Word| word.set(Descriptor::ABSENT);
        page::release_while_sole(self.machine, words, page, given)
    }
}
