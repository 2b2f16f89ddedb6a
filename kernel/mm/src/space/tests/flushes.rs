//! What each call flushes: no more and no less than the architecture demands, which the audit of the fake TLB knows.

use super::model::Random;
use super::*;
use crate::fake::tlb::Event;
use crate::machine::Reach;

/// Pages of a block, and of a leaf table.
const H: u64 = 512;
const DONTNEED: u64 = 4;
const FREE: u64 = 8;
const HUGEPAGE: u64 = 14;
const COLD: u64 = 20;
const COLLAPSE: u64 = 25;
const GUARD_INSTALL: u64 = 102;
const GUARD_REMOVE: u64 = 103;
/// All that changes pages or what may be done with them.
const ADVICE: [u64; 10] = [
    DONTNEED,
    FREE,
    9,
    HUGEPAGE,
    COLD,
    21,
    24,
    COLLAPSE,
    GUARD_INSTALL,
    GUARD_REMOVE,
];

/// The kinds of MMU: with and without range instructions, hardware access and dirty state, and the A76's erratum.
fn machines() -> impl Iterator<Item = MmuFeatures> {
    (0..=MmuFeatures::all().bits()).map(MmuFeatures::from_bits_truncate)
}

/// A page of one of two arenas of three leaf tables each.
fn page(random: &mut Random) -> u64 {
    let arena = random.one_of(&[A, B]);
    let border = random.one_of(&[0, 0, H, H, 2 * H]);
    arena + (border + random.below(24)) * P
}

fn count(random: &mut Random) -> u64 {
    match random.below(8) {
        0 => H,
        1 => 2 * H,
        2 => 1 + random.below(600),
        _ => 1 + random.below(12),
    }
}

/// Some call, or some accesses; what it answers is for other tests.
fn step(world: &mut World, random: &mut Random, object: &Object<FakeMachine>) {
    let (addr, pages) = (page(random), count(random));
    let len = pages * P;
    match random.below(16) {
        0 | 1 => drop(world.mmap(
            addr,
            len,
            random.one_of(&[R, RW, RW, NONE]),
            PRIVATE | ANON | FIXED,
        )),
        2 => {
            let kind = random.one_of(&[SHARED, PRIVATE]);
            let _ = world.map_object(addr, len, RW, kind | FIXED, object, random.below(8) * P);
        }
        3 => drop(world.space.munmap(addr, len)),
        4 | 5 => drop(world.space.mprotect(addr, len, random.one_of(&[R, RW, NONE]))),
        6 | 7 => drop(world.space.madvise(addr, len, random.one_of(&ADVICE))),
        8 => fork(world, random),
        9..12 => {
            let flags = random.one_of(&[TO, TO, TO | DONTUNMAP, MAYMOVE, MAYMOVE | DONTUNMAP]);
            let new_len = random.one_of(&[len, len, len, len + 3 * P, P]);
            let _ = world.mremap(addr, len, new_len, flags, page(random));
        }
        _ => touch_some(world, random, addr),
    }
}

fn touch_some(world: &mut World, random: &mut Random, addr: u64) {
    for page in 0..1 + random.below(20) {
        if random.below(4) == 0 {
            let _ = world.try_read(addr + page * P);
        } else {
            let _ = world.try_write(addr + page * P, page as u8);
        }
    }
}

/// A child that lives for a moment.
fn fork(world: &mut World, random: &mut Random) {
    let mut child = world.fork();
    let (ours, childs) = (page(random), page(random));
    touch_some(world, random, ours);
    touch_some(&mut child, random, childs);
}

#[test]
fn none_is_missing_and_none_is_superfluous() {
    for (seed, features) in machines().enumerate() {
        let mut world = World::with_features(features);
        let object = world.memory(64);
        world.objects.push(object.clone());
        let mut random = Random::new(seed as u64 + 1);
        for _ in 0..300 {
            step(&mut world, &mut random, &object);
        }
    }
}

/// What a call makes the machine flush: `L` for leaf entries, `W` for the walk caches as well, `A` for all that there is; a letter for each
/// TLBI, and those of one flush are a word.
fn flushes_of(prepare: impl FnOnce(&mut World), call: impl FnOnce(&mut World)) -> String {
    let mut world = World::new();
    prepare(&mut world);
    world.machine.take_log();
    call(&mut world);
    let letter = |event: &Event| match event {
        Event::Page(_, _, Reach::Leaf) | Event::Range(_, _, _, Reach::Leaf) => Some('L'),
        Event::Page(..) | Event::Range(..) => Some('W'),
        Event::Asid(_) => Some('A'),
        Event::Dsb => Some(' '),
        _ => None,
    };
    let letters: String = world.machine.take_log().iter().filter_map(letter).collect();
    letters.trim_end().into()
}

