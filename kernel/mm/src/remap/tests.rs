//! A call that moves several mappings, against one call for each of them.

use crate::fake::FakeMachine;
use crate::fake::tlb::Event;
use crate::machine::Asid;
use crate::space::{AddressSpace, Backing, Layout, Limits, MapRequest};
use crate::vma::Vma;
use crate::{Access, PAGE_SIZE, PageRange, VirtAddr};
use std::vec::Vec;

const P: u64 = PAGE_SIZE;
const FROM: u64 = 0x1000_0000;
const TO: u64 = 0x2000_0000;
/// Pages of each arena.
const ARENA: u64 = 400;
/// `MREMAP_MAYMOVE | MREMAP_FIXED`
const MOVE: u64 = 3;
/// `MOVE | MREMAP_DONTUNMAP`
const KEEP: u64 = 7;

/// Numbers that are random enough (xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 20) % limit
    }
}

struct World {
    machine: FakeMachine,
    space: AddressSpace<FakeMachine>,
}

impl World {
    fn new() -> Self {
        let machine = FakeMachine::new(4096);
        let space = AddressSpace::new(machine.clone(), Asid(1), Limits::default(), Layout::default());
        Self {
            machine,
            space: space.expect("a frame for the top table"),
        }
    }

    fn map(&mut self, addr: u64, pages: u64, prot: u64, more_flags: u64) {
        // MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS
        let flags = 0x32 | more_flags;
        let request = MapRequest {
            addr,
            len: pages * P,
            prot,
            flags,
            backing: Backing::Anonymous,
        };
        self.space.mmap(request).expect("room");
    }

    /// A write, which may be refused.
    fn fault(&mut self, addr: u64) {
        let _ = self.space.fault(addr, Access::Write);
    }

    /// `mprotect` of a page, which may not be mapped.
    fn protect(&mut self, addr: u64, prot: u64) {
        let _ = self.space.mprotect(addr, P, prot);
    }

    fn mappings(&self) -> Vec<Vma> {
        self.in_range(0, 1 << 47)
    }

    fn in_range(&self, start: u64, end: u64) -> Vec<Vma> {
        let range = PageRange::new(VirtAddr::new(start), VirtAddr::new(end)).expect("a range");
        self.space.tree.iter(range).collect()
    }

    /// Whether each page of an arena has a page of memory.
    fn resident(&self, arena: u64) -> Vec<bool> {
        let pages = (0..ARENA).map(|page| VirtAddr::new(arena + page * P));
        let (root, asid) = (self.space.root(), self.space.asid());
        pages
            .map(|page| self.machine.access(root, asid, page, Access::Read).is_ok())
            .collect()
    }

    /// One call for all.
    fn move_at_once(&mut self, old: u64, len: u64, new: u64, flags: u64) -> bool {
        self.space.mremap(old, len, len, flags, new).is_ok()
    }

    /// A call for each mapping, as far as they succeed.
    fn move_one_by_one(&mut self, old: u64, len: u64, new: u64, flags: u64) -> bool {
        let mappings = self.in_range(old, old + len);
        if mappings.first().is_none_or(|first| first.start().get() > old) {
            return false;
        }
        mappings.iter().all(|vma| {
            let (start, end) = (vma.start().get().max(old), vma.end().get().min(old + len));
            self.space
                .mremap(start, end - start, end - start, flags, new + (start - old))
                .is_ok()
        })
    }
}

/// Some change to an arena, the same for the same numbers.
fn disturb(world: &mut World, random: &mut Random) {
    let arena = if random.below(4) == 0 { TO } else { FROM };
    let (page, pages) = (random.below(ARENA - 4), 1 + random.below(4));
    let addr = arena + page * P;
    match random.below(8) {
        // MAP_NORESERVE is there to keep neighbours apart.
        0..3 => world.map(addr, pages, 3, if random.below(3) == 0 { 0x4000 } else { 0 }),
        3 => world.map(addr, 1, 1, 0),
        4 => world.space.munmap(addr, pages * P).expect("room"),
        5 => world.protect(addr, 1 + 2 * random.below(2)),
        _ => world.fault(addr),
    }
}

/// Single pages that never merge, all of them faulted or some.
fn stripes(world: &mut World, random: &mut Random) {
    for page in 0..ARENA / 2 {
        world.map(FROM + page * P, 1, 3, if page % 2 == 0 { 0x4000 } else { 0 });
        if random.below(3) != 0 {
            world.fault(FROM + page * P);
        }
    }
}

