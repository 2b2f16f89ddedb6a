//! `mremap`, of every kind.

use super::Leaves::Nothing;
use super::*;

const HUGEPAGE: u64 = 14;
/// Pages of a block.
const H: u64 = 512;

fn moves(
    least: [u64; 2],
    prepare: impl Fn() -> World,
    (old, old_pages): (u64, u64),
    new_pages: u64,
    flags: u64,
    new: u64,
) {
    let call = |world: &mut World| {
        world
            .mremap(old, old_pages * P, new_pages * P, flags, new)
            .map(drop)
    };
    at_every_request(least, Nothing, Errno::ENOMEM, prepare, call);
}

#[test]
fn of_one_mapping() {
    for target in [B, B + P, B + 511 * P, (1 << 40) + 3 * P] {
        for flags in [TO, TO | DONTUNMAP] {
            moves([0, 0], || sparse(40), (A, 40 * H), 40 * H, flags, target);
        }
    }
    moves([5, 0], || sparse(40), (A, 40 * H), 40 * H, TO, (1 << 40) + 3 * P);
}

#[test]
fn of_a_part_of_one() {
    for pages in [3, 10] {
        for flags in [TO, TO | DONTUNMAP, MAYMOVE | DONTUNMAP] {
            moves([0, 1], two, (A + 5 * P, pages), pages, flags, B + 3 * P);
        }
    }
}

#[test]
fn that_grow_by_moving() {
    moves(
        [1, 0],
        || sparse(40),
        (A + P, 40 * H - 1),
        40 * H + 1,
        TO,
        (1 << 41) + 2 * P,
    );
    moves([0, 1], two, (A + 3 * P, 5), 9, MAYMOVE, 0);
    moves([0, 1], two, (A, 20), 25, MAYMOVE, 0);
}

#[test]
fn that_grow_in_place_or_shrink() {
    moves([0, 0], two, (A + 20 * P, 20), 25, 0, 0);
    moves([0, 0], two, (A + 30 * P, 10), 25, MAYMOVE, 0);
    moves([0, 0], two, (A, 20), 7, 0, 0);
    moves([0, 1], two, (A + 2 * P, 10), 5, 0, 0);
    moves([0, 1], two, (A + 2 * P, 30), 5, 0, 0);
    moves([0, 1], two, (A + 2 * P, 10), 5, TO, B);
}

#[test]
fn of_several_mappings() {
    for shift in [0, 1, 512] {
        moves([0, 0], || striped(300), (A, 300), 300, TO, B + shift * P);
        moves(
            [0, 1],
            || striped(300),
            (A, 300),
            300,
            TO | DONTUNMAP,
            B + shift * P,
        );
    }
    let halves = || two();
    moves([0, 1], halves, (A + 10 * P, 20), 20, TO, B + 7 * P);
    moves([0, 1], halves, (A + 10 * P, 20), 20, TO | DONTUNMAP, B + 7 * P);
}

/// Slices with holes between them.
fn slices() -> World {
    let mut world = sparse(40);
    for slice in 0..20 {
        world.space.mprotect(A + slice * 2 * H * P, H * P, R).unwrap();
    }
    world.space.munmap(A + 100 * P, 3 * P).unwrap();
    world
}

#[test]
fn of_several_mappings_onto_others() {
    let prepare = || {
        let mut world = slices();
        world.map(B + 0x4000_0000 + 50 * P, 700, RW);
        world.write(B + 0x4000_0000 + 103 * P, 77);
        world.without_spare_nodes()
    };
    for shift in [0, 1, 100] {
        let target = B + 0x4000_0000 + shift * P;
        moves([0, 1], prepare, (A, 40 * H), 40 * H, TO, target);
    }
}

#[test]
fn of_several_mappings_of_which_one_refuses() {
    let prepare = || {
        let mut world = slices();
        assert_eq!(world.space.mseal(A + 20 * H * P, P, 0), Ok(()));
        world.without_spare_nodes()
    };
    for shift in [0, 1] {
        // Those before it are moved.
        let call = |world: &mut World| {
            let moved = world.mremap(A, 40 * H * P, 40 * H * P, TO, (1 << 40) + shift * P);
            // A second try finds nothing at the start.
            match moved {
                Err(Errno::EPERM | Errno::EFAULT) => Ok(()),
                other => other.map(drop),
            }
        };
        at_every_request([1, 1], Nothing, Errno::ENOMEM, prepare, call);
    }
}

#[test]
fn of_shared_memory() {
    let prepare = || {
        let mut world = World::new();
        let object = world.memory(2000);
        world
            .map_object(A, 2000 * P, RW, SHARED | FIXED, &object, 0)
            .unwrap();
        for page in (0..2000).step_by(100) {
            world.write(A + page * P, 1);
        }
        world.without_spare_nodes()
    };
    for (new, flags) in [(0, MAYMOVE), (B, TO)] {
        moves([0, 1], prepare, (A + 10 * P, 0), 100, flags, new);
    }
    for flags in [TO, TO | DONTUNMAP] {
        moves(
            [0, 1],
            prepare,
            (A + 10 * P, 1500),
            1500,
            flags,
            (1 << 40) + 5 * P,
        );
    }
}

#[test]
fn of_blocks() {
    let prepare = || {
        let mut world = World::new();
        world.map(A, 3 * H, RW);
        world.advise(A, 3 * H, HUGEPAGE);
        for block in 0..3 {
            world.write(A + (block * H + 5) * P, block as u8 + 1);
        }
        world.without_spare_nodes()
    };
    for (first, pages, target) in [
        (0, 3 * H, B),
        (0, 3 * H, B + P),
        (7, 2 * H, B + 7 * P),
        (7, 2 * H, (1 << 40) + 9 * P),
        (H + 5, 1, B),
    ] {
        for flags in [TO, TO | DONTUNMAP] {
            moves([0, 0], prepare, (A + first * P, pages), pages, flags, target);
        }
    }
}

#[test]
fn of_locked_memory() {
    let prepare = || {
        let mut world = two();
        assert_eq!(world.space.mlock(A, 20 * P, 0), Ok(()));
        world.without_spare_nodes()
    };
    moves([0, 1], prepare, (A, 20), 30, MAYMOVE, 0);
    moves([0, 1], prepare, (A + 5 * P, 5), 5, TO | DONTUNMAP, B);
    moves([0, 0], prepare, (A, 20), 20, TO, B);
}
