//! Blocks of 2 MiB: when memory gets one, what cuts it, and what that costs.

use super::*;
use crate::machine::{BLOCK_SIZE, Frames};
use crate::space::Footprint;
use crate::space::{HugePageMode, HugePages};
use crate::table::Level;

const HUGEPAGE: u64 = 14;
const NOHUGEPAGE: u64 = 15;
const DONTNEED: u64 = 4;
const DONTFORK: u64 = 10;
/// Pages of a block.
const H: u64 = BLOCK_SIZE / P;

impl World {
    /// `blocks` times 2 MiB of private memory at [`A`], which may be huge.
    fn huge(blocks: u64) -> Self {
        let mut world = World::new();
        world.map(A, blocks * H, RW);
        world.advise(A, blocks * H, HUGEPAGE);
        world
    }

    /// Pages of the range that blocks map.
    fn huge_pages(&self, addr: u64, pages: u64) -> u64 {
        let mut footprint = Footprint::default();
        self.space.measure(addr, addr + pages * P, &mut footprint);
        footprint.anonymous_blocks / P
    }

    fn level(&self, addr: u64) -> Level {
        self.space.tables.query(VirtAddr::new(addr)).0
    }
}

#[test]
fn a_write_brings_in_a_block_of_zeros() {
    let mut world = World::huge(2);
    world.write(A + 3 * P, 7);
    assert_eq!((world.huge_pages(A, 2 * H), world.level(A)), (H, Level::Pmd));
    assert_eq!(world.bytes(A, 5), [0, 0, 0, 7, 0]);
    assert_eq!(world.resident(A, H + 1), "1".repeat(H as usize) + "0");
    assert_eq!(
        world.huge_pages(A + 5 * P, 2),
        2,
        "a part of a block counts as such"
    );
}

#[test]
fn only_advised_memory_that_is_free_for_2_mib_gets_one() {
    let mut world = World::new();
    world.map(A, H, RW);
    world.write(A, 1);
    assert_eq!(world.huge_pages(A, H), 0, "nobody asked");
    world.advise(A, H, HUGEPAGE);
    world.write(A + P, 1);
    assert_eq!(world.huge_pages(A, H), 0, "there are pages already");
    world.map(B, H - 1, RW);
    world.advise(B, H - 1, HUGEPAGE);
    world.write(B, 1);
    assert_eq!(world.huge_pages(B, H), 0, "the mapping is too short");
    let mut world = World::huge(1);
    world.advise(A, H, NOHUGEPAGE);
    world.write(A, 1);
    assert_eq!(world.huge_pages(A, H), 0, "asked not to");
    let mut world = World::huge(1);
    world.space.set_huge_page_policy(HugePages::Off);
    world.write(A, 1);
    assert_eq!(world.huge_pages(A, H), 0, "the process is not to");
}

#[test]
fn a_mode_for_all_programs_decides_who_gets_one() {
    for (mode, unasked, asked) in [
        (HugePageMode::Always, H, H),
        (HugePageMode::Madvise, 0, H),
        (HugePageMode::Never, 0, 0),
    ] {
        for (policy, forbids, forbids_unasked) in [
            (HugePages::Allowed, false, false),
            (HugePages::OnlyAdvised, false, true),
            (HugePages::Off, true, true),
        ] {
            let mut world = World::huge(1);
            world.map(B, 3 * H, RW);
            world.advise(B + 2 * H * P, H, NOHUGEPAGE);
            world.space.limits_mut().huge_pages = mode;
            world.space.set_huge_page_policy(policy);
            // The second store is in the mapping of the one before, of which more is remembered.
            [A, B, B + H * P, B + 2 * H * P]
                .into_iter()
                .for_each(|at| world.write(at + 3 * P, 1));
            let got = [A, B, B + H * P, B + 2 * H * P].map(|at| world.huge_pages(at, H));
            let unasked = if forbids_unasked { 0 } else { unasked };
            let asked = if forbids { 0 } else { asked };
            assert_eq!(got, [asked, unasked, unasked, 0], "{mode:?} {policy:?}");
        }
    }
}

