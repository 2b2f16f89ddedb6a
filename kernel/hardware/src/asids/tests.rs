use super::*;
use std::collections::BTreeMap;
use std::vec::Vec;

/// Cores whose TLBs remember every program that ran there under an identifier, until they are flushed.
struct Machine<const CORES: usize> {
    asids: Asids<CORES>,
    contexts: Vec<Context>,
    /// For each core, whose entries its TLB holds under each identifier.
    tlbs: [BTreeMap<u16, usize>; CORES],
    running: [Option<usize>; CORES],
    flushes: usize,
}

impl<const CORES: usize> Machine<CORES> {
    fn new(bits: u8, programs: usize) -> Self {
        let mut asids = Asids::new();
        asids.set_bits(bits);
        Self {
            asids,
            contexts: std::vec![Context::NONE; programs],
            tlbs: [const { BTreeMap::new() }; CORES],
            running: [None; CORES],
            flushes: 0,
        }
    }

    fn run(&mut self, core: usize, program: usize) {
        let Activation { context, flush } = self.asids.activate(core, self.contexts[program]);
        if flush {
            self.tlbs[core].clear();
            self.flushes += 1;
            // What ran there until now may be walked for at any moment before the tables change.
            self.walk(core);
        }
        self.contexts[program] = context;
        self.running[core] = Some(program);
        (0..CORES).for_each(|core| self.walk(core));
    }

    /// The core's TLB learns of the program that runs, and must not hold another's entries under its identifier.
    fn walk(&mut self, core: usize) {
        let Some(program) = self.running[core] else { return };
        let asid = self.contexts[program].asid();
        assert_ne!(asid, 0);
        let holder = *self.tlbs[core].entry(asid).or_insert(program);
        assert_eq!(holder, program, "identifier {asid} on core {core}");
    }
}

fn random(state: &mut u64, below: usize) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state % below as u64) as usize
}

#[test]
fn few_programs_keep_their_identifiers_and_nothing_is_flushed() {
    let mut machine = Machine::<1>::new(8, 255);
    for round in 0..3 {
        let before = machine.contexts.clone();
        (0..255).for_each(|program| machine.run(0, program));
        assert!(round == 0 || machine.contexts == before);
    }
    assert_eq!(machine.flushes, 0);
    let mut asids: Vec<u16> = machine.contexts.iter().map(|context| context.asid()).collect();
    asids.sort_unstable();
    assert!(asids.iter().copied().eq(1..256));
}

#[test]
fn the_generation_ends_with_the_last_identifier_and_who_runs_keeps_it() {
    let mut machine = Machine::<2>::new(3, 9);
    (0..7).for_each(|program| machine.run(0, program));
    assert_eq!(machine.flushes, 0);
    let kept = machine.contexts[6].asid();
    machine.run(1, 7);
    assert_eq!(
        machine.flushes, 1,
        "the other core is flushed when it is next used"
    );
    machine.run(1, 6);
    assert_eq!((machine.contexts[6].asid(), machine.flushes), (kept, 1));
    machine.run(0, 0);
    assert_eq!(machine.flushes, 2);
}

#[test]
fn no_two_programs_share_an_identifier_in_any_tlb() {
    let mut state = 0x1234_5678_9abc_def1;
    let mut machine = Machine::<3>::new(3, 20);
    for _ in 0..20_000 {
        let (core, program) = (random(&mut state, 3), random(&mut state, 20));
        // A program runs on any number of cores at once: it may have threads.
        if random(&mut state, 8) == 0 {
            machine.asids.retire(core);
            machine.running[core] = None;
        } else {
            machine.run(core, program);
        }
    }
    assert!(machine.flushes > 1000);
}

#[test]
fn sixteen_bits_are_used_up_before_anything_is_flushed() {
    let mut machine = Machine::<1>::new(16, 65_536);
    (0..65_535).for_each(|program| machine.run(0, program));
    assert_eq!(machine.flushes, 0);
    machine.run(0, 65_535);
    assert_eq!(machine.flushes, 1);
}
