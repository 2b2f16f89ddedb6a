//! The raw system call: a number and up to six words in, one word or an error out.

use core::arch::asm;

use crate::Errno;

/// Makes system call `number` with six argument words; a call that takes fewer ignores the rest.
///
/// # Safety
/// The kernel reads and writes this process's memory as the call says. Neither may touch memory that a live Rust
/// reference covers, other than as that reference allows; and a call that unmaps memory or starts a thread must leave
/// the program sound.
pub unsafe fn syscall(number: usize, arguments: [usize; 6]) -> Result<usize, Errno> {
    // SAFETY: what the caller vouches for is what `raw` asks.
    let answer = unsafe { raw(number, arguments) };
    // -4095..=-1 are errors, everything else is a result (arch/arm64 and x86 alike).
    match answer {
        -4095..=-1 => Err(Errno(-answer as u16)),
        result => Ok(result as usize),
    }
}

/// Makes system call `number` and gives back the answer's word untouched.
///
/// # Safety
/// As for [`syscall`].
#[cfg(target_arch = "aarch64")]
#[inline(always)]
pub unsafe fn raw(number: usize, arguments: [usize; 6]) -> isize {
    let [a, b, c, d, e, f] = arguments;
    let answer;
    // SAFETY: `svc` follows Linux's arm64 convention: number in x8, arguments in x0 to x5, answer in x0, every other
    // register kept. What it does to memory is what the caller vouches for.
    unsafe {
        asm!("svc #0", in("x8") number, inlateout("x0") a => answer, in("x1") b, in("x2") c, in("x3") d, in("x4") e,
            in("x5") f, options(nostack));
    }
    answer
}

/// Makes system call `number` and gives back the answer's word untouched.
///
/// # Safety
/// As for [`syscall`].
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub unsafe fn raw(number: usize, arguments: [usize; 6]) -> isize {
    let [a, b, c, d, e, f] = arguments;
    let answer;
    // SAFETY: `syscall` follows Linux's x86-64 convention and changes rax, rcx and r11. What it does to memory is what
    // the caller vouches for.
    unsafe {
        asm!("syscall", inlateout("rax") number => answer, in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d,
            in("r8") e, in("r9") f, lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    answer
}

/// Makes the system call `__NR_$name` with up to six arguments, each cast to a word. Unsafe as [`syscall`] is.
#[macro_export]
macro_rules! syscall {
    ($name:ident $(, $argument:expr)* $(,)?) => {{
        let given: &[usize] = &[$($argument as usize),*];
        let mut arguments = [0; 6];
        arguments[..given.len()].copy_from_slice(given);
        $crate::syscall::syscall($crate::linux::general::$name as usize, arguments)
    }};
}
