//! Tests of signal sets and of what is pending.

use mm::Errno;

use super::{Actions, Set, Signal, ThreadSignals, checked, number};
use crate::process::abi::SignalAction;

crate::ktest! {
    /// Only 1 to 64 are signals.
    fn numbers_are_checked() {
        assert_eq!((checked(1), checked(64)), (Ok(1), Ok(64)));
        for wrong in [0, -1, 65, i32::MAX, i32::MIN, 256 + 9] {
            assert_eq!(checked(wrong), Err(Errno::EINVAL));
        }
    }

    /// What can't be caught can't be handled or blocked.
    fn two_signals_are_beyond_a_programs_reach() {
        let handler = SignalAction { handler: 0x1000, mask: u64::MAX, ..SignalAction::default() };
        let mut actions = Actions::default();
        assert_eq!(actions.set(number::SIGKILL, handler), Err(Errno::EINVAL));
        assert_eq!(actions.set(number::SIGSTOP, handler), Err(Errno::EINVAL));
        assert_eq!(actions.set(number::SIGSEGV, handler), Ok(()));
        let kept = Set(actions.get(number::SIGSEGV).mask);
        assert!(!kept.contains(number::SIGKILL) && !kept.contains(number::SIGSTOP) && kept.contains(64));
    }

    /// Ordinary signals are pending once, real-time ones as often as they were sent; the lowest comes first; blocked ones wait.
    fn signals_are_taken_in_order() {
        let mut signals = ThreadSignals::default();
        for number in [40, 10, 40, 10, 12] {
            signals.add(Signal::sent(number, 0, 1, 0)).expect("few are pending");
        }
        signals.blocked = Set::default().with(12);
        let mut take = || signals.take().map(|signal| signal.number);
        assert_eq!([take(), take(), take(), take()], [Some(10), Some(40), Some(40), None]);
        assert!(!signals.is_due() && signals.pending().contains(12));
        signals.blocked = Set::default();
        assert!(signals.is_due());
        assert_eq!(signals.take().map(|signal| signal.number), Some(12));
    }

    /// A program can't fill the kernel's memory with signals.
    fn pending_signals_are_bounded() {
        let mut signals = ThreadSignals::default();
        let sent = (0..5000).take_while(|_| signals.add(Signal::sent(50, 0, 1, 0)).is_ok()).count();
        assert_eq!(sent, super::MOST_PENDING);
        assert_eq!(signals.add(Signal::sent(50, 0, 1, 0)), Err(Errno::EAGAIN));
    }
}