#[test]
fn without_a_free_block_it_gets_pages() {
    let mut world = World::huge(1);
    let mut blocks = Vec::new();
    while let Some(block) = world.machine.take_block() {
        blocks.push(block);
    }
    world.write(A + P, 1);
    assert_eq!((world.huge_pages(A, H), world.read(A + P)), (0, 1));
    world.read(A);
    blocks
        .into_iter()
        .for_each(|block| world.machine.give_block(block));
}

#[test]
fn a_read_shows_the_huge_page_of_zeros_and_a_write_then_gets_a_block() {
    let mut world = World::huge(2);
    world.map(A + 2 * H * P, 1, RW);
    assert_eq!(world.read(A + 9 * P), 0);
    assert_eq!((world.level(A), world.huge_pages(A, H)), (Level::Pmd, 0));
    assert_eq!(world.resident(A, H), "1".repeat(H as usize));
    assert!(
        world
            .space
            .tree
            .find(VirtAddr::new(A))
            .expect("mapped")
            .anon
            .is_some(),
        "unlike a page of zeros it gives an identity"
    );
    world.write(A + 9 * P, 5);
    assert_eq!(
        (world.huge_pages(A, H), world.bytes(A + 8 * P, 3)),
        (H, std::vec![0, 5, 0])
    );
    world.read(A + H * P);
    let takes = world.machine.takes();
    world.machine.fail_after(0);
    assert_eq!(world.try_write(A + H * P, 1), Err(FaultError::OutOfMemory));
    world.machine.never_fail();
    assert_eq!(
        world.machine.takes(),
        takes + 2,
        "a block is asked for, and then a page"
    );
    assert_eq!(world.bytes(A + H * P, 3), [0, 0, 0]);
}

#[test]
fn unmapping_and_dropping_a_part_leaves_the_rest() {
    for drop in [false, true] {
        let mut world = World::huge(2);
        world.fill(A, 2 * H, 1);
        assert_eq!(world.huge_pages(A, 2 * H), 2 * H);
        let before = world.machine.frames_in_use();
        world.machine.fail_after(0);
        if drop {
            world.advise(A + 5 * P, 2, DONTNEED);
        } else {
            assert_eq!(world.space.munmap(A + 5 * P, 2 * P), Ok(()));
        }
        world.machine.never_fail();
        assert_eq!(world.huge_pages(A, 2 * H), H, "the second is whole");
        assert_eq!(
            world.machine.frames_in_use(),
            before - 2,
            "the two pages, and a table that was set aside"
        );
        assert_eq!(world.bytes(A, 5), [1, 2, 3, 4, 5]);
        assert_eq!(world.bytes(A + 7 * P, 3), [8, 9, 10]);
        assert_eq!(world.try_read(A + 5 * P).is_ok(), drop);
    }
}

#[test]
fn a_protection_cuts_a_block_at_its_ends() {
    let mut world = World::huge(1);
    world.fill(A, H, 1);
    assert_eq!(world.space.mprotect(A + 3 * P, P, R), Ok(()));
    assert_eq!(world.huge_pages(A, H), 0);
    assert_eq!(world.try_write(A + 3 * P, 1), Err(FaultError::AccessError));
    world.write(A + 2 * P, 9);
    world.write(A + 4 * P, 9);
    assert_eq!(world.bytes(A + 2 * P, 3), [9, 4, 9]);
    let mut world = World::huge(2);
    world.fill(A, 2 * H, 1);
    assert_eq!(world.space.mprotect(A + H * P, H * P, R), Ok(()));
    assert_eq!(world.huge_pages(A, 2 * H), 2 * H, "no block was cut");
}

#[test]
fn a_border_between_mappings_cuts_a_block() {
    let mut world = World::huge(1);
    world.write(A, 1);
    world.advise(A, 7, DONTFORK);
    assert_eq!((world.huge_pages(A, H), world.read(A)), (0, 1));
}

