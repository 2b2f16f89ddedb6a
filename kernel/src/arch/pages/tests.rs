//! What is cleared, copied and moved, and what beside it is not.

use super::*;

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
