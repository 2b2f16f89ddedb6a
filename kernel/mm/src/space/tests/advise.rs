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

#[test]
fn a_range_is_checked_with_its_tag_and_followed_without() {
    let mut world = World::new();
    world.map(A, 1, RW);
    let tag = 0xff << 56;
    assert_eq!(world.space.madvise(A | tag, P, DONTNEED), Ok(()));
    assert_eq!(
        world.space.madvise(A | tag, 1 << 56, DONTNEED),
        Err(Errno::EINVAL)
    );
    assert_eq!(world.space.madvise(A, 1 << 56, DONTNEED), Err(Errno::ENOMEM));
    assert_eq!(world.space.madvise(0xffff << 48, P, DONTNEED), Err(Errno::ENOMEM));
    assert_eq!(world.space.madvise(TASK_SIZE, P, DONTNEED), Err(Errno::ENOMEM));
}

#[test]
fn too_many_mappings_are_a_reason_to_try_again() {
    let mut world = World::new();
    world.map(A, 3, RW);
    world.space.limits_mut().max_map_count = 2;
    assert_eq!(world.space.madvise(A + P, P, RANDOM), Err(Errno::EAGAIN));
    assert_eq!(world.space.madvise(A, P, RANDOM), Ok(()));
    assert_eq!(world.maps(), "A+0..A+1 rw-p, A+1..A+3 rw-p");
}

#[test]
fn memory_errors_are_for_those_who_may_and_there_are_none() {
    const HWPOISON: u64 = 100;
    let mut world = World::new();
    assert_eq!(world.space.madvise(A, 0, HWPOISON), Ok(()));
    assert_eq!(world.space.madvise(A, P, HWPOISON), Err(Errno::EINVAL));
    world.space.limits_mut().capabilities = crate::Capabilities::empty();
    assert_eq!(world.space.madvise(A, P, HWPOISON + 1), Err(Errno::EPERM));
    assert_eq!(world.space.madvise(1 << 52, P, HWPOISON), Err(Errno::EPERM));
    assert_eq!(world.space.madvise(A + 1, P, HWPOISON), Err(Errno::EINVAL));
}

#[test]
fn populating_is_done_in_stretches() {
    use crate::AdviceRequest;
    let mut world = World::new();
    world.map(A, 1100, RW);
    world.map(A + 1100 * P, 100, NONE);
    let mut request = AdviceRequest::decode(A, 1100 * P, 23).unwrap();
    let steps = core::iter::from_fn(|| Some(world.space.advise(&mut request)));
    let steps: Vec<_> = steps.take(3).collect();
    assert_eq!(steps, [Ok(false), Ok(false), Ok(true)]);
    assert_eq!(world.resident(A, 1200), "1".repeat(1100));
    assert_eq!(world.space.madvise(A, 1200 * P, 22), Err(Errno::EINVAL));
    assert_eq!(
        world.space.madvise(A, 1 << 48, 22),
        Err(Errno::EINVAL),
        "the first error wins"
    );
    assert_eq!(world.space.madvise(B, P, 22), Err(Errno::ENOMEM));
}
