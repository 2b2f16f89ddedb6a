//! Whole transfers.

use std::format;

use proptest::prelude::*;

use super::line::{Line, Load, MEMORY, Noise, board, memory};
use crate::frame::checksum;
use crate::{BLOCK, Ending, Failure, FromBoard, QUIET, Receiver, Refusal, ToBoard, VERSION};

const SILENT: Noise = Noise {
    lost: 0,
    flipped: 0,
    doubled: 0,
    inserted: 0,
};

/// The board starts what was sent, and not before the host has gone silent.
fn assert_starts(line: &Line, board: Receiver<'_>, load: &Load) {
    assert!(!board.is_finished(line.now) && board.is_finished(line.now + QUIET));
    let received = board.into_received().expect("all has come");
    assert_eq!(
        (received.words.as_str(), received.ending),
        (load.words.as_str(), Ending::Off)
    );
    assert!(received.kernel == load.kernel && received.archive == load.archive);
    assert_eq!(
        received.archive.as_ptr().addr() % 4096,
        received.kernel.as_ptr().addr() % 4096
    );
    assert_eq!(received.kernel_memory, load.kernel.len() + 0x3000);
}

#[test]
fn everything_arrives_on_a_quiet_line_without_repetition() {
    for (archive, kernel) in [
        (0, 64),
        (1, BLOCK),
        (BLOCK, BLOCK + 1),
        (3 * BLOCK + 7, 5 * BLOCK),
    ] {
        let (load, mut memory) = (Load::new(archive, kernel), memory());
        let mut board = board(&mut memory);
        let (mut sender, mut line) = (load.sender(1), Line::new(SILENT, 1));
        line.complete(&mut sender, &mut board).unwrap();
        assert_eq!(sender.repeated(), 0);
        assert_eq!(sender.arrived(), load.packed());
        assert_starts(&line, board, &load);
    }
}

#[test]
fn the_board_waits_for_a_host_that_has_not_heard_that_it_starts() {
    let (load, mut memory) = (Load::new(10, 100), memory());
    let mut board = board(&mut memory);
    let (mut sender, mut line) = (load.sender(1), Line::new(SILENT, 1));
    line.complete(&mut sender, &mut board).unwrap();
    // The host hears nothing and asks again, five times.
    for _ in 0..5 {
        line.now += QUIET / 2;
        let answer = board.receive(&ToBoard::Run { session: 1 }, line.now);
        assert_eq!(answer, Some(FromBoard::Starting { session: 1 }));
        assert!(!board.is_finished(line.now));
    }
    assert_starts(&line, board, &load);
}

#[test]
fn what_does_not_fit_is_refused_before_it_is_sent() {
    let load = Load::new(MEMORY - BLOCK, BLOCK);
    let mut memory = memory();
    let mut board = board(&mut memory);
    let (mut sender, mut line) = (load.sender(1), Line::new(SILENT, 1));
    let end = line.complete(&mut sender, &mut board);
    assert_eq!(end, Err(Failure::Refused(Refusal::TooLarge)));
    assert_eq!(sender.arrived(), 0);
}

#[test]
fn what_is_no_kernel_is_refused() {
    let damage = |at: usize| {
        let mut load = Load::new(10, BLOCK);
        load.change(|kernel, _| kernel[at] ^= 0xff);
        load
    };
    // The magic number, the flag that says anywhere, the size.
    for (at, why) in [
        (56, Refusal::NoKernel),
        (24, Refusal::NoKernel),
        (19, Refusal::TooLarge),
    ] {
        let (load, mut memory) = (damage(at), memory());
        let mut board = board(&mut memory);
        let (mut sender, mut line) = (load.sender(1), Line::new(SILENT, 1));
        assert_eq!(
            line.complete(&mut sender, &mut board),
            Err(Failure::Refused(why)),
            "{at}"
        );
    }
}

#[test]
fn a_whole_that_is_wrong_comes_again_and_is_given_up_in_the_end() {
    let (load, mut memory) = (Load::new(0, 4 * BLOCK), memory());
    let mut board = board(&mut memory);
    let mut job = load.job();
    job.kernel.crc ^= 1;
    let mut sender = load.sender_of(1, job);
    let end = Line::new(SILENT, 1).complete(&mut sender, &mut board);
    assert_eq!(end, Err(Failure::Corrupt));
}

