use super::*;
use crate::PhysRange;
use core::alloc::Layout;
use core::sync::atomic::AtomicU32;
use mm::PAGE_SIZE;
use proptest::prelude::*;
use std::boxed::Box;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::vec::Vec;

/// The physical address at which the tests pretend that memory begins.
const BASE: u64 = 0x4000_0000;

/// An allocator over `blocks` blocks of real memory, of which it has been given nothing.
fn empty(blocks: usize) -> FrameAllocator {
    let layout = Layout::from_size_align(blocks << BLOCK_SHIFT, BLOCK_SIZE as usize).unwrap();
    // SAFETY: the layout is not empty. The memory is never freed: a test process ends soon.
    let memory = unsafe { std::alloc::alloc_zeroed(layout) } as usize;
    let words: Vec<BlockWords> = (0..blocks)
        .map(|_| [const { AtomicU32::new(0) }; FRAMES as usize])
        .collect();
    FrameAllocator::new(Books {
        base: PhysAddr::new(BASE),
        offset: memory.wrapping_sub(BASE as usize),
        words: Box::leak(words.into_boxed_slice()),
        blocks: Box::leak(std::vec![Block::FOREIGN; blocks].into_boxed_slice()),
    })
}

/// An allocator that has the frames `start..end`, counted from the first of its memory.
fn with(blocks: usize, ranges: &[(u64, u64)]) -> FrameAllocator {
    let mut frames = empty(blocks);
    for &(start, end) in ranges {
        let range = PhysRange::new(BASE + start * PAGE_SIZE, BASE + end * PAGE_SIZE);
        // SAFETY: the tests name ranges that do not overlap, in memory that `empty` made.
        unsafe { frames.add(range) };
    }
    frames
}

/// Gives a frame back, or what is none: the tests use no memory that they take.
fn give(frames: &mut FrameAllocator, frame: PhysAddr) {
    // SAFETY: nobody uses the frame's memory; that it was taken is what the allocator looks at.
    unsafe { frames.give(frame) }
}

/// The same of a block.
fn give_block(frames: &mut FrameAllocator, block: PhysAddr) {
    // SAFETY: as above.
    unsafe { frames.give_block(block) }
}

fn take_all(frames: &mut FrameAllocator) -> Vec<PhysAddr> {
    core::iter::from_fn(|| frames.take()).collect()
}

#[test]
fn every_frame_is_given_once_and_comes_back() {
    let mut frames = with(4, &[(0, 2048)]);
    assert_eq!((frames.free(), frames.total()), (2048, 2048));
    let taken = take_all(&mut frames);
    assert_eq!(
        taken
            .iter()
            .map(|frame| frame.get())
            .collect::<BTreeSet<_>>()
            .len(),
        2048
    );
    assert_eq!(frames.free(), 0);
    taken.into_iter().for_each(|frame| give(&mut frames, frame));
    assert_eq!(frames.free(), 2048);
    assert_eq!(take_all(&mut frames).len(), 2048);
}

#[test]
fn ragged_ends_are_used_and_never_become_blocks() {
    let mut frames = with(4, &[(3, 1500), (1600, 1601), (1700, 2048)]);
    let taken = take_all(&mut frames);
    assert_eq!(taken.len(), 1497 + 1 + 348);
    taken.into_iter().for_each(|frame| give(&mut frames, frame));
    assert!(frames.take_block().is_some());
    assert!(frames.take_block().is_none());
}

#[test]
fn a_range_within_one_block_and_one_across_a_border() {
    assert_eq!(take_all(&mut with(2, &[(10, 20)])).len(), 10);
    assert_eq!(take_all(&mut with(2, &[(500, 530)])).len(), 30);
}

#[test]
fn memory_outside_the_books_is_left_alone() {
    let mut frames = empty(1);
    // SAFETY: the allocator takes only what lies in its books, which is real memory.
    unsafe { frames.add(PhysRange::new(BASE - 0x10_0000, BASE + 0x100_0000)) };
    assert_eq!(frames.total(), 512);
}

#[test]
fn a_block_comes_together_when_all_its_frames_are_back() {
    let mut frames = with(2, &[(0, 1024)]);
    let taken = take_all(&mut frames);
    assert!(frames.take_block().is_none());
    let (low, high): (Vec<_>, Vec<_>) = taken
        .into_iter()
        .partition(|frame| frame.get() < BASE + BLOCK_SIZE);
    low.into_iter().rev().for_each(|frame| give(&mut frames, frame));
    assert_eq!(frames.take_block(), Some(PhysAddr::new(BASE)));
    high.into_iter().for_each(|frame| give(&mut frames, frame));
    assert_eq!(frames.take_block(), Some(PhysAddr::new(BASE + BLOCK_SIZE)));
    assert_eq!(frames.free(), 0);
}

#[test]
fn a_block_may_be_given_back_frame_by_frame() {
    let mut frames = with(1, &[(0, 512)]);
    take_all(&mut frames)
        .into_iter()
        .for_each(|frame| give(&mut frames, frame));
    let block = frames.take_block().unwrap();
    for number in 0..512 {
        give(&mut frames, block + number * PAGE_SIZE);
    }
    assert_eq!(frames.take_block(), Some(block));
}

