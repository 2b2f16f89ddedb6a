//! Entries that are detached and set many at once, because the hardware has nothing left to note in them, and those among them in
//! which it has.

use super::model::Pair;
use super::*;
use crate::Access;
use crate::machine::MmuFeatures;
use std::vec::Vec;

const READ: Attributes = Attributes::user(Rights::READ);
const NONE: Attributes = Attributes::user(Rights::empty());
/// The hardware would note a store, an access, and both.
const UNSETTLED: [Attributes; 3] = [RW.clean(), RW.not_accessed(), RW.clean().not_accessed()];

/// Moves pages of these attributes, in a table in which others are, to another place in the table or in another that is there, and back,
/// while the hardware walks and stores come at the worst of moments. `known` says that the TLB knows most of the pages before.
fn move_while_walked(attributes: &[Attributes], features: MmuFeatures, away: u64, known: bool) {
    let mut pair = Pair::new(512, features);
    let count = attributes.len() as u64;
    (0..)
        .zip(attributes)
        .for_each(|(page, attributes)| pair.map(512 + page, *attributes));
    [700, 512 + away - 1]
        .into_iter()
        .for_each(|page| pair.map(page, RW));
    let source = pages(512, count);
    let target = pages(512 + away, count);
    for (source, target) in [(source, target), (target, source)] {
        let first = source.start().get() / PAGE_SIZE;
        let accessed = (first..first + count).filter(|page| known && page % 3 != 0);
        accessed.for_each(|page| pair.access(page, Access::Read));
        let addresses: Vec<_> = (first..first + count)
            .map(|page| VirtAddr::new(page * PAGE_SIZE))
            .collect();
        pair.machine
            .speculate(pair.tables.root(), pair.tables.asid(), &addresses);
        pair.relocate(source, target);
        let stored = pair.machine.stop_speculation();
        pair.stored(&stored);
        let first = target.start().get() / PAGE_SIZE;
        (first..first + count).for_each(|page| pair.access(page, Access::Read));
        pair.check();
    }
    pair.finish();
}

#[test]
fn nothing_that_the_hardware_notes_is_lost_wherever_it_lies() {
    let features = [
        MmuFeatures::all() - MmuFeatures::REPEAT_FLUSH,
        MmuFeatures::HARDWARE_ACCESS,
        MmuFeatures::empty(),
    ];
    for (features, odd) in features
        .into_iter()
        .flat_map(|features| UNSETTLED.map(|odd| (features, odd)))
    {
        for place in [0, 1, 7, 8, 12, 15, 16, 30, 36] {
            let mut attributes = [RW; 37];
            attributes[place] = odd;
            move_while_walked(&attributes, features, 50, true);
            attributes[place..].fill(odd);
            move_while_walked(&attributes, features, 4096, false);
            move_while_walked(&attributes, features, 50, true);
        }
    }
}

#[test]
fn entries_of_several_kinds_stay_what_they_are() {
    let kinds = [
        RW,
        READ,
        NONE,
        READ.copied_on_write(),
        RW.copied_on_write(),
        RW.clean(),
    ];
    for (one, other) in kinds.into_iter().flat_map(|one| kinds.map(|other| (one, other))) {
        for count in [8, 16, 17, 23] {
            let mut attributes = Vec::from([one; 40]);
            attributes[count..].fill(other);
            attributes.truncate(2 * count);
            move_while_walked(
                &attributes,
                MmuFeatures::all() - MmuFeatures::REPEAT_FLUSH,
                60,
                true,
            );
        }
    }
}
