//! Exceptions, from the assembly entry to those who deal with them.
//!
//! From EL0: a system call, a [`Fault`] or an interrupt, none of which can end in a panic. From EL1: an interrupt, an access to
//! the program's memory that faulted ([`super::user`]), or a mistake of the kernel, which panics in words.
//! Every handler runs with interrupts masked.

use core::fmt;

use super::esr::{Esr, Status, class};
use super::fault::Fault;
use super::frame::{KernelFrame, UserFrame};
use super::user;
use crate::{board, process, syscall};
use mm::TASK_SIZE;

/// SVC from EL0.
#[unsafe(no_mangle)]
extern "C" fn arch_system_call(frame: &mut UserFrame) {
    syscall::dispatch(frame);
}

/// Any other synchronous exception from EL0.
#[unsafe(no_mangle)]
extern "C" fn arch_user_exception(frame: &mut UserFrame, esr: Esr, far: u64) {
    if esr.class() == class::WFX {
        // The program would wait for an interrupt. It may: the next one is taken as ever.
        frame.pc = frame.pc.wrapping_add(4);
        return;
    }
    process::user_fault(frame, Fault { esr, far });
}

/// An interrupt while a program ran.
#[unsafe(no_mangle)]
extern "C" fn arch_user_interrupt(frame: &mut UserFrame) {
    board::interrupts::handle();
    process::preempt(frame);
}

/// An interrupt while the kernel ran, which goes on afterwards: threads give way in the kernel only of their own accord.
#[unsafe(no_mangle)]
extern "C" fn arch_kernel_interrupt(_: &mut KernelFrame) {
    board::interrupts::handle();
}

/// A synchronous exception at EL1.
#[unsafe(no_mangle)]
extern "C" fn arch_kernel_exception(frame: &mut KernelFrame, esr: Esr, far: u64) {
    if esr.class() == class::DATA_ABORT_EL1
        && let Some(fixup) = user::fixup(frame.registers.pc)
    {
        if !resolve(esr, far) {
            frame.registers.pc = fixup;
        }
        return;
    }
    panic!(
        "{}",
        KernelFault {
            what: "exception in the kernel",
            frame: &frame.registers,
            esr,
            far
        }
    );
}

/// Whether an access to the program's memory that a copy routine made can be tried again.
fn resolve(esr: Esr, far: u64) -> bool {
    let is_page_fault = matches!(
        esr.status(),
        Status::Translation(_) | Status::Permission(_) | Status::AccessFlag(_)
    );
    is_page_fault && far < TASK_SIZE && process::resolve_user_access(far, esr.access())
}

/// The stack pointer left its stack; this runs on the emergency stack.
#[unsafe(no_mangle)]
extern "C" fn arch_stack_overflow(frame: &UserFrame, esr: Esr, far: u64) -> ! {
    panic!(
        "{}",
        KernelFault {
            what: "kernel stack overflow",
            frame,
            esr,
            far
        }
    );
}

/// An SError: the memory system reports an error that no instruction can be held to account for.
#[unsafe(no_mangle)]
extern "C" fn arch_serror(frame: &UserFrame, esr: Esr, far: u64) -> ! {
    panic!(
        "{}",
        KernelFault {
            what: "SError",
            frame,
            esr,
            far
        }
    );
}

/// An exception by a vector that nothing should come by: FIQ, AArch32, or EL1 with SP_EL0.
#[unsafe(no_mangle)]
extern "C" fn arch_unexpected(frame: &UserFrame, esr: Esr, far: u64) -> ! {
    panic!(
        "{}",
        KernelFault {
            what: "unexpected exception",
            frame,
            esr,
            far
        }
    );
}

/// The text of a panic that an exception caused.
struct KernelFault<'a> {
    what: &'static str,
    frame: &'a UserFrame,
    esr: Esr,
    far: u64,
}

impl fmt::Display for KernelFault<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what,
            frame,
            esr,
            far,
        } = self;
        writeln!(f, "{what}: {esr}")?;
        writeln!(
            f,
            "  ESR {:#010x}  FAR {far:#018x}  ELR {:#018x}",
            esr.0, frame.pc
        )?;
        write!(f, "{frame}")
    }
}
