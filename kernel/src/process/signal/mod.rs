//! Signals: what is pending, what is blocked, what is done about them (`signal(7)`).

mod deliver;
pub(crate) mod frame;
mod set;
#[cfg(feature = "ktest")]
mod tests;

pub(crate) use deliver::{force, if_due, if_due_at_end, return_from_handler, send};
pub(crate) use set::Set;

use alloc::vec::Vec;

use linux_raw_sys::general as linux;
use mm::Errno;

use super::abi::{SignalAction, SignalStack};
use crate::arch::esr::Esr;

/// The signals that the kernel itself raises.
pub(crate) mod number {
    use linux_raw_sys::general as linux;

    /// Illegal instruction.
    pub(crate) const SIGILL: u8 = linux::SIGILL as u8;
    /// Breakpoint.
    pub(crate) const SIGTRAP: u8 = linux::SIGTRAP as u8;
    /// Memory that isn't behind its mapping, or not aligned.
    pub(crate) const SIGBUS: u8 = linux::SIGBUS as u8;
    /// Arithmetic.
    pub(crate) const SIGFPE: u8 = linux::SIGFPE as u8;
    /// Memory that isn't mapped, or not so.
    pub(crate) const SIGSEGV: u8 = linux::SIGSEGV as u8;
    /// Can't be caught.
    pub(crate) const SIGKILL: u8 = linux::SIGKILL as u8;
    /// Can't be caught either.
    pub(crate) const SIGSTOP: u8 = linux::SIGSTOP as u8;
}

/// All signals there are.
pub(crate) const ALL_SIGNALS: core::ops::RangeInclusive<u8> = 1..=LAST;
/// The highest signal.
const LAST: u8 = 64;
/// The first of the real-time signals, of which several can be pending.
const FIRST_REAL_TIME: u8 = 32;
/// How many signals may be pending for one thread (`RLIMIT_SIGPENDING` is for all of a user's; this bounds the memory).
const MOST_PENDING: usize = 1024;

/// The flags of an action that mean something; others are forgotten, by which programs find out (`sigaction(2)`, SA_UNSUPPORTED).
const KNOWN_FLAGS: u64 = (linux::SA_NOCLDSTOP
    | linux::SA_NOCLDWAIT
    | linux::SA_SIGINFO
    | linux::SA_ONSTACK
    | linux::SA_RESTART
    | linux::SA_NODEFER
    | linux::SA_RESETHAND
    | linux::SA_RESTORER) as u64;

/// One signal on its way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signal {
    /// Which, 1..=64.
    pub(crate) number: u8,
    /// Why: `si_code`.
    pub(crate) code: i32,
    /// What follows `si_code` in `siginfo`: the address, or the sender's process and user.
    pub(crate) detail: u64,
    /// Who raised it.
    pub(crate) origin: Origin,
}

/// Who raised a signal.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Origin {
    /// A program, by a call.
    Program,
    /// The kernel, which can't do what the program's state asks for.
    Kernel,
    /// An instruction of the program, by this exception.
    Exception(Esr),
}

impl Signal {
    /// What an exception raises at `address`.
    pub(crate) fn exception(number: u8, code: u32, address: u64, syndrome: Esr) -> Self {
        Self {
            number,
            code: code as i32,
            detail: address,
            origin: Origin::Exception(syndrome),
        }
    }

    /// The `SIGSEGV` for a stack pointer that no signal frame can be put at or taken from.
    fn bad_stack(code: u32, sp: u64) -> Self {
        Self {
            number: number::SIGSEGV,
            code: code as i32,
            detail: sp,
            origin: Origin::Kernel,
        }
    }

    /// One that process `sender` of `user` sends; `code` is `SI_USER` or `SI_TKILL`.
    pub(crate) fn sent(number: u8, code: i32, sender: u32, user: u32) -> Self {
        Self {
            number,
            code,
            detail: u64::from(sender) | u64::from(user) << 32,
            origin: Origin::Program,
        }
    }
}

