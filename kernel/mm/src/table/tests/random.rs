//! Random sequences of operations, compared with the model after each.

use super::model::Pair;
use super::*;
use crate::Access;
use crate::machine::MmuFeatures;
use proptest::prelude::*;

const GIB: u64 = 1 << 18;
const BLOCK: u64 = 512;

#[derive(Clone, Debug)]
enum Op {
    Map { page: u64, count: u64, clean: bool },
    Block(u64),
    Group(u64),
    Fork { page: u64, count: u64 },
    Guard { page: u64, count: u64 },
    Unmap { page: u64, count: u64 },
    Protect { page: u64, count: u64, rights: Rights },
    Relocate { from: u64, to: u64, count: u64 },
    Onto(u64, u64, u64, u64),
    Access { page: u64, write: bool },
}

/// Pages around the borders of entries of every level, close enough to meet each other.
fn page() -> impl Strategy<Value = u64> {
    let border = prop_oneof![
        Just(4 * BLOCK),
        Just(GIB),
        Just(3 * GIB),
        Just(512 * GIB),
        Just(513 * GIB),
        Just(3 * 512 * GIB)
    ];
    let offset = prop_oneof![
        0..3 * BLOCK,
        Just(BLOCK),
        Just(2 * BLOCK),
        (0..40u64).prop_map(|n| n * 16),
        0..20u64
    ];
    (border, any::<bool>(), offset)
        .prop_map(|(border, below, offset)| if below { border - offset } else { border + offset })
}

fn count() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 1..20u64,
        4 => 1..3 * BLOCK,
        1 => Just(BLOCK),
        1 => Just(2 * BLOCK),
        1 => Just(GIB),
        1 => GIB..2 * GIB,
        1 => Just(512 * GIB),
        1 => 512 * GIB..1024 * GIB
    ]
}

fn relocation() -> impl Strategy<Value = Op> {
    let shift = prop_oneof![
        Just(1u64),
        Just(16),
        Just(BLOCK),
        Just(GIB),
        Just(512 * GIB),
        1..2 * BLOCK
    ];
    prop_oneof![
        (page(), page(), count()).prop_map(|(from, to, count)| Op::Relocate { from, to, count }),
        (page(), shift, 0..4u64, any::<bool>(), count()).prop_map(|(from, shift, extra, back, count)| {
            // Next to each other, or a multiple of a level's size apart.
            let distance = count.next_multiple_of(shift) + extra * shift;
            let (from, to) = if back {
                (from + distance, from)
            } else {
                (from, from + distance)
            };
            Op::Relocate { from, to, count }
        }),
    ]
}

/// A relocation onto what is there, of which more goes than comes.
fn onto((relocation, more): (Op, u64)) -> Op {
    match relocation {
        Op::Relocate { from, to, count } => Op::Onto(from, to, count, more),
        other => other,
    }
}

fn op() -> impl Strategy<Value = Op> {
    let rights = prop_oneof![
        Just(Rights::empty()),
        Just(Rights::READ),
        Just(Rights::READ | Rights::WRITE),
        Just(Rights::READ | Rights::EXECUTE)
    ];
    prop_oneof![
        4 => (page(), 1..700u64, any::<bool>()).prop_map(|(page, count, clean)| Op::Map { page, count, clean }),
        2 => page().prop_map(Op::Block),
        2 => page().prop_map(Op::Group),
        1 => (page(), count()).prop_map(|(page, count)| Op::Fork { page, count }),
        1 => (page(), 1..1200u64).prop_map(|(page, count)| Op::Guard { page, count }),
        1 => (page(), count()).prop_map(|(page, count)| Op::Unmap { page, count }),
        2 => (page(), count(), rights).prop_map(|(page, count, rights)| Op::Protect { page, count, rights }),
        5 => relocation(),
        5 => (relocation(), prop_oneof![2 => Just(0), 1 => 0..600u64]).prop_map(onto),
        2 => (page(), any::<bool>()).prop_map(|(page, write)| Op::Access { page, write }),
    ]
}

fn features() -> impl Strategy<Value = MmuFeatures> {
    any::<u32>().prop_map(MmuFeatures::from_bits_truncate)
}

fn run(pair: &mut Pair, op: Op) {
    match op {
        Op::Map { page, count, clean } => {
            let attributes = if clean { RW.clean().not_accessed() } else { RW };
            (page..page + count).for_each(|page| pair.map(page, attributes));
        }
        Op::Block(page) => pair.map_block(page, RW),
        Op::Group(page) => pair.map_group(page, RW.clean().not_accessed()),
        Op::Fork { page, count } => pair.fork(pages(page, count)),
        Op::Guard { page, count } => pair.guard(pages(page, count)),
        Op::Unmap { page, count } => pair.unmap(pages(page, count)),
        Op::Protect { page, count, rights } => pair.protect(pages(page, count), rights),
        Op::Relocate { from, to, count } => pair.relocate(pages(from, count), pages(to, count)),
        Op::Onto(from, to, count, more) => pair.relocate_onto(pages(from, count), pages(to, count + more)),
        Op::Access { page, write } => pair.access(page, if write { Access::Write } else { Access::Read }),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn tables_are_what_the_model_says(ops in prop::collection::vec(op(), 1..24), features in features(), fail in prop::option::of(0..40u64)) {
        let mut pair = Pair::new(16 * 1024, features);
        for op in ops {
            // All mapped pages are in the TLB before, so that a flush that is missing shows after.
            let mapped: std::vec::Vec<u64> = pair.model.keys().copied().step_by(7).collect();
            mapped.iter().for_each(|page| pair.access(*page, Access::Read));
            let addresses: std::vec::Vec<_> = mapped.iter().map(|page| VirtAddr::new(page * PAGE_SIZE)).collect();
            pair.machine.speculate(pair.tables.root(), pair.tables.asid(), &addresses);
            if let Some(fail) = fail {
                pair.machine.fail_after(fail);
            }
            run(&mut pair, op);
            pair.machine.never_fail();
            let stored = pair.machine.stop_speculation();
            pair.stored(&stored);
            mapped.iter().for_each(|page| pair.access(*page, Access::Read));
            pair.check();
        }
        pair.finish();
    }
}
