//! The frame that a signal handler finds on its stack: Linux's `struct rt_sigframe` for arm64, and above it a frame record that
//! leads unwinders back to the interrupted code.

use core::sync::atomic::Ordering;

use linux_raw_sys::general::{
    MINSIGSTKSZ, SA_ONSTACK, SA_RESTORER, SA_SIGINFO, SS_AUTODISARM, SS_DISABLE, SS_ONSTACK,
};
use mm::Errno;

use super::{Origin, Set, Signal};
use crate::arch::{FpState, UserFrame};
use crate::process::abi::{
    FloatingPointRecord, SignalAction, SignalContext, SignalFrame, SignalInfo, SignalStack, SyndromeRecord,
};
use crate::process::thread::Thread;
use crate::process::user::{Plain, UserPtr, copy_out};

/// The size of the whole frame: the part that [`SignalFrame`] writes, and the rest of the 4 KiB that are kept for records.
const FRAME_SIZE: u64 = 4688;
/// `magic` of the record of floating-point registers (`FPSIMD_MAGIC`).
const FLOATING_POINT: u32 = 0x4650_8001;
/// `magic` of the record of the exception syndrome (`ESR_MAGIC`).
const SYNDROME: u32 = 0x4553_5201;
/// The bits of PSTATE that a program has no say in: execution state and level, and the interrupt masks (PSTATE.M and DAIF).
const KERNEL_PSTATE: u64 = 0x3df;
/// BTYPE, which the first instruction of a handler must find zero.
const BRANCH_TYPE: u64 = 0b11 << 10;

/// Puts a frame for `signal` on the stack and makes `frame` enter the handler.
///
/// # Errors
/// `EFAULT` where the stack can't be written; nothing has changed then.
pub(super) fn push(
    thread: &Thread,
    frame: &mut UserFrame,
    signal: &Signal,
    action: &SignalAction,
) -> Result<(), Errno> {
    let (blocked, stack) = {
        let signals = thread.signals.lock();
        (signals.blocked, signals.stack)
    };
    let top = stack_top(frame.sp, &stack, action);
    let record = top.wrapping_sub(16) & !15;
    let address = record.wrapping_sub(FRAME_SIZE) & !15;
    if on_stack(frame.sp, &stack) && !on_stack(address, &stack) {
        // The alternate stack is used up: what lies below it isn't ours.
        return Err(Errno::EFAULT);
    }
    let image = image(frame, signal, blocked, told_stack(frame.sp, &stack));
    copy_out(address, image.as_bytes())?;
    copy_out(record, [frame.x[29], frame.x[30]].as_bytes())?;

    if stack.flags & SS_AUTODISARM != 0 {
        thread.signals.lock().stack = SignalStack::default();
    }
    frame.x[0] = signal.number.into();
    if action.flags & u64::from(SA_SIGINFO) != 0 {
        frame.x[1] = address;
        frame.x[2] = address + core::mem::offset_of!(SignalFrame, flags) as u64;
    }
    frame.x[29] = record;
    let own_return = action.flags & u64::from(SA_RESTORER) != 0;
    frame.x[30] = if own_return {
        action.restorer
    } else {
        thread.process.signal_return.load(Ordering::Relaxed)
    };
    frame.sp = address;
    frame.pc = action.handler;
    frame.set_pstate(frame.pstate() & !BRANCH_TYPE);
    Ok(())
}

