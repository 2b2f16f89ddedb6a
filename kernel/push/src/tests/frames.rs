//! Frames by themselves.

use std::vec::Vec;

use proptest::prelude::*;

use crate::frame::{LONGEST_FRAME, Reader, decode, encode};
use crate::{BLOCK, Ending, FromBoard, Job, Part, ToBoard, WORDS};

fn encoded(message: &impl serde::Serialize) -> Vec<u8> {
    encode(message, &mut [0; LONGEST_FRAME]).unwrap().to_vec()
}

/// The messages that a reader finds in `bytes`.
fn sessions(bytes: &[u8]) -> Vec<u32> {
    let mut reader = Reader::new();
    let mut found = Vec::new();
    for &byte in bytes {
        if let Some(contents) = reader.push(byte)
            && let Some(ToBoard::Hello { session }) = decode(contents)
        {
            found.push(session);
        }
    }
    found
}

#[test]
fn the_longest_messages_fit() {
    let session = u32::MAX;
    let words = core::str::from_utf8(&[b'w'; WORDS]).unwrap();
    let part = Part {
        bytes: u32::MAX,
        crc: u32::MAX,
        packed: u32::MAX,
    };
    let job = Job {
        kernel: part,
        archive: part,
        words,
        ending: Ending::Again,
    };
    encoded(&ToBoard::Begin { session, job });
    let (version, room, model) = (u16::MAX, u64::MAX, words);
    encoded(&FromBoard::Ready { version, room, model });
    for fill in [0, 1, 0xff] {
        let bytes = &[fill; BLOCK];
        let frame = encoded(&ToBoard::Block {
            session,
            number: u32::MAX,
            bytes,
        });
        assert_eq!(frame.iter().filter(|&&byte| byte == 0).count(), 2);
    }
}

#[test]
fn text_before_a_frame_does_not_spoil_it() {
    let hello = encoded(&ToBoard::Hello { session: 7 });
    let line = [&b"[  0.1] info: memory\n"[..], &hello, b"more\n", &hello].concat();
    assert_eq!(sessions(&line), [7, 7]);
}

#[test]
fn what_is_too_long_is_skipped_whole() {
    let hello = encoded(&ToBoard::Hello { session: 7 });
    let line = [&[b'x'; 3 * LONGEST_FRAME][..], &hello, &hello].concat();
    assert_eq!(sessions(&line), [7, 7]);
}

proptest! {
    /// Whatever comes, a reader neither fails nor believes it; and the next frame but one is read.
    #[test]
    fn noise_is_no_message(noise in prop::collection::vec(any::<u8>(), 0..5000)) {
        let hello = encoded(&ToBoard::Hello { session: 7 });
        let line = [&noise[..], &hello].concat();
        prop_assert_eq!(sessions(&line), [7]);
    }

    /// One byte that is changed, lost or doubled makes a frame no frame.
    #[test]
    fn a_damaged_frame_is_no_message(at in any::<prop::sample::Index>(), how in 0..3, flip in 1_u8..) {
        let mut frame = encoded(&ToBoard::Hello { session: 0x1234_5678 });
        let at = 1 + at.index(frame.len() - 2);
        match how {
            0 => frame[at] ^= flip,
            1 => drop(frame.remove(at)),
            _ => frame.insert(at, frame[at]),
        }
        prop_assert_eq!(sessions(&frame), []);
    }
}
