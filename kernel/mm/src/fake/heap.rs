//! The heap of the tests: one that runs out of room when a test wants it to.
//!
//! Whatever the crate allocates comes through here, node pools, lists of objects and the objects themselves. Code that asks in a
//! way that cannot be answered by an error ends the test run: Rust aborts.

use super::Failures;
use core::cell::Cell;
use std::alloc::{GlobalAlloc, Layout, System};
use std::boxed::Box;

#[global_allocator]
static HEAP: Heap = Heap;

/// The system's heap, with failures on demand.
struct Heap;

/// What a thread's allocations are up to.
#[derive(Clone, Copy)]
struct State {
    failures: Failures,
    /// Allocations so far, those that failed included.
    count: u64,
    /// More than none: the fake machine is at work, whose own memory is not that of the code under test.
    spared: u32,
    /// What was given back by the last thing that happened on this thread's heap.
    just_freed: Option<Layout>,
}

std::thread_local! {
    static STATE: Cell<State> = const {
        Cell::new(State { failures: Failures::None, count: 0, spared: 0, just_freed: None })
    };
}

/// Lets allocations of this thread fail from now on.
pub(crate) fn fail(failures: Failures) {
    change(|state| {
        state.failures = failures;
        state.count = 0;
    });
}

/// How many allocations the thread has made since [`fail`].
pub(crate) fn allocations() -> u64 {
    STATE.get().count
}

/// As long as it lives, allocations neither fail nor count.
pub(super) struct Spared;

impl Spared {
    pub(super) fn new() -> Self {
        change(|state| state.spared += 1);
        Self
    }
}

impl Drop for Spared {
    fn drop(&mut self) {
        change(|state| state.spared -= 1);
    }
}

fn change(change: impl FnOnce(&mut State)) {
    let mut state = STATE.get();
    change(&mut state);
    STATE.set(state);
}

/// Counts an allocation; false if it is to fail.
fn may_allocate(layout: Layout) -> bool {
    let mut state = STATE.get();
    // A test that fails must be able to say so.
    if state.spared > 0 || std::thread::panicking() {
        return true;
    }
    // What was free a moment ago still is: this cannot fail on any heap that is locked meanwhile.
    let fits = |freed: Layout| freed.size() >= layout.size() && freed.align() >= layout.align();
    if state.just_freed.take().is_some_and(fits) {
        STATE.set(state);
        return true;
    }
    let fails = state.failures.hit(state.count);
    state.count += 1;
    STATE.set(state);
    !fails
}

// SAFETY: it is the system's heap, which is asked less often.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if may_allocate(layout) {
            // SAFETY: the caller's promise.
            unsafe { System.alloc(layout) }
        } else {
            core::ptr::null_mut()
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        change(|state| {
            if state.spared == 0 {
                state.just_freed = Some(layout);
            }
        });
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(block, layout) }
    }
}

#[test]
fn the_heap_fails_when_it_should() {
    let allocate = || std::vec::Vec::<u64>::new().try_reserve_exact(1).is_ok();
    let outcomes = |failures| {
        fail(failures);
        // Something else is given back in between, so that the next allocation counts.
        let outcomes = [(); 3].map(|()| {
            let outcome = allocate();
            drop(core::hint::black_box(Spared::new()));
            change(|state| state.just_freed = None);
            outcome
        });
        fail(Failures::None);
        outcomes
    };
    assert_eq!(outcomes(Failures::None), [true, true, true]);
    assert_eq!(outcomes(Failures::From(1)), [true, false, false]);
    assert_eq!(outcomes(Failures::Once(1)), [true, false, true]);
    fail(Failures::From(0));
    let spared = Spared::new();
    assert!(allocate());
    drop(spared);
    fail(Failures::None);
    assert_eq!(*Box::new(7), 7);
}
