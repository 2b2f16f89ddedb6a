//! Running out of memory: every request for a frame and every allocation on the heap fails in turn, of every call, once alone and
//! once with all that follow. The answer is an error and the address space is as it was, or the call did without; in either case
//! the same call then works, and leaves what it leaves where memory is plenty.

mod advice;
mod faults;
mod forks;
mod locks;
mod maps;
mod moves;
mod without;

use super::*;
use crate::PageRange;
use crate::fake::{Failures, heap};
use crate::space::Usage;
use crate::table::{Leaf, Level};
use crate::vma::{Prot, Vma, VmaFlags};
use std::collections::BTreeMap;

/// What may be left behind by a call that failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Leaves {
    /// Nothing.
    Nothing,
    /// What was done before, as on Linux: pages were brought in, or blocks made of them, and mappings locked; all contents are there.
    Progress,
}

/// All that can be seen of an address space, and more.
#[derive(PartialEq, Debug)]
struct Snapshot {
    mappings: Vec<Vma>,
    leaves: Vec<(VirtAddr, Level, Leaf)>,
    guards: Vec<PageRange>,
    /// The first byte of each leaf, and how many references its page has.
    pages: Vec<(u8, u64)>,
    usage: Usage,
    heap_end: u64,
    lock_of_new: VmaFlags,
}

/// What a program sees: the mappings, and where it reads something other than zero.
#[derive(PartialEq, Debug)]
struct Sight {
    maps: Vec<(PageRange, Prot, VmaFlags)>,
    bytes: BTreeMap<VirtAddr, u8>,
    guards: Vec<PageRange>,
}

impl World {
    fn snapshot(&self) -> Snapshot {
        let everything = crate::space::report::everything();
        let leaves: Vec<_> = self.space.tables.leaves(everything).collect();
        let page = |&(_, _, leaf): &(VirtAddr, Level, Leaf)| {
            let references = crate::page::references(&self.machine, leaf.address);
            (self.machine.read_byte(leaf.address), references)
        };
        Snapshot {
            mappings: self.space.tree.iter(everything).collect(),
            pages: leaves.iter().map(page).collect(),
            leaves,
            guards: self.guards(),
            usage: self.space.usage(),
            heap_end: self.space.heap_end,
            lock_of_new: self.space.lock_of_new,
        }
    }

    fn guards(&self) -> Vec<PageRange> {
        let mut guards = Vec::new();
        let mut rest = crate::space::report::everything();
        while let Some(found) = self.space.tables.first_guards(rest) {
            guards.push(found);
            rest = PageRange::between(found.end(), rest.end());
        }
        guards
    }

    fn sight(&self) -> Sight {
        let everything = crate::space::report::everything();
        let mut bytes = BTreeMap::new();
        for (start, level, leaf) in self.space.tables.leaves(everything) {
            for offset in (0..level.size()).step_by(P as usize) {
                let byte = self.machine.read_byte(leaf.address + offset);
                if byte != 0 {
                    bytes.insert(start + offset, byte);
                }
            }
        }
        let mappings = self.space.tree.iter(everything);
        Sight {
            maps: mappings.map(|vma| (vma.range, vma.prot, vma.flags)).collect(),
            bytes,
            guards: self.guards(),
        }
    }

    /// Leaves the tree no node but those in use, so that the next mapping needs the heap.
    fn without_spare_nodes(mut self) -> Self {
        self.space.tree.lose_spare_nodes();
        self
    }
}

/// What runs out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Memory {
    Frames,
    Heap,
}

/// Makes a call while some requests fail; answers also how many there were, of frames and on the heap.
fn with_failures<R>(
    world: &mut World,
    memory: Memory,
    failures: Failures,
    call: impl FnOnce(&mut World) -> R,
) -> (R, [u64; 2]) {
    let machine = world.machine.clone();
    let takes = machine.takes();
    let of = |this| if memory == this { failures } else { Failures::None };
    machine.fail(of(Memory::Frames));
    heap::fail(of(Memory::Heap));
    let result = call(world);
    let allocations = heap::allocations();
    heap::fail(Failures::None);
    machine.never_fail();
    (result, [machine.takes() - takes, allocations])
}

/// Makes `call` in worlds made by `prepare`, with each request for memory failing in turn. It asks for frames and on the heap at least
/// as often as `least` says, answers `error` or does without, and leaves behind what `leaves` says.
fn at_every_request<E: PartialEq + std::fmt::Debug>(
    least: [u64; 2],
    leaves: Leaves,
    error: E,
    prepare: impl Fn() -> World,
    call: impl Fn(&mut World) -> Result<(), E>,
) {
    let mut world = prepare();
    let (result, requests) = with_failures(&mut world, Memory::Heap, Failures::None, &call);
    assert_eq!(result, Ok(()), "where memory is plenty");
    assert!(
        requests[0] >= least[0] && requests[1] >= least[1],
        "{requests:?} requests, not {least:?}"
    );
    let wanted = world.sight();
    for (memory, count) in [(Memory::Frames, requests[0]), (Memory::Heap, requests[1])] {
        for number in 0..count {
            for failures in [Failures::From(number), Failures::Once(number)] {
                let mut world = prepare();
                let before = (world.snapshot(), world.sight());
                let (result, _) = with_failures(&mut world, memory, failures, &call);
                if let Err(answer) = result {
                    assert_eq!(answer, error, "{memory:?} {failures:?}");
                    if leaves == Leaves::Nothing {
                        assert_eq!(world.snapshot(), before.0, "{memory:?} {failures:?}");
                    } else {
                        assert_eq!(world.sight().bytes, before.1.bytes, "{memory:?} {failures:?}");
                    }
                    assert_eq!(call(&mut world), Ok(()), "again, after {memory:?} {failures:?}");
                }
                assert_eq!(world.sight(), wanted, "{memory:?} {failures:?}");
            }
        }
    }
}

/// Pages in each of `tables` leaf tables, so that moving them takes more tables than an address space has spare.
fn sparse(tables: u64) -> World {
    let mut world = World::new();
    world.map(A, tables * 512, RW);
    for table in 0..tables {
        world.write(A + (table * 512 + 7) * P, table as u8 + 1);
    }
    world
}

/// `count` mappings of a page each from `A` on, alternately `rw-` and `r--`, every fifth with a page; no node to spare.
fn striped(count: u64) -> World {
    let mut world = World::new();
    for page in 0..count {
        world.map(A + page * P, 1, if page % 2 == 0 { RW } else { R });
        if page % 10 == 0 {
            world.write(A + page * P, page as u8 + 1);
        }
    }
    world.without_spare_nodes()
}

/// Two mappings with some pages, and no node to spare.
fn two() -> World {
    let mut world = World::new();
    world.map(A, 20, RW);
    world.fill(A, 20, 1);
    world.map(A + 20 * P, 20, R);
    world.without_spare_nodes()
}