#[test]
fn the_last_split_block_is_a_block_again_when_another_is_split() {
    let mut frames = with(2, &[(0, 1024)]);
    let frame = frames.take().unwrap();
    let block = frames.take_block().unwrap();
    give(&mut frames, frame);
    // This splits the block that is out, behind the one that has all its frames by then.
    give(&mut frames, block);
    let whole = frames.take_block().unwrap();
    assert_eq!(whole, PhysAddr::new(frame.get() & !(BLOCK_SIZE - 1)));
    assert_eq!((frames.take_block(), frames.free()), (None, 1));
}

#[test]
#[should_panic = "was not out"]
fn a_frame_of_a_block_given_back_twice_is_noticed() {
    let mut frames = with(1, &[(0, 512)]);
    let block = frames.take_block().unwrap();
    give(&mut frames, block);
    give(&mut frames, block);
}

#[test]
fn a_taken_frame_has_one_reference() {
    let mut frames = with(1, &[(0, 512)]);
    let first = frames.take().unwrap();
    frames.words()[0][0].store(0x1234, Relaxed);
    give(&mut frames, first);
    assert_eq!(frames.take(), Some(first));
    assert_eq!(frames.words()[0][0].load(Relaxed), WORD_TAKEN);
}

#[test]
fn a_run_goes_back_as_far_as_its_frames_have_one_user() {
    let mut frames = with(2, &[(0, 1024)]);
    let run: Vec<Cell<Option<PhysAddr>>> = (0..300).map(|_| Cell::new(frames.take())).collect();
    let shared = run[200].get().unwrap();
    let word = frames.frame_words().get(frames.number_of(shared)).unwrap();
    word.store(2, Relaxed);
    let mut give_run = |run: &[Cell<Option<PhysAddr>>]| {
        // SAFETY: the frames were taken above, and nobody uses their memory.
        unsafe { frames.give_while_sole(run, Cell::get, |one| one.set(None)) }
    };
    assert_eq!(
        (give_run(&run), give_run(&run), give_run(&run[200..])),
        (200, 0, 0)
    );
    assert_eq!((give_run(&run[201..]), give_run(&[])), (99, 0));
    assert!(
        run.iter()
            .all(|one| one.get().is_none_or(|frame| frame == shared))
    );
    assert_eq!(frames.free(), 1023);
    let rest = take_all(&mut frames);
    assert!(rest.len() == 1023 && !rest.contains(&shared));
    let outside = [Cell::new(Some(PhysAddr::new(BASE - PAGE_SIZE)))];
    // SAFETY: there are no such frames.
    assert_eq!(unsafe { frames.give_while_sole(&outside, Cell::get, |_| ()) }, 0);
}

#[test]
#[should_panic = "was not out"]
fn a_frame_given_back_twice_is_noticed() {
    let mut frames = with(1, &[(0, 512)]);
    let frame = frames.take().unwrap();
    frames.take().unwrap();
    give(&mut frames, frame);
    give(&mut frames, frame);
}

#[test]
#[should_panic = "was not out"]
fn a_frame_never_taken_is_noticed() {
    let mut frames = with(1, &[(0, 512)]);
    let frame = frames.take().unwrap();
    give(&mut frames, frame + PAGE_SIZE);
    // It goes back to its block when no other is left.
    frames.take_block();
}

#[test]
#[should_panic = "was not out"]
fn a_frame_of_a_free_block_is_noticed() {
    let mut frames = with(2, &[(0, 1024)]);
    let taken: Vec<PhysAddr> = (0..ASIDE).filter_map(|_| frames.take()).collect();
    let other = (taken[0].get() - BASE) ^ BLOCK_SIZE;
    give(&mut frames, PhysAddr::new(BASE + other));
    taken.into_iter().for_each(|frame| give(&mut frames, frame));
}

#[test]
#[should_panic = "no frame"]
fn an_address_outside_is_noticed() {
    give(&mut with(1, &[(0, 512)]), PhysAddr::new(BASE - PAGE_SIZE));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn no_frame_is_out_twice(moves in proptest::collection::vec((0u8..4, any::<u16>()), 0..250)) {
        let mut frames = with(3, &[(7, 1536)]);
        let (mut out, mut blocks) = (Vec::new(), Vec::new());
        for (kind, pick) in moves {
            match kind {
                0 | 1 => out.extend((0..pick % 40).filter_map(|_| frames.take())),
                2 if !out.is_empty() => {
                    for _ in 0..(pick as usize % 60).min(out.len()) {
                        let chosen = pick as usize * 31 % out.len();
                        give(&mut frames, out.swap_remove(chosen));
                    }
                }
                _ => match blocks.pop() {
                    Some(block) => give_block(&mut frames, block),
                    None => blocks.extend(frames.take_block()),
                },
            }
            let of_blocks = blocks.iter().flat_map(|&block| (0..512).map(move |i| block + i * PAGE_SIZE));
            let all: BTreeSet<u64> = out.iter().copied().chain(of_blocks).map(|frame| frame.get()).collect();
            prop_assert_eq!(all.len(), out.len() + blocks.len() * 512);
            prop_assert_eq!(frames.free(), frames.total() - all.len());
        }
        out.into_iter().for_each(|frame| give(&mut frames, frame));
        blocks.into_iter().for_each(|block| give_block(&mut frames, block));
        prop_assert_eq!(take_all(&mut frames).len(), 1529);
    }
}