#[test]
fn moving_all_at_once_is_moving_one_after_another() {
    let rounds = if cfg!(debug_assertions) { 8 } else { 80 };
    for seed in 1..=rounds {
        let (mut once, mut each) = (World::new(), World::new());
        let mut random = Random(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed));
        for _ in 0..12 {
            if random.below(3) == 0 {
                let numbers = random.0;
                stripes(&mut once, &mut Random(numbers));
                stripes(&mut each, &mut random);
            }
            for _ in 0..random.below(40) {
                let numbers = random.0;
                disturb(&mut once, &mut Random(numbers));
                disturb(&mut each, &mut random);
            }
            let (from, to) = if random.below(2) == 0 {
                (FROM, TO)
            } else {
                (TO, FROM)
            };
            let page = random.below(ARENA / 2);
            let pages = 1 + random.below(ARENA - page);
            let target = if random.below(2) == 0 {
                page
            } else {
                random.below(ARENA - pages + 1)
            };
            let (old, new) = (from + page * P, to + target * P);
            let flags = if random.below(4) == 0 { KEEP } else { MOVE };
            if random.below(2) == 0 {
                // Room for it, so that it need not be cleared first.
                for world in [&mut once, &mut each] {
                    world.space.munmap(new, pages * P).expect("room");
                }
            }
            let (a, b) = (
                once.move_at_once(old, pages * P, new, flags),
                each.move_one_by_one(old, pages * P, new, flags),
            );
            assert_eq!(a, b, "seed {seed}");
            assert_eq!(
                once.mappings(),
                each.mappings(),
                "seed {seed}: {old:#x} + {pages} to {new:#x}"
            );
            once.space.tree.check();
            for arena in [FROM, TO] {
                assert_eq!(once.resident(arena), each.resident(arena), "seed {seed}");
            }
        }
    }
}

#[test]
fn many_mappings_move_through_few_nodes() {
    let mut world = World::new();
    let count = 20_000;
    let limits = world.space.limits_mut();
    limits.max_map_count = 1 << 20;
    for page in 0..count {
        world.map(FROM + page * P, 1, 1 + 2 * (page % 2), 0);
    }
    let before = world.space.tree.nodes_visited();
    let target = 0x5000_0000_0000;
    assert!(world.move_at_once(FROM, count * P, target, MOVE));
    let visited = world.space.tree.nodes_visited() - before;
    assert!(visited <= 200, "{visited} nodes");
    assert_eq!(world.in_range(target, target + count * P).len(), count as usize);
    assert!(world.in_range(FROM, FROM + count * P).is_empty());
    world.space.tree.check();
}

/// What is at the target of a move.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Occupants {
    None,
    /// A mapping without pages.
    Reserve,
    /// As many as come, with pages.
    Pages,
}

/// How often a call that moves `count` mappings of a page each flushes.
fn flushes(count: u64, flags: u64, occupants: Occupants, cut: bool) -> usize {
    let mut world = World::new();
    for page in 0..count + 2 {
        world.map(FROM + page * P, 1, 1 + 2 * (page % 2), 0);
        world.fault(FROM + page * P);
    }
    if cut {
        // The first and the last are longer by a page each, which stays.
        for page in [0, count + 1] {
            let inner = if page == 0 { 1 } else { count };
            world.map(FROM + page * P, 1, 1 + 2 * (inner % 2), 0);
        }
    }
    match occupants {
        Occupants::None => {}
        Occupants::Reserve => world.map(TO - P, count + 2, 0, 0x4000),
        Occupants::Pages => {
            for page in 0..count {
                world.map(TO + page * P, 1, 3, 0x4000 * (page % 2));
                world.fault(TO + page * P);
            }
        }
    }
    world.machine.take_log();
    assert!(world.move_at_once(FROM + P, count * P, TO, flags));
    let log = world.machine.take_log();
    log.iter().filter(|event| **event == Event::Dsb).count()
}

#[test]
fn however_many_move_there_is_one_flush() {
    for count in [2, 9, 40, 400, 1500] {
        for flags in [MOVE, KEEP] {
            for cut in [false, true] {
                let flushes = flushes(count, flags, Occupants::None, cut);
                assert_eq!(flushes, 1, "{count} {flags} {cut}");
            }
        }
        for occupants in [Occupants::Reserve, Occupants::Pages] {
            for cut in [false, true] {
                let flushes = flushes(count, MOVE, occupants, cut);
                assert_eq!(flushes, 1, "{count} {occupants:?} {cut}");
            }
        }
    }
}
