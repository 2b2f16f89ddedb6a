//! Tests of threads, their scheduling, and of what a process leaves behind.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::clock::{SECOND, clock};
use super::{ExitStatus, Process, Thread, register, scheduler};
use crate::memory;
use crate::sync::Mutex;

/// What the threads of a test did, in order.
type Diary = Arc<Mutex<Vec<(u32, u32)>>>;

/// A process of threads 1 to `count`, each of which does `work` and ends; the last to end ends the process.
fn run(count: u32, work: impl Fn(u32, &Diary) + Clone + Send + 'static) -> Vec<(u32, u32)> {
    let process = Process::new(1, 0, b"/test", &[b"test"]).expect("memory");
    let diary: Diary = Arc::new(Mutex::new(Vec::new()));
    let left = Arc::new(Mutex::new(count));
    for id in 1..=count {
        let (work, diary, left) = (work.clone(), diary.clone(), left.clone());
        let start = Box::new(move |thread: &Thread| {
            work(id, &diary);
            *left.lock() -= 1;
            if *left.lock() == 0 {
                thread.process.end(ExitStatus::Exited(42));
            }
            // What the closure holds would otherwise be lost with the stack.
            drop((work, diary, left));
            scheduler::exit_current()
        });
        let thread = Thread::new(id, process.clone(), b"test", start).expect("memory");
        register(&thread).expect("memory");
        scheduler::start(thread).expect("memory");
    }
    assert_eq!(scheduler::run(&process), ExitStatus::Exited(42));
    diary.lock().clone()
}

crate::ktest! {
    /// Threads that yield take turns, in the order in which they came.
    fn threads_take_turns() {
        let diary = run(3, |id, diary| {
            for turn in 0..3 {
                diary.lock().push((turn, id));
                scheduler::yield_now();
            }
        });
        let expected: Vec<(u32, u32)> = (0..3).flat_map(|turn| (1..=3).map(move |id| (turn, id))).collect();
        assert_eq!(diary, expected);
    }

    /// Sleepers wake in the order of their deadlines, and none before its time.
    fn sleepers_wake_in_time() {
        let begun = clock().since_boot();
        let diary = run(3, move |id, diary| {
            // Far enough off that all three sleep before the first is due, even where the emulator is held up.
            let deadline = begun + SECOND / 10 + u64::from(4 - id) * SECOND / 200;
            scheduler::sleep_until(deadline).expect("no signal comes");
            assert!(clock().since_boot() >= deadline);
            diary.lock().push((0, id));
        });
        assert_eq!(diary, [(0, 3), (0, 2), (0, 1)]);
    }

    /// A process gives its memory back: address space, stacks, identifiers.
    fn processes_leave_nothing_behind() {
        let pair = || run(2, |_, _| scheduler::yield_now());
        pair();
        let before = memory::free_frames();
        for _ in 0..300 {
            pair();
        }
        assert_eq!(memory::free_frames(), before);
    }

    /// The clock goes from ticks to time and back without going astray.
    fn ticks_and_time_agree() {
        for time in [0, 1, 999, SECOND, 12_345_678_901, 365 * 86_400 * SECOND] {
            let there = clock().duration(clock().ticks_at(time));
            // A tick may be longer than a nanosecond: what comes back is the first tick that isn't before.
            assert!(there.abs_diff(time) <= 200, "{time} became {there}");
        }
        // The far future has a tick as well, if only the last one.
        assert!(clock().ticks_at(u64::MAX) > clock().ticks_at(1000 * 365 * 86_400) );
    }

    /// A shell's view of how a process ended.
    fn exit_statuses_are_a_shells() {
        assert_eq!(ExitStatus::Exited(7).code(), 7);
        assert_eq!(ExitStatus::Signalled(11).code(), 139);
    }
}
