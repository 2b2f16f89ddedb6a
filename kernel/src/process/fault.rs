//! What an exception at EL0, or on a copy from or to a program, means.

use linux_raw_sys::general as linux;
use mm::{Access, FaultError};

use super::scheduler::{current, try_current};
use super::signal::number::{SIGBUS, SIGFPE, SIGILL, SIGKILL, SIGSEGV, SIGTRAP};
use super::signal::{self, Signal};
use crate::arch::esr::Esr;
use crate::arch::{Cause, Fault, UserFrame};

/// Deals with an exception that the running program has caused: makes good a page fault, or raises the signal that is due.
pub(crate) fn user_fault(frame: &mut UserFrame, fault: Fault) {
    let thread = current();
    let Cause::Memory { address, access } = fault.cause() else {
        let signal = signal_for(fault.cause(), frame.pc, fault.esr);
        signal::force(&thread, frame, signal);
    };
    let resolved = thread.process.space.lock().fault(address, access);
    if let Err(error) = resolved {
        signal::force(&thread, frame, memory_signal(error, address, fault.esr));
    }
    signal::if_due_at_end(&thread, frame);
}

/// Makes good an access to the program's memory that the kernel made for it. `false` where the mappings don't allow it.
pub(crate) fn resolve_user_access(address: u64, access: Access) -> bool {
    try_current().is_some_and(|thread| thread.process.space.lock().fault(address, access).is_ok())
}

fn memory_signal(error: FaultError, address: u64, syndrome: Esr) -> Signal {
    let (number, code) = match error {
        FaultError::MapError => (SIGSEGV, linux::SEGV_MAPERR),
        FaultError::AccessError => (SIGSEGV, linux::SEGV_ACCERR),
        FaultError::Bus => (SIGBUS, linux::BUS_ADRERR),
        // What Linux's out-of-memory killer does to the only program there is.
        FaultError::OutOfMemory => (SIGKILL, linux::SI_KERNEL),
    };
    Signal::exception(number, code, address, syndrome)
}

fn signal_for(cause: Cause, pc: u64, syndrome: Esr) -> Signal {
    let (number, code, address) = match cause {
        Cause::Memory { address, .. } => (SIGSEGV, linux::SEGV_MAPERR, address),
        Cause::Alignment { address } => (SIGBUS, linux::BUS_ADRALN, address),
        Cause::Bus { address } => (SIGBUS, linux::BUS_OBJERR, address),
        Cause::Undefined => (SIGILL, linux::ILL_ILLOPC, pc),
        Cause::Breakpoint => (SIGTRAP, linux::TRAP_BRKPT, pc),
        Cause::Debug => (SIGTRAP, linux::TRAP_HWBKPT, pc),
        Cause::FloatingPoint => (SIGFPE, linux::FPE_FLTUNK, pc),
    };
    Signal::exception(number, code, address, syndrome)
}