#[test]
fn what_is_there_already_is_not_sent_again() {
    let (load, mut memory) = (Load::new(5 * BLOCK, 7 * BLOCK + 1), memory());
    let mut next = |load: &Load, session| {
        let mut board = board(&mut memory);
        let (mut sender, mut line) = (load.sender(session), Line::new(SILENT, 1));
        line.complete(&mut sender, &mut board).unwrap();
        assert_starts(&line, board, load);
        line.now
    };
    let first = next(&load, 1);
    assert!(next(&load, 2) < first / 8, "all of it is there");
    let mut other = load;
    other.change(|_, archive| archive[BLOCK] ^= 1);
    let second = next(&other, 3);
    assert!(
        second > first / 3 && second < first * 2 / 3,
        "the kernel is there"
    );
    other.change(|kernel, _| kernel[BLOCK] ^= 1);
    assert!(
        next(&other, 4) > first * 7 / 8,
        "what is behind another kernel comes again"
    );
}

#[test]
fn what_repeats_itself_is_sent_short() {
    let (mut load, mut memory) = (Load::new(10_000, 20_000), memory());
    load.change(|kernel, archive| {
        kernel[64..].fill(7);
        archive.fill(0);
    });
    assert!(load.packed() < 500);
    let mut board = board(&mut memory);
    let (mut sender, mut line) = (load.sender(1), Line::new(SILENT, 1));
    line.complete(&mut sender, &mut board).unwrap();
    assert_starts(&line, board, &load);
}

#[test]
fn another_version_is_told() {
    let load = Load::new(0, 64);
    let ready = FromBoard::Ready {
        version: VERSION + 1,
        room: 0,
        model: "",
    };
    let heard = load.sender(1).receive(&ready, QUIET);
    assert_eq!(heard, Err(Failure::Version(VERSION + 1)));
}

#[test]
fn what_is_left_of_an_earlier_sender_changes_nothing() {
    let (load, mut memory) = (Load::new(BLOCK, 3 * BLOCK), memory());
    let mut board = board(&mut memory);
    let (mut sender, mut line) = (load.sender(2), Line::new(SILENT, 1));
    for _ in 0..3 {
        line.turn(&mut sender, &mut board).unwrap();
    }
    let late = ToBoard::Block {
        session: 1,
        number: 1,
        bytes: &[0xee; BLOCK],
    };
    assert_eq!(board.receive(&late, line.now), None);
    assert_eq!(board.receive(&ToBoard::Run { session: 1 }, line.now), None);
    line.complete(&mut sender, &mut board).unwrap();
    assert_starts(&line, board, &load);
}

/// What else happens during a transfer.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// Nothing passes for some time; then the host opens its port again.
    CableOut,
    /// The board is started anew, with something else in its memory.
    LoaderRestarted,
    /// The command is ended and given again.
    SenderRestarted,
}

fn events() -> impl Strategy<Value = std::vec::Vec<(u32, Event)>> {
    let event = prop_oneof![
        Just(Event::CableOut),
        Just(Event::LoaderRestarted),
        Just(Event::SenderRestarted)
    ];
    prop::collection::vec((0..40_u32, event), 0..4)
}

fn noise() -> impl Strategy<Value = Noise> {
    let odds = || prop_oneof![Just(0), 0..400_u64];
    (odds(), odds(), odds(), odds()).prop_map(|(lost, flipped, doubled, inserted)| Noise {
        lost,
        flipped,
        doubled,
        inserted,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Bytes may be lost, changed, doubled and inserted, the cable be pulled, and either side begin anew: in the end the board has what
    /// the last sender meant.
    #[test]
    fn everything_arrives_whatever_happens(
        archive in 0..20_000_usize,
        kernel in 64..40_000_usize,
        noise in noise(),
        events in events(),
        seed in any::<u64>(),
    ) {
        let load = Load::new(archive, kernel);
        let mut memory = memory();
        let mut line = Line::new(noise, seed);
        let (mut session, mut sender) = (1, load.sender(1));
        let mut board = board(&mut memory);
        for (turns, event) in events {
            for _ in 0..turns {
                line.turn(&mut sender, &mut board)?;
            }
            match event {
                Event::CableOut => {
                    line.noise.lost = 1_000_000;
                    for _ in 0..20 {
                        line.turn(&mut sender, &mut board)?;
                    }
                    line.noise = noise;
                    sender.reconnected();
                }
                Event::LoaderRestarted if sender.is_done() => {}
                Event::LoaderRestarted => {
                    let memory = board.into_memory();
                    memory.fill(checksum(format!("{seed}").as_bytes()) as u8);
                    board = Receiver::new(memory, MEMORY, "test");
                }
                Event::SenderRestarted => {
                    session += 1;
                    sender = load.sender(session);
                }
            }
        }
        line.complete(&mut sender, &mut board)?;
        assert_starts(&line, board, &load);
    }
}
