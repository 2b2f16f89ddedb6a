//! Locks. There are two kinds, and each datum says by its type which one guards it:
//!
//! - [`Mutex`] is for what no interrupt handler touches.
//! - [`IrqMutex`] is for what an interrupt handler may touch: while it is held, interrupts are masked on this core.
//!
//! The kernel is not preempted, and takes interrupts only where it waits for one. Nobody waits, or gives the core to another
//! thread, with a lock held.
//!
//! Order: a lock is taken only while the locks held come before it in this list. Locks of one line are never held together.
//!
//! 1. processes, threads and their tables of open files
//! 2. an address space
//! 3. an object that is mapped (the contents of a memory file)
//! 4. the kernel's heap
//! 5. the tables of the kernel's half ([`crate::memory`])
//! 6. the page frames
//! 7. run queue of the scheduler (`IrqMutex`)
//! 8. interrupt controller (`IrqMutex`)
//! 9. console (`IrqMutex`), so that a message may be written while any other lock is held

use core::ops::{Deref, DerefMut};

pub(crate) use spin::Once;

use crate::arch;

/// While it lives, interrupts are masked on this core.
pub(crate) struct MaskedInterrupts(arch::interrupts::Masked);

impl MaskedInterrupts {
    /// Masks interrupts until the value is dropped, which brings back what was.
    pub(crate) fn new() -> Self {
        Self(arch::interrupts::mask())
    }
}

impl Drop for MaskedInterrupts {
    fn drop(&mut self) {
        arch::interrupts::restore(self.0);
    }
}

/// A lock for what no interrupt handler touches.
pub(crate) struct Mutex<T: ?Sized>(spin::mutex::SpinMutex<T>);

/// A held [`Mutex`].
pub(crate) type MutexGuard<'a, T> = spin::mutex::SpinMutexGuard<'a, T>;

impl<T> Mutex<T> {
    /// A lock that guards `data`.
    pub(crate) const fn new(data: T) -> Self {
        Self(spin::mutex::SpinMutex::new(data))
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Waits for the lock and takes it.
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock()
    }
}

/// A lock for what an interrupt handler may touch.
pub(crate) struct IrqMutex<T: ?Sized>(spin::mutex::SpinMutex<T>);

/// A held [`IrqMutex`].
pub(crate) struct IrqMutexGuard<'a, T: ?Sized> {
    // Fields are dropped in order: the lock is free before an interrupt is taken.
    data: spin::mutex::SpinMutexGuard<'a, T>,
    _masked: MaskedInterrupts,
}

impl<T> IrqMutex<T> {
    /// A lock that guards `data`.
    pub(crate) const fn new(data: T) -> Self {
        Self(spin::mutex::SpinMutex::new(data))
    }
}

impl<T: ?Sized> IrqMutex<T> {
    /// Masks interrupts, waits for the lock and takes it.
    pub(crate) fn lock(&self) -> IrqMutexGuard<'_, T> {
        let masked = MaskedInterrupts::new();
        IrqMutexGuard {
            data: self.0.lock(),
            _masked: masked,
        }
    }

    /// Frees the lock, whoever holds it.
    ///
    /// # Safety
    ///
    /// Whoever held the lock never goes on: the kernel has panicked and this core is the only one that still runs.
    pub(crate) unsafe fn seize(&self) {
        // SAFETY: nobody uses a guard again.
        unsafe { self.0.force_unlock() };
    }
}

impl<T: ?Sized> Deref for IrqMutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.data
    }
}

impl<T: ?Sized> DerefMut for IrqMutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.data
    }
}

crate::ktest! {
    /// The interrupt-safe kind masks interrupts and puts back what was. That it is the inner of two changes nothing.
    fn an_interrupt_safe_lock_masks_interrupts() {
        let (outer, inner) = (IrqMutex::new(()), IrqMutex::new(()));
        let before = arch::interrupts::are_unmasked();
        let held = (outer.lock(), inner.lock());
        assert!(!arch::interrupts::are_unmasked());
        drop(held.1);
        assert!(!arch::interrupts::are_unmasked());
        drop(held.0);
        assert_eq!(arch::interrupts::are_unmasked(), before);
    }
}