/// Takes `frame` and the thread's signal state back from the frame at the stack pointer.
///
/// # Errors
/// `EFAULT` where it can't be read, `EINVAL` where it isn't one.
pub(super) fn restore(thread: &Thread, frame: &mut UserFrame) -> Result<(), Errno> {
    if !frame.sp.is_multiple_of(16) {
        return Err(Errno::EINVAL);
    }
    let image: SignalFrame = UserPtr::new(frame.sp).read()?;
    let context = &image.context;
    if context.pstate & KERNEL_PSTATE != 0 || image.floating_point.magic != FLOATING_POINT {
        return Err(Errno::EINVAL);
    }
    frame.x = context.registers;
    frame.sp = context.sp;
    frame.pc = context.pc;
    frame.set_pstate(context.pstate);
    let record = &image.floating_point;
    FpState {
        v: record.vectors,
        fpsr: record.fpsr,
        fpcr: record.fpcr,
    }
    .restore();
    let mut signals = thread.signals.lock();
    signals.blocked = Set(image.blocked).without_unblockable();
    if image.stack.flags & SS_AUTODISARM != 0 {
        signals.stack = image.stack;
    }
    Ok(())
}

/// What the frame holds.
fn image(frame: &UserFrame, signal: &Signal, blocked: Set, stack: SignalStack) -> SignalFrame {
    let mut state = FpState::new();
    state.save();
    // Only an access to memory leaves an address and a syndrome behind.
    let abort = match signal.origin {
        Origin::Exception(syndrome) if syndrome.is_abort() => Some(syndrome),
        _ => None,
    };
    let mut image = SignalFrame::zeroed();
    image.info = SignalInfo::of(signal);
    image.stack = stack;
    image.blocked = blocked.0;
    image.context = SignalContext {
        fault_address: abort.map_or(0, |_| signal.detail),
        registers: frame.x,
        sp: frame.sp,
        pc: frame.pc,
        pstate: frame.pstate(),
        padding: 0,
    };
    image.floating_point = FloatingPointRecord {
        magic: FLOATING_POINT,
        size: size_of::<FloatingPointRecord>() as u32,
        fpsr: state.fpsr,
        fpcr: state.fpcr,
        vectors: state.v,
    };
    if let Some(syndrome) = abort {
        let size = size_of::<SyndromeRecord>() as u32;
        image.syndrome = SyndromeRecord {
            magic: SYNDROME,
            size,
            syndrome: syndrome.0,
        };
    }
    image
}

/// Where the frame's stack ends: the alternate stack's end if the action asks for it and it isn't in use already.
fn stack_top(sp: u64, stack: &SignalStack, action: &SignalAction) -> u64 {
    let wanted = action.flags & u64::from(SA_ONSTACK) != 0;
    let usable = stack.flags & SS_DISABLE == 0 && stack.size != 0 && !on_stack(sp, stack);
    if wanted && usable {
        stack.base.wrapping_add(stack.size)
    } else {
        sp
    }
}

/// Whether `sp` lies on the alternate stack.
pub(super) fn on_stack(sp: u64, stack: &SignalStack) -> bool {
    stack.flags & (SS_DISABLE | SS_AUTODISARM) == 0 && sp > stack.base && sp - stack.base <= stack.size
}

/// The alternate stack as a program is told it: with whether it is in use.
pub(crate) fn told_stack(sp: u64, stack: &SignalStack) -> SignalStack {
    let mut told = *stack;
    if told.size == 0 {
        told.flags = SS_DISABLE;
    } else if on_stack(sp, stack) {
        told.flags |= SS_ONSTACK;
    }
    told
}

/// Sets the thread's alternate stack (`sigaltstack(2)`), the program's stack pointer being `sp`.
///
/// # Errors
/// `EPERM` on that stack, `EINVAL` for unknown flags, `ENOMEM` for one that is too small.
pub(crate) fn set_stack(thread: &Thread, sp: u64, new: SignalStack) -> Result<(), Errno> {
    let mut signals = thread.signals.lock();
    if on_stack(sp, &signals.stack) {
        return Err(Errno::EPERM);
    }
    signals.stack = match new.flags & !SS_AUTODISARM {
        SS_DISABLE => SignalStack::default(),
        0 | SS_ONSTACK if new.size < u64::from(MINSIGSTKSZ) => return Err(Errno::ENOMEM),
        0 | SS_ONSTACK => SignalStack {
            flags: new.flags & SS_AUTODISARM,
            ..new
        },
        _ => return Err(Errno::EINVAL),
    };
    Ok(())
}
