//! `madvise`.

use super::*;

const RANDOM: u64 = 1;
const DONTNEED: u64 = 4;

#[test]
fn ranges_are_checked() {
    let mut world = World::new();
    world.map(A, 2, RW);
    assert_eq!(world.space.madvise(A, P, 999), Err(Errno::EINVAL));
    assert_eq!(world.space.madvise(A + 1, P, DONTNEED), Err(Errno::EINVAL));
    assert_eq!(world.space.madvise(A, u64::MAX, DONTNEED), Err(Errno::EINVAL));
    assert_eq!(world.space.madvise(B, 0, DONTNEED), Ok(()));
    assert_eq!(world.space.madvise(B, P, DONTNEED), Err(Errno::ENOMEM));
    assert_eq!(world.space.madvise(A, 3 * P, DONTNEED), Err(Errno::ENOMEM));
}

#[test]
fn advice_on_a_part_splits_and_goes_on_behind_holes() {
    let mut world = World::new();
    world.map(A, 2, RW);
    world.map(A + 3 * P, 2, RW);
    assert_eq!(world.space.madvise(A + P, 3 * P, RANDOM), Err(Errno::ENOMEM));
    assert_eq!(
        world.maps(),
        "A+0..A+1 rw-p, A+1..A+2 rw-p, A+3..A+4 rw-p, A+4..A+5 rw-p"
    );
    assert_eq!(world.space.madvise(A, 2 * P, 0), Ok(()));
    assert_eq!(world.maps(), "A+0..A+2 rw-p, A+3..A+4 rw-p, A+4..A+5 rw-p");
}

#[test]
fn locked_memory_keeps_its_pages() {
    let mut world = World::new();
    world.mmap(A, P, RW, PRIVATE | ANON | FIXED | LOCKED).unwrap();
    assert_eq!(world.space.madvise(A, P, DONTNEED), Err(Errno::EINVAL));
    assert_eq!(world.space.madvise(A, P, 24), Ok(()), "MADV_DONTNEED_LOCKED");
}

#[test]
fn populating_for_reads_needs_memory_that_may_be_read() {
    const POPULATE_READ: u64 = 22;
    let mut world = World::new();
    world.map(A, 2, W);
    assert_eq!(world.space.madvise(A, 2 * P, POPULATE_READ), Err(Errno::EINVAL));
    let mut resident = [1; 2];
    world.space.mincore(A, &mut resident).unwrap();
    assert_eq!(resident, [0; 2]);
    world.space.madvise(A, 2 * P, POPULATE_READ + 1).unwrap();
    world.space.mincore(A, &mut resident).unwrap();
    assert_eq!(resident, [1; 2]);
}
