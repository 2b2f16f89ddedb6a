//! `madvise`.

use super::Leaves::{Nothing, Progress};
use super::*;

const DONTNEED: u64 = 4;
const FREE: u64 = 8;
const REMOVE: u64 = 9;
const DONTFORK: u64 = 10;
const HUGEPAGE: u64 = 14;
const NOHUGEPAGE: u64 = 15;
const PAGEOUT: u64 = 21;
const POPULATE_READ: u64 = 22;
const POPULATE_WRITE: u64 = 23;
const COLLAPSE: u64 = 25;
const GUARD_INSTALL: u64 = 102;
const GUARD_REMOVE: u64 = 103;
/// Pages of a block.
const H: u64 = 512;

fn advises(
    least: [u64; 2],
    leaves: Leaves,
    error: Errno,
    prepare: impl Fn() -> World,
    (first, pages): (u64, u64),
    advice: u64,
) {
    let call = |world: &mut World| world.space.madvise(A + first * P, pages * P, advice);
    at_every_request(least, leaves, error, prepare, call);
}

#[test]
fn flags() {
    for advice in [DONTFORK, HUGEPAGE, NOHUGEPAGE, 1, 2, 16, 18] {
        advises([0, 1], Nothing, Errno::EAGAIN, two, (5, 3), advice);
        advises([0, 1], Nothing, Errno::EAGAIN, two, (15, 10), advice);
    }
}

#[test]
fn pages_that_go() {
    for advice in [DONTNEED, FREE, PAGEOUT] {
        advises([0, 0], Nothing, Errno::ENOMEM, two, (5, 30), advice);
    }
    let shared = || {
        let mut world = World::new();
        let object = world.memory(20);
        world
            .map_object(A, 20 * P, RW, SHARED | FIXED, &object, 0)
            .unwrap();
        world
            .map_object(B, 20 * P, RW, SHARED | FIXED, &object, 0)
            .unwrap();
        world.fill(A, 20, 1);
        world.without_spare_nodes()
    };
    advises([0, 0], Nothing, Errno::ENOMEM, shared, (5, 3), REMOVE);
}

#[test]
fn guards() {
    let untouched = || {
        let mut world = World::new();
        world.map(A, 6000, RW);
        world
    };
    for part in [(0, 512), (3, 5000), (511, 2)] {
        advises([0, 0], Nothing, Errno::ENOMEM, || sparse(10), part, GUARD_INSTALL);
        advises([3, 0], Nothing, Errno::ENOMEM, untouched, part, GUARD_INSTALL);
    }
    // Several mappings, each of which needs tables.
    let several = || {
        let mut world = untouched();
        world.space.mprotect(A + 2000 * P, 2000 * P, R).unwrap();
        world
    };
    advises([10, 0], Nothing, Errno::ENOMEM, several, (3, 5900), GUARD_INSTALL);
    let guarded = || {
        let mut world = untouched();
        world.advise(A + 3 * P, 1000, GUARD_INSTALL);
        world
    };
    advises([0, 0], Nothing, Errno::ENOMEM, guarded, (5, 600), GUARD_REMOVE);
}

fn block() -> World {
    let mut world = World::new();
    world.map(A, 2 * H, RW);
    world.advise(A, 2 * H, HUGEPAGE);
    world.fill(A, 2 * H, 1);
    world.without_spare_nodes()
}

#[test]
fn parts_of_blocks() {
    for (advice, error) in [
        (DONTNEED, Errno::ENOMEM),
        (FREE, Errno::ENOMEM),
        (GUARD_INSTALL, Errno::ENOMEM),
        (DONTFORK, Errno::EAGAIN),
    ] {
        advises([0, 0], Nothing, error, block, (5, 700), advice);
    }
}

#[test]
fn collapse() {
    let pages = || {
        let mut world = World::new();
        world.map(A, 3 * H, RW);
        for table in 0..3 {
            world.write(A + (table * H + 3) * P, 1 + table as u8);
        }
        world
    };
    advises([3, 0], Progress, Errno::ENOMEM, pages, (0, 3 * H), COLLAPSE);
}

#[test]
fn populate() {
    for advice in [POPULATE_READ, POPULATE_WRITE] {
        for may_be_huge in [false, true] {
            let prepare = || {
                let mut world = World::new();
                world.map(A, 2 * H, RW);
                world.write(A + 3 * P, 1);
                if may_be_huge {
                    world.advise(A, 2 * H, HUGEPAGE);
                }
                world
            };
            advises([1, 0], Progress, Errno::ENOMEM, prepare, (500, 30), advice);
        }
    }
}