#[test]
fn a_block_moves_whole_or_in_pieces() {
    for (to, level) in [(B, Level::Pmd), (B + P, Level::Pte)] {
        let mut world = World::huge(2);
        world.fill(A, 2 * H, 1);
        assert_eq!(world.mremap(A, 2 * H * P, 2 * H * P, TO, to), Ok(to));
        assert_eq!(world.level(to), level);
        assert_eq!(world.bytes(to, 4), [1, 2, 3, 4]);
        assert_eq!(world.bytes(to + (2 * H - 2) * P, 2), [255, 0]);
    }
    let mut world = World::huge(2);
    world.fill(A, 2 * H, 1);
    assert_eq!(
        world.mremap(A + P, H * P, H * P, TO, B + P),
        Ok(B + P),
        "both ends cut a block"
    );
    assert_eq!(world.bytes(B + P, 3), [2, 3, 4]);
    assert_eq!((world.read(A), world.read(A + (H + 1) * P)), (1, 2));
}

#[test]
fn a_block_goes_back_as_one_and_in_pieces() {
    let mut world = World::huge(1);
    world.write(A, 1);
    world.advise(A, H, DONTNEED);
    assert_eq!(world.resident(A, H), "0".repeat(H as usize));
    world.write(A, 1);
    assert_eq!(
        world.huge_pages(A, H),
        H,
        "nothing is left that would keep a block out"
    );
    world.advise(A, 1, DONTNEED);
    world.advise(A, H, DONTNEED);
    world.write(A, 1);
    assert_eq!(world.huge_pages(A, H), H);
}

#[test]
fn populating_asks_once_a_block() {
    let mut world = World::huge(2);
    world.advise(A, 2 * H, 23);
    assert_eq!(world.huge_pages(A, 2 * H), 2 * H);
}

const COLLAPSE: u64 = 25;
const GUARD_INSTALL: u64 = 102;

#[test]
fn pages_are_collapsed_into_blocks() {
    let mut world = World::new();
    world.map(A, 2 * H, RW);
    assert_eq!(
        world.space.madvise(A, 2 * H * P, COLLAPSE),
        Err(Errno::EINVAL),
        "never written to"
    );
    world.fill(A + 3 * P, 9, 1);
    world.read(A + 20 * P);
    assert_eq!(
        world.space.madvise(A, 2 * H * P, COLLAPSE),
        Err(Errno::EINVAL),
        "the second has no page"
    );
    assert_eq!(world.huge_pages(A, 2 * H), H, "but the first is a block");
    assert_eq!(world.bytes(A + 2 * P, 11), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0]);
    assert_eq!(world.read(A + 20 * P), 0);
    world.write(A + H * P, 77);
    world.advise(A, 2 * H, COLLAPSE);
    assert_eq!(world.huge_pages(A, 2 * H), 2 * H);
    assert_eq!((world.read(A + H * P), world.read(A + 4 * P)), (77, 2));
    world.advise(A, 2 * H, COLLAPSE);
    assert_eq!(world.space.munmap(A + P, (2 * H - 2) * P), Ok(()));
}

#[test]
fn a_collapse_without_a_block_or_with_a_guard_changes_nothing() {
    let mut world = World::new();
    world.map(A, H, RW);
    world.fill(A, H, 1);
    world.machine.fail_after(0);
    assert_eq!(world.space.madvise(A, H * P, COLLAPSE), Err(Errno::ENOMEM));
    world.machine.never_fail();
    world.advise(A, 1, GUARD_INSTALL);
    assert_eq!(world.space.madvise(A, H * P, COLLAPSE), Err(Errno::EINVAL));
    assert_eq!(
        (world.huge_pages(A, H), world.bytes(A + P, 3)),
        (0, std::vec![2, 3, 4])
    );
}

#[test]
fn a_guard_cuts_a_block() {
    let mut world = World::huge(1);
    world.fill(A, H, 1);
    world.advise(A + 3 * P, 2, GUARD_INSTALL);
    assert_eq!(world.bytes(A, 3), [1, 2, 3]);
    assert_eq!(world.bytes(A + 5 * P, 3), [6, 7, 8]);
    assert!(world.try_read(A + 3 * P).is_err());
    assert_eq!(world.huge_pages(A, H), 0);
}