/// What is done about a signal when the program says nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Default {
    /// The process ends.
    End,
    /// Nothing. Stopping is nothing too: there is no one who could continue a stopped process.
    Nothing,
}

fn default_of(signal: u8) -> Default {
    match u32::from(signal) {
        linux::SIGCHLD | linux::SIGCONT | linux::SIGURG | linux::SIGWINCH => Default::Nothing,
        linux::SIGSTOP | linux::SIGTSTP | linux::SIGTTIN | linux::SIGTTOU => Default::Nothing,
        _ => Default::End,
    }
}

/// Checks a signal's number, as a program gives it.
///
/// # Errors
/// `EINVAL` for one that there isn't.
pub(crate) fn checked(number: i32) -> Result<u8, Errno> {
    u8::try_from(number)
        .ok()
        .filter(|number| (1..=LAST).contains(number))
        .ok_or(Errno::EINVAL)
}

/// What a process does about each signal.
#[derive(Clone)]
pub(crate) struct Actions([SignalAction; LAST as usize]);

impl core::default::Default for Actions {
    fn default() -> Self {
        Self([SignalAction::default(); LAST as usize])
    }
}

impl Actions {
    /// The action for `signal`, 1..=64.
    pub(crate) fn get(&self, signal: u8) -> SignalAction {
        self.0[usize::from(signal) - 1]
    }

    /// Sets the action for `signal`, 1..=64.
    ///
    /// # Errors
    /// `EINVAL` for `SIGKILL` and `SIGSTOP`.
    pub(crate) fn set(&mut self, signal: u8, mut action: SignalAction) -> Result<(), Errno> {
        if signal == number::SIGKILL || signal == number::SIGSTOP {
            return Err(Errno::EINVAL);
        }
        action.flags &= KNOWN_FLAGS;
        action.mask = Set(action.mask).without_unblockable().0;
        self.0[usize::from(signal) - 1] = action;
        Ok(())
    }
}

/// A thread's part in signals.
#[derive(Default)]
pub(crate) struct ThreadSignals {
    /// What is blocked.
    pub(crate) blocked: Set,
    /// The alternate stack; all zero with `SS_DISABLE` for none.
    pub(crate) stack: SignalStack,
    /// What is pending, oldest first.
    pending: Vec<Signal>,
}

impl ThreadSignals {
    /// Adds a signal; one that is pending already stays as it is, but for real-time ones.
    ///
    /// # Errors
    /// `EAGAIN` where too many are pending.
    fn add(&mut self, signal: Signal) -> Result<(), Errno> {
        if signal.number < FIRST_REAL_TIME && self.pending().contains(signal.number) {
            return Ok(());
        }
        if self.pending.len() >= MOST_PENDING {
            return Err(Errno::EAGAIN);
        }
        self.pending.try_reserve(1).map_err(|_| Errno::EAGAIN)?;
        self.pending.push(signal);
        Ok(())
    }

    /// What is pending, blocked or not.
    pub(crate) fn pending(&self) -> Set {
        self.pending
            .iter()
            .fold(Set::default(), |set, signal| set.with(signal.number))
    }

    /// How many are pending; of a real-time signal each counts.
    pub(crate) fn pending_count(&self) -> usize {
        self.pending.len()
    }

    /// Whether a signal is pending that isn't blocked.
    pub(crate) fn is_due(&self) -> bool {
        self.pending
            .iter()
            .any(|signal| !self.blocked.contains(signal.number))
    }

    /// Takes the next signal to be delivered: of those that aren't blocked the one with the lowest number, of equals the oldest.
    fn take(&mut self) -> Option<Signal> {
        let due = self
            .pending
            .iter()
            .enumerate()
            .filter(|(_, signal)| !self.blocked.contains(signal.number));
        let (index, _) = due.min_by_key(|(_, signal)| signal.number)?;
        Some(self.pending.remove(index))
    }
}