/// `pages` of memory at `addr`, all written to.
fn written(world: &mut World, addr: u64, pages: u64) {
    world.map(addr, pages, RW);
    world.fill(addr, pages, 1);
}

/// Four pages, written to, in a leaf table with others.
fn four(world: &mut World) {
    written(world, A, 4);
    written(world, A + 9 * P, 1);
}

/// A block of 2 MiB, written to.
fn block(world: &mut World) {
    world.map(A, H, RW);
    world.advise(A, H, HUGEPAGE);
    world.write(A, 1);
    written(world, A + 2 * H * P, 1);
}

fn protect(world: &mut World, pages: u64, prot: u64) {
    world.space.mprotect(A, pages * P, prot).expect("mapped");
}

fn resized(world: &mut World, pages: u64) {
    assert_eq!(world.mremap(A, 4 * P, pages * P, 0, 0), Ok(A));
}

fn moved(world: &mut World, pages: u64, flags: u64, to: u64) {
    assert_eq!(world.mremap(A, pages * P, pages * P, flags, to), Ok(to));
}

#[test]
fn rights_that_change_are_flushed_once() {
    assert_eq!(flushes_of(four, |world| protect(world, 4, R)), "L");
    assert_eq!(flushes_of(four, |world| protect(world, 4, NONE)), "L");
    let read_only = |world: &mut World| {
        four(world);
        protect(world, 4, R);
    };
    assert_eq!(
        flushes_of(read_only, |world| protect(world, 4, RW)),
        "L",
        "a TLB may remember that it may not be written"
    );
    let closed = |world: &mut World| {
        four(world);
        protect(world, 4, NONE);
    };
    assert_eq!(
        flushes_of(closed, |world| protect(world, 4, RW)),
        "",
        "what was not valid is in no TLB"
    );
    assert_eq!(
        flushes_of(|world| world.map(A, 4, RW), |world| protect(world, 4, R)),
        ""
    );
    assert_eq!(flushes_of(block, |world| protect(world, H, R)), "L");
    assert_eq!(
        flushes_of(block, |world| protect(world, 3, R)),
        "L L",
        "the block is split, and its pages change"
    );
}

#[test]
fn what_goes_is_flushed_with_its_tables_where_they_go_too() {
    assert_eq!(
        flushes_of(four, |world| world.space.munmap(A, 4 * P).expect("mapped")),
        "L"
    );
    assert_eq!(
        flushes_of(four, |world| world.space.munmap(A, 16 * P).expect("mapped")),
        "W"
    );
    assert_eq!(
        flushes_of(
            |world| world.map(A, 4, RW),
            |world| world.space.munmap(A, 4 * P).expect("mapped")
        ),
        ""
    );
    assert_eq!(
        flushes_of(block, |world| world.space.munmap(A, H * P).expect("mapped")),
        "L"
    );
    assert_eq!(
        flushes_of(block, |world| world.space.munmap(A, 3 * P).expect("mapped")),
        "L"
    );
    assert_eq!(
        flushes_of(four, |world| world.map(A, 4, RW)),
        "L",
        "mmap takes away what was there"
    );
    assert_eq!(flushes_of(four, |world| resized(world, 2)), "L", "a shrink");
    assert_eq!(
        flushes_of(four, |world| resized(world, 6)),
        "",
        "growth in its place"
    );
    let heap = |world: &mut World| {
        world.space.layout_mut().brk_start = B;
        world.space.brk(B + 9 * P);
        world.fill(B, 9, 1);
    };
    assert_eq!(
        flushes_of(heap, |world| assert_eq!(world.space.brk(B + 3 * P), B + 3 * P)),
        "L"
    );
    assert_eq!(
        flushes_of(heap, |world| assert_eq!(world.space.brk(B + 12 * P), B + 12 * P)),
        ""
    );
}

#[test]
fn a_move_flushes_once_where_the_pages_were() {
    for flags in [TO, TO | DONTUNMAP] {
        assert_eq!(flushes_of(four, |world| moved(world, 4, flags, B)), "L");
        assert_eq!(
            flushes_of(
                |world| written(world, A, 4),
                |world| moved(world, 4, flags, B + P)
            ),
            "W",
            "the table goes along"
        );
        assert_eq!(
            flushes_of(|world| written(world, A, H), |world| moved(world, H, flags, B)),
            "W"
        );
        assert_eq!(flushes_of(block, |world| moved(world, H, flags, B)), "L");
        assert_eq!(flushes_of(block, |world| moved(world, H, flags, B + P)), "L");
    }
    assert_eq!(
        flushes_of(|world| world.map(A, 4, RW), |world| moved(world, 4, TO, B)),
        ""
    );
    let beside = |world: &mut World| {
        four(world);
        world.map(A + 4 * P, 1, NONE);
    };
    let grow = |world: &mut World| assert!(world.mremap(A, 4 * P, 6 * P, MAYMOVE, 0).is_ok());
    assert_eq!(flushes_of(beside, grow), "L");
}

