//! Threads of the kernel: where they begin, how one gives way to another, and what belongs to a program besides its frame.

use super::frame::UserFrame;

core::arch::global_asm!(include_str!("context.s"));

unsafe extern "C" {
    fn arch_switch(from: *mut Context, to: *const Context);
    fn arch_thread_start();
    fn arch_enter_user(frame: &UserFrame) -> !;
    fn arch_save_fp(state: *mut FpState);
    fn arch_restore_fp(state: *const FpState);
}

/// Where a kernel thread goes on when it is switched to: the registers that a call preserves (AAPCS64).
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Context {
    /// `x19` to `x28`, frame pointer, link register.
    preserved: [u64; 12],
    sp: u64,
}

impl Context {
    /// To leave the first thread in. Going on with it before leads nowhere.
    pub(crate) const EMPTY: Self = Self {
        preserved: [0; 12],
        sp: 0,
    };

    /// A thread that has yet to run: it will call `function` with `argument`, on the stack that ends at `stack_top`.
    /// That must be the end of a slot of `boot::KERNEL_STACK_SLOT`.
    pub(crate) fn new(stack_top: u64, function: extern "C" fn(usize) -> !, argument: usize) -> Self {
        debug_assert!(stack_top.is_multiple_of(boot::KERNEL_STACK_SLOT));
        let mut context = Self {
            preserved: [0; 12],
            sp: stack_top,
        };
        context.preserved[0] = function as usize as u64;
        context.preserved[1] = argument as u64;
        context.preserved[11] = arch_thread_start as *const () as u64;
        context
    }
}

/// Leaves the running thread in `from` and goes on with `to`. Returns when something switches back to `from`.
///
/// # Safety
/// Interrupts are masked. `from` is writable; `to` was made by [`Context::new`] with a stack that nobody else uses, or left by an earlier
/// switch and not gone on with since; its stack is mapped. No lock that the other thread could want is held.
pub(crate) unsafe fn switch(from: *mut Context, to: *const Context) {
    // SAFETY: as the caller says.
    unsafe { arch_switch(from, to) }
}

/// Leaves the kernel: the program goes on by `frame`. What lies on this thread's kernel stack is given up; its next exception
/// finds the stack empty.
///
/// # Safety
/// The program's tables are installed, and nothing on this stack is needed or must be dropped.
pub(crate) unsafe fn enter_user(frame: &UserFrame) -> ! {
    // SAFETY: a `UserFrame` leads to EL0 whatever it holds; the rest as the caller says.
    unsafe { arch_enter_user(frame) }
}

/// The FP and SIMD registers of a program. The kernel uses none of them itself, so they change only by [`FpState::restore`].
#[repr(C, align(16))]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FpState {
    /// `v0` to `v31`.
    pub(crate) v: [u128; 32],
    /// The status register.
    pub(crate) fpsr: u32,
    /// The control register.
    pub(crate) fpcr: u32,
}

const _: () = assert!(core::mem::offset_of!(FpState, fpsr) == 512 && size_of::<FpState>() == 528);

impl FpState {
    /// What a program starts with: all zero, round to nearest, nothing traps.
    pub(crate) const fn new() -> Self {
        Self {
            v: [0; 32],
            fpsr: 0,
            fpcr: 0,
        }
    }

    /// Takes what the processor holds.
    pub(crate) fn save(&mut self) {
        // SAFETY: the routine writes the 520 bytes of the fields, nothing else.
        unsafe { arch_save_fp(self) }
    }

    /// Makes the processor hold it.
    pub(crate) fn restore(&self) {
        // SAFETY: the routine reads the 520 bytes of the fields. No code of the kernel keeps anything in these registers.
        unsafe { arch_restore_fp(self) }
    }
}

#[cfg(feature = "ktest")]
mod tests;
