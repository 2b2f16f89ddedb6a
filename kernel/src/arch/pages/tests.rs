//! What is cleared, copied and moved, and what beside it is not.

use super::*;
use core::sync::atomic::Ordering;
use mm::PhysAddr;

const PAGE: usize = 4096;

/// Three pages, the middle one to work on.
#[repr(C, align(4096))]
struct Three([[u8; PAGE]; 3]);

fn with_pages(test: impl FnOnce(&mut Three, &mut Three)) {
    use alloc::alloc::{Layout, alloc, dealloc};
    let layout = Layout::new::<[Three; 2]>();
    // SAFETY: the layout is not empty.
    let memory = unsafe { alloc(layout) }.cast::<Three>();
    assert!(!memory.is_null());
    // SAFETY: memory for two, which any bytes are good for once they are written, and nothing else refers to.
    unsafe {
        memory.write_bytes(0xaa, 2);
        test(&mut *memory, &mut *memory.add(1));
        dealloc(memory.cast(), layout);
    }
}

crate::ktest! {
    /// A page is cleared from its first byte to its last, by DC ZVA and without it.
    fn clearing_a_page_clears_it_alone() {
        with_pages(|pages, other| {
            let middle = pages.0[1].as_mut_ptr();
            // SAFETY: the middle one of three pages.
            unsafe { clear(middle, PAGE) };
            let other = other.0[1].as_mut_ptr();
            // SAFETY: the same.
            unsafe { page_clear_plain(other, other.add(PAGE)) };
            assert!(pages.0[1].iter().all(|byte| *byte == 0));
            assert!(pages.0[0].iter().chain(&pages.0[2]).all(|byte| *byte == 0xaa));
        });
    }

    /// A page is copied whole and alone.
    fn copying_a_page_copies_it_alone() {
        with_pages(|pages, source| {
            source.0[1].iter_mut().enumerate().for_each(|(index, byte)| *byte = (index * 13 + index / 256) as u8);
            // SAFETY: pages of two allocations' worth.
            unsafe { copy(pages.0[1].as_mut_ptr(), source.0[1].as_ptr()) };
            assert!(pages.0[1] == source.0[1]);
            assert!(pages.0[0].iter().chain(&pages.0[2]).all(|byte| *byte == 0xaa));
        });
    }

    /// Any number of bytes at any alignment.
    fn copying_bytes_copies_them_alone() {
        let source: [u8; 128] = core::array::from_fn(|index| index as u8);
        for len in 0..=100 {
            for offset in 0..9 {
                let mut target = [0xaa; 128];
                // SAFETY: the bytes lie in the two arrays.
                unsafe { copy_bytes(target.as_mut_ptr().add(offset), source.as_ptr().add(5), len) };
                assert!(target[offset..offset + len] == source[5..5 + len]);
                assert!(target[..offset].iter().chain(&target[offset + len..]).all(|byte| *byte == 0xaa));
            }
        }
    }

    /// Runs of descriptors of every length are cleared, and nothing beside them.
    fn clearing_descriptors_clears_them_alone() {
        let mut table = [0_u64; 520];
        for count in (0..=70).chain([255, 256, 257, 510, 511, 512]) {
            for start in [0, 1, 2, 7] {
                table.fill(7);
                // SAFETY: the run lies in the array.
                unsafe { clear_descriptors(table.as_mut_ptr().add(start), count) };
                for (index, entry) in table.iter().enumerate() {
                    let cleared = index >= start && index < start + count;
                    assert_eq!(*entry, if cleared { 0 } else { 7 }, "{count} from {start}");
                }
            }
        }
    }

    /// Descriptors are shared up to the first that is not usual or has other users, be their frames neighbours or not.
    fn sharing_descriptors_counts_sole_users() {
        const HOW: SharedDescriptors = SharedDescriptors { look: 0xf << 56 | 3, expected: 1 << 56 | 3, changes: 3 << 56 };
        let entry = |frame: u64| frame << 12 | HOW.expected | 0x700;
        for scattered in [false, true] {
            // What ends the run: nothing, another kind, another user, a frame without a word.
            for (end, stop) in (0..4).flat_map(|end| (0..32).map(move |stop| (end, stop))) {
                let words: [AtomicU32; 64] = core::array::from_fn(|_| AtomicU32::new(1));
                let frame = |index: u64| 100 + if scattered { 63 - 3 - index } else { index };
                let mut from: [u64; 32] = core::array::from_fn(|index| entry(frame(index as u64)));
                match end {
                    1 => from[stop] ^= 1 << 57,
                    2 => words[frame(stop as u64) as usize - 100].store(3, Ordering::Relaxed),
                    3 => from[stop] = entry(99),
                    _ => {}
                }
                let (before, mut to) = (from, [0; 32]);
                let words = FrameWords::new(PhysAddr::new(100 << 12), &words);
                // SAFETY: two arrays of that length, and words that are this test's alone.
                let done = unsafe { share_descriptors(from.as_mut_ptr(), to.as_mut_ptr(), 32, &HOW, words) };
                let most = if end == 0 { 32 } else { stop };
                assert!(done <= most && done >= most / 4 * 4, "{done} of {most}");
                for index in 0..32 {
                    let changed = before[index] ^ HOW.changes;
                    assert_eq!((from[index], to[index]), if index < done { (changed, changed) } else { (before[index], 0) });
                    let word = words.parts().1[frame(index as u64) as usize - 100].load(Ordering::Relaxed);
                    let other = end == 2 && index == stop;
                    assert_eq!(word, if other { 3 } else { 1 + u32::from(index < done) });
                }
            }
        }
    }

    /// Descriptors lose their valid bit up to the first that is unlike, or to the last eight that there are.
    fn detaching_descriptors_stops_where_they_differ() {
        const LOOK: u64 = 0xf << 56 | 3;
        let entry = |index: usize| (index as u64) << 12 | 5 << 56 | 0x700 | 3;
        for (count, unlike) in (0..=50).flat_map(|count| (0..=count).map(move |unlike| (count, unlike))) {
            let mut table: [u64; 52] = core::array::from_fn(entry);
            // The last one stands for none.
            let changed = if unlike < count { 1 << [0, 1, 56, 59][unlike % 4] } else { 0 };
            table[1 + unlike] ^= changed;
            let before = table;
            // SAFETY: the run lies in the array.
            let done = unsafe { detach_descriptors(table.as_mut_ptr().add(1), count, entry(0), LOOK) };
            assert_eq!(done, unlike / 8 * 8, "{count}, {unlike}");
            for index in 0..52 {
                let detached = index > 0 && index <= done;
                assert_eq!(table[index], before[index] & !u64::from(detached), "{index} of {count}");
            }
        }
    }

    /// Descriptors arrive with a bit set and leave nothing behind, in runs of every length; what is in the way is told.
    fn attaching_descriptors_tells_what_is_in_the_way() {
        let entry = |index: usize| (index as u64) << 12 | 0x702;
        for (count, other) in (0..=50).flat_map(|count| (0..=count).map(move |other| (count, other))) {
            let mut from: [u64; 52] = core::array::from_fn(entry);
            let mut to = [0; 52];
            // The last one stands for none; beside the run there is something always.
            (to[0], to[1 + count], to[1 + other]) = (7, 7, 7);
            // SAFETY: the runs lie in two arrays.
            let was_free = unsafe { attach_descriptors(from.as_mut_ptr().add(1), to.as_mut_ptr().add(1), count, 1) };
            assert_eq!(was_free, other == count, "{count}, {other}");
            for index in 0..52 {
                let moved = index > 0 && index <= count;
                let there = if index == 0 || index == 1 + count { 7 } else { 0 };
                let expected = if moved { (0, entry(index) | 1) } else { (entry(index), there) };
                assert_eq!((from[index], to[index]), expected, "{index} of {count}");
            }
        }
    }

    /// Runs of descriptors of every length, apart and overlapping by shifts of one to many entries upwards.
    fn moving_descriptors_upwards_keeps_them() {
        let mut table = [0_u64; 640];
        for count in (0..=70).chain([255, 256, 257, 510, 511, 512]) {
            for shift in [1, 2, 3, 7, 16, 33, 64, 127] {
                table.iter_mut().enumerate().for_each(|(index, entry)| *entry = index as u64 | 1 << 40);
                let start = table.as_mut_ptr();
                // SAFETY: both runs lie in the array, the target above the source.
                unsafe { move_descriptors(start, start.add(shift), count) };
                for (index, entry) in table.iter().enumerate() {
                    let moved = index >= shift && index < shift + count;
                    assert_eq!(*entry, (if moved { index - shift } else { index }) as u64 | 1 << 40, "{count} by {shift}");
                }
            }
        }
    }
}