/// Pages on both sides of the border of the leaf table that begins at `addr + H`.
fn around_border(world: &mut World, addr: u64) {
    written(world, addr + (H - 2) * P, 4);
}

#[test]
fn a_move_onto_others_flushes_them_along() {
    let onto = |source: fn(&mut World), at: u64, occupants: u64| {
        move |world: &mut World| {
            source(world);
            written(world, at, occupants);
        }
    };
    let whole = |world: &mut World| written(world, A, 4);
    let much = |world: &mut World| written(world, A, 2 * H);
    for flags in [TO, TO | DONTUNMAP] {
        let move_to = |pages: u64, to: u64| move |world: &mut World| moved(world, pages, flags, to);
        assert_eq!(flushes_of(onto(four, B, 9), move_to(4, B)), "LL");
        assert_eq!(flushes_of(onto(four, B, 4), move_to(4, B)), "LW");
        assert_eq!(flushes_of(onto(whole, B, 9), move_to(4, B)), "WL");
        assert_eq!(
            flushes_of(onto(whole, B, 4), move_to(4, B)),
            "WW",
            "one table takes the other's place"
        );
        assert_eq!(
            flushes_of(onto(four, A + 16 * P, 4), move_to(4, A + 16 * P)),
            "LL",
            "in the same table"
        );
        assert_eq!(flushes_of(onto(much, B, 2 * H), move_to(2 * H, B)), "WW");
        assert_eq!(flushes_of(onto(much, B + P, 2 * H), move_to(2 * H, B + P)), "WW");
        assert_eq!(flushes_of(onto(much, B + P, 9), move_to(2 * H, B + P)), "WW");
        assert_eq!(flushes_of(onto(block, B, H), move_to(H, B)), "LW");
        assert_eq!(
            flushes_of(onto(|world| world.map(A, 4, RW), B, 4), move_to(4, B)),
            "W",
            "nothing comes"
        );
    }
    let grown = |world: &mut World| assert_eq!(world.mremap(A, 4 * P, 6 * P, TO, B), Ok(B));
    assert_eq!(flushes_of(onto(four, B, 9), grown), "LL");
    let shrunk = |world: &mut World| assert_eq!(world.mremap(A, 4 * P, 2 * P, TO, B), Ok(B));
    assert_eq!(
        flushes_of(onto(four, B, 9), shrunk),
        "L LL",
        "what is cut off goes before"
    );
}

#[test]
fn a_move_onto_others_may_have_to_flush_twice() {
    let beside = |world: &mut World| {
        around_border(world, B);
        written(world, B, 4);
    };
    assert_eq!(
        flushes_of(beside, |world| {
            let (old, new) = (B, B + (H - 2) * P);
            assert_eq!(world.mremap(old, 4 * P, 4 * P, TO, new), Ok(new));
        }),
        "W W",
        "of the table under which the target begins both go, and some of what comes does not come to it"
    );
    let onto_block = |world: &mut World| {
        block(world);
        written(world, B, 4);
    };
    assert_eq!(
        flushes_of(onto_block, |world| {
            assert_eq!(world.mremap(B, 4 * P, 4 * P, TO, A), Ok(A));
        }),
        "L W",
        "the block is cut first"
    );
}

#[test]
fn advice_flushes_what_it_takes_away() {
    let advise = |advice: u64| move |world: &mut World| world.advise(A, 4, advice);
    assert_eq!(flushes_of(four, advise(DONTNEED)), "L");
    assert_eq!(
        flushes_of(four, advise(FREE)),
        "L",
        "a store must be seen that takes the offer back"
    );
    assert_eq!(flushes_of(four, advise(COLD)), "");
    assert_eq!(flushes_of(four, advise(GUARD_INSTALL)), "L");
    let guarded = |world: &mut World| {
        four(world);
        world.advise(A, 4, GUARD_INSTALL);
    };
    assert_eq!(
        flushes_of(guarded, advise(GUARD_REMOVE)),
        "",
        "no TLB holds a guard"
    );
    let pages = |world: &mut World| written(world, A, H);
    assert_eq!(flushes_of(pages, |world| world.advise(A, H, COLLAPSE)), "W");
}

#[test]
fn faults_flush_what_they_replace() {
    let fresh = |world: &mut World| world.map(A, 4, RW);
    assert_eq!(flushes_of(fresh, |world| world.write(A, 1)), "");
    assert_eq!(flushes_of(fresh, |world| assert_eq!(world.read(A), 0)), "");
    let zeros = |world: &mut World| {
        world.map(A, 4, RW);
        world.read(A);
    };
    assert_eq!(flushes_of(zeros, |world| world.write(A, 1)), "L", "another page");
    assert_eq!(
        flushes_of(four, |world| drop(world.fork())),
        "A A",
        "the parent's, and the child's when it ends"
    );
}
