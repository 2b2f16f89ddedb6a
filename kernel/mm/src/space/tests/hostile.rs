//! Calls with arguments that nobody in his right mind would make: an answer is all that is asked for.

use super::model::Random;
use super::*;

/// Numbers at which something could wrap, end, or begin.
fn odd_number(random: &mut Random) -> u64 {
    let base = random.one_of(&[
        0,
        A,
        B,
        0x8000,
        TOP,
        TASK_SIZE,
        1 << 47,
        1 << 55,
        1 << 56,
        0xab << 56 | A,
        0xffff_0000_0000_0000,
        i64::MAX as u64,
        u64::MAX,
    ]);
    let distance = random.one_of(&[0, 1, P - 1, P, 2 * P, 64 * P, 2 << 20, 1 << 30]);
    let number = if random.below(2) == 0 {
        base.wrapping_add(distance)
    } else {
        base.wrapping_sub(distance)
    };
    if random.below(3) == 0 {
        number
    } else {
        number & !(P - 1)
    }
}

fn one_call(world: &mut World, object: &Object<FakeMachine>, random: &mut Random) {
    let [a, b, c, d, e] = core::array::from_fn(|_| odd_number(random));
    let small = random.below(16) * P;
    let len = random.one_of(&[b, small, small, small]);
    let flags = random.one_of(&[
        d,
        PRIVATE | ANON,
        SHARED | ANON,
        PRIVATE | ANON | FIXED,
        SHARED | ANON | FIXED,
    ]);
    // What is brought in at once is kept small, for the test's sake.
    let flags = flags & !(POPULATE | LOCKED);
    match random.below(14) {
        0 | 1 => drop(world.mmap(a, len, c, flags)),
        2 => drop(world.map_object(a, len, c, flags & !ANON, object, e & !(P - 1))),
        3 => drop(world.space.munmap(a, len)),
        4 => drop(world.space.mprotect(a, len, random.one_of(&[c, R, RW, NONE]))),
        5 => drop(world.space.madvise(a, len, random.below(30))),
        6 => drop(world.mremap(a, len, random.one_of(&[c, small]), random.below(9), e)),
        7 => drop(world.mremap(a, small, random.below(16) * P, random.below(8), e)),
        8 => drop(world.space.brk(a)),
        9 => drop(world.space.mlock(a, len, random.one_of(&[1, 1, 2]))),
        10 => drop(world.space.munlock(a, len)),
        11 => drop(world.space.msync(a, len, random.below(9))),
        12 => drop(
            world
                .space
                .remap_file_pages(a, len, random.one_of(&[0, 0, 0, c]), e, d),
        ),
        13 if random.below(8) == 0 => drop(world.space.mseal(a, len, random.below(16) / 15)),
        13 => match random.below(6) {
            0 => world.space.munlockall(),
            1 => drop(world.space.mlock(a, small, 0)),
            // Kinds of locks that bring nothing in.
            _ => drop(world.space.mlockall(random.below(16) | 4)),
        },
        _ => {
            let pages = world.space.mincore_pages(a, len);
            if pages.is_ok_and(|pages| pages <= 64) {
                let _ = world.space.mincore(a, &mut [0; 64]);
            }
            for access in [Access::Read, Access::Write, Access::Execute] {
                let _ = world.space.fault(a, access);
            }
        }
    }
}

#[test]
fn any_number_is_an_argument() {
    for seed in 1..=12 {
        let mut random = Random::new(seed);
        let mut world = World::new();
        let object = world.memory(100);
        world.space.layout_mut().brk_start = A + (64 << 20);
        for _ in 0..1500 {
            one_call(&mut world, &object, &mut random);
            let usage = world.space.usage();
            let pages: u64 = world.space.mappings().map(|mapping| mapping.range.pages()).sum();
            assert_eq!(
                (usage.mappings, usage.total),
                (world.space.mappings().count() as u64, pages)
            );
            assert_eq!(usage.locked, world.locked_pages());
        }
        drop(object);
    }
}
