//! Copies that succeed, and copies that don't.

use super::*;
use crate::arch::testing::{PAGE, Rights, Window};

const NOTHING: Inaccessible = Inaccessible { done: 0 };

/// A byte that tells where it is.
fn pattern(index: usize) -> u8 {
    (index * 7 + index / 256) as u8
}

crate::ktest! {
    /// Every length up to a few lines, at every alignment of source and target, copies what it names and nothing beside it.
    fn copies_of_every_length_and_alignment() {
        let window = Window::new();
        window.map(0, 0, Rights::ReadWrite);
        for len in 0..=100 {
            for offset in 0..9 {
                window.fill_start(0, 256, pattern);
                let mut buffer = [0xee; 128];
                assert_eq!(copy_in(&mut buffer[offset..offset + len], window.address(0) + 3), Ok(()));
                assert!((0..len).all(|index| buffer[offset + index] == pattern(index + 3)));
                assert!(buffer[..offset].iter().chain(&buffer[offset + len..]).all(|byte| *byte == 0xee));

                window.fill_start(0, 256, |_| 0xdd);
                let target = window.address(0) + 16 + offset as u64;
                assert_eq!(copy_out(target, &buffer[offset..offset + len]), Ok(()));
                let inside = |index| (16 + offset..16 + offset + len).contains(&index);
                for index in 0..256 {
                    let expected = if inside(index) { pattern(index - 16 - offset + 3) } else { 0xdd };
                    assert_eq!(window.byte(0, index), expected);
                }
                assert_eq!(clear(target, len), Ok(()));
                assert!((0..256).all(|index| window.byte(0, index) == if inside(index) { 0 } else { 0xdd }));
            }
        }
    }

    /// A copy that runs into a page that isn't there says how far it came, at most one group of 32 bytes too little.
    fn a_copy_that_faults_says_how_far_it_came() {
        let window = Window::new();
        window.map(0, 0, Rights::ReadWrite);
        window.fill(0, pattern);
        for before in 0..70 {
            let address = window.address(1) - before as u64;
            let mut buffer = [0; 128];
            let Err(Inaccessible { done }) = copy_in(&mut buffer, address) else { panic!("it can't be read") };
            assert!(done <= before && done + 32 > before, "{done} of {before}");
            assert!((0..done).all(|index| buffer[index] == pattern(PAGE - before + index)));
            let Err(Inaccessible { done }) = copy_out(address, &buffer) else { panic!("it can't be written") };
            assert!(done <= before && done + 32 > before, "{done} of {before}");
            let Err(Inaccessible { done }) = clear(address, 100) else { panic!("it can't be cleared") };
            assert!(done <= before && done + 32 > before, "{done} of {before}");
            window.fill(0, pattern);
        }
    }

    /// The program's rights count, not the kernel's.
    fn copies_respect_what_the_program_may() {
        let window = Window::new();
        window.map(0, 0, Rights::ReadOnly);
        window.map(1, 1, Rights::None);
        let mut buffer = [0; 16];
        assert_eq!(copy_in(&mut buffer, window.address(0)), Ok(()));
        assert_eq!(copy_out(window.address(0), &buffer), Err(NOTHING));
        assert_eq!(copy_in(&mut buffer, window.address(1)), Err(NOTHING));
        assert_eq!(copy_out(window.address(1), &buffer), Err(NOTHING));
    }

    /// No address of the kernel's half is a program's, nor one between the halves, nor a range that wraps.
    fn copies_refuse_addresses_that_are_no_programs() {
        let mut buffer = [0; 16];
        let kernel = (&raw const buffer).addr() as u64;
        for address in [kernel, boot::IMAGE_BASE, TASK_SIZE, TASK_SIZE - 15, 1 << 63, u64::MAX - 7, u64::MAX] {
            assert_eq!(copy_in(&mut buffer, address), Err(NOTHING), "{address:#x}");
            assert_eq!(copy_out(address, &buffer), Err(NOTHING), "{address:#x}");
            assert_eq!(clear(address, 16), Err(NOTHING), "{address:#x}");
        }
        assert_eq!(copy_in_str(&mut buffer, kernel), Err(NOTHING));
        // Nothing of nothing is fine anywhere in the program's half, as on Linux.
        assert_eq!(copy_in(&mut [], TASK_SIZE), Ok(()));
    }

    /// Strings of every length at every alignment, up to the last byte before a page that isn't there.
    fn strings_end_at_their_nul() {
        let window = Window::new();
        window.map(0, 0, Rights::ReadOnly);
        for len in 0..40 {
            for end in [PAGE, PAGE - 1, PAGE - 5, PAGE - 8, PAGE - 9] {
                let start = end - 1 - len;
                window.fill(0, |index| if index >= start && index < end - 1 { b'a' + (index % 26) as u8 } else { 0 });
                let mut buffer = [0xee; 64];
                assert_eq!(copy_in_str(&mut buffer, window.address(0) + start as u64), Ok(len));
                assert!((0..len).all(|index| buffer[index] == b'a' + ((start + index) % 26) as u8));
                assert!(buffer[len..].iter().all(|byte| *byte == 0xee));
                // Without room for the NUL the length is the room.
                for room in [len, len / 2] {
                    let mut buffer = [0xee; 64];
                    assert_eq!(copy_in_str(&mut buffer[..room], window.address(0) + start as u64), Ok(room));
                    assert!(buffer[room..].iter().all(|byte| *byte == 0xee));
                }
            }
        }
    }

    /// A string whose end can't be read is none; bytes with the top bit set are not taken for its end.
    fn strings_without_an_end_that_can_be_read() {
        let window = Window::new();
        window.map(0, 0, Rights::ReadOnly);
        window.fill(0, |index| 0x80 | index as u8);
        let mut buffer = [0; 64];
        assert_eq!(copy_in_str(&mut buffer, window.address(1) - 30), Err(NOTHING));
        assert_eq!(copy_in_str(&mut buffer, window.address(0)), Ok(64));
        assert!((0..64).all(|index| buffer[index] == 0x80 | index as u8));
    }

    /// Only code that touches the program's memory has a fixup.
    fn the_kernels_own_code_has_no_fixup() {
        assert_eq!(fixup(copy_in as *const () as u64), None);
        let start = user_copy_in as *const () as u64;
        assert!(fixup(start).is_some() && fixup(start - 4).is_none());
    }
}
