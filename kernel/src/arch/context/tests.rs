//! Two threads that give way to each other, and the registers of a program.

use super::*;
use crate::arch::interrupts;
use crate::memory::KernelStack;
use core::cell::UnsafeCell;

/// A context for each of two threads, and what the second one leaves behind.
struct Pair {
    first: UnsafeCell<Context>,
    second: UnsafeCell<Context>,
    steps: UnsafeCell<[usize; 4]>,
}

/// Counts its turns on a stack of its own, with values that have to live across the switch.
extern "C" fn second(pair: usize) -> ! {
    // SAFETY: the test passes its pair and outlives this thread, which never runs again after the test's last switch.
    let pair = unsafe { &*core::ptr::with_exposed_provenance::<Pair>(pair) };
    let kept = core::hint::black_box([11_usize, 22, 33, 44]);
    for turn in 0.. {
        // SAFETY: only one of the two threads runs at a time.
        unsafe { (*pair.steps.get())[turn % 4] += kept[turn % 4] };
        // SAFETY: interrupts are masked, the first thread was left by its switch.
        unsafe { switch(pair.second.get(), pair.first.get()) };
    }
    unreachable!("the loop has no end");
}

crate::ktest! {
    /// A thread begins with its argument on its own stack, gives way, and goes on where it was, registers and all.
    fn threads_give_way_to_each_other() {
        let stack = KernelStack::new().expect("memory for a stack");
        let pair = Pair {
            first: UnsafeCell::new(Context::EMPTY),
            second: UnsafeCell::new(Context::EMPTY),
            steps: UnsafeCell::new([0; 4]),
        };
        let address = (&raw const pair).expose_provenance();
        // SAFETY: nothing runs by it yet.
        unsafe { *pair.second.get() = Context::new(stack.top(), second, address) };
        let masked = interrupts::mask();
        let kept = core::hint::black_box([1_usize, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        for turn in 1..=8 {
            // SAFETY: interrupts are masked; `second` was made above, or left by its own switch; its stack lives.
            unsafe { switch(pair.first.get(), pair.second.get()) };
            // SAFETY: the other thread has given way.
            let steps = unsafe { *pair.steps.get() };
            assert_eq!(steps.iter().sum::<usize>(), (0..turn).map(|step| [11, 22, 33, 44][step % 4]).sum());
        }
        assert_eq!(kept, core::hint::black_box([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]));
        interrupts::restore(masked);
    }

    /// All 32 registers, status and control go out and come back, also when another program's were there in between.
    fn floating_point_state_is_kept() {
        let mut before = FpState::new();
        before.save();
        let value = |seed: u128| FpState {
            v: core::array::from_fn(|index| (index as u128 + 1) * seed),
            // Cumulative flags; rounding towards zero, flush to zero.
            fpsr: 0x0800_0015,
            fpcr: 0x01c0_0000,
        };
        let (first, second) = (value(0x0123_4567_89ab_cdef_1122_3344_5566_7788), value(3));
        first.restore();
        let mut found = FpState::new();
        found.save();
        assert!(found == first);
        second.restore();
        first.restore();
        found.save();
        assert!(found == first);
        FpState::new().restore();
        found.save();
        assert!(found == FpState::new());
        before.restore();
    }

    /// The stack begins at the end of its slot, whose lower half is not mapped, and ends with its guard.
    fn a_kernel_stack_has_a_guard() {
        use crate::arch::address::translate;
        let stack = KernelStack::new().expect("memory for a stack");
        assert!(stack.top().is_multiple_of(boot::KERNEL_STACK_SLOT));
        assert!(translate(stack.top() - 8).is_some());
        assert!(translate(stack.top() - boot::KERNEL_STACK_SIZE).is_some());
        assert!(translate(stack.top() - boot::KERNEL_STACK_SIZE - 8).is_none());
        assert!(translate(stack.top() - boot::KERNEL_STACK_SLOT).is_none());
    }
}
