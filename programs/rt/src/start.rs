//! Where the kernel jumps to, and what happens on a panic.

use core::arch::global_asm;
use core::ffi::c_char;
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::linux::auxvec::AT_EXECFN;
use crate::{Environment, PAGE, process};

// The counter is read by the very first instruction, so that a program can say when it began. The frame pointer and
// the link register are zeroed: the call stack ends here.
global_asm!(
    ".globl _start",
    ".type _start, %function",
    "_start:",
    "mrs x1, cntvct_el0",
    "mov x29, #0",
    "mov x30, #0",
    "mov x0, sp",
    "b {start}",
    ".size _start, . - _start",
    start = sym start,
);

unsafe extern "C" {
    /// The program, made by [`main!`](crate::main).
    fn main(argc: i32, argv: *const *const c_char) -> i32;
}

static FIRST_INSTRUCTION: AtomicU64 = AtomicU64::new(0);

/// The value of the counter (`CNTVCT_EL0`) at the program's first instruction.
pub fn first_instruction() -> u64 {
    FIRST_INSTRUCTION.load(Ordering::Relaxed)
}

static STACK_TOP: AtomicUsize = AtomicUsize::new(usize::MAX);

/// The address after the stack's last page.
pub(crate) fn stack_top() -> usize {
    STACK_TOP.load(Ordering::Relaxed)
}

/// Takes over from `_start`. `stack` is the stack pointer as the kernel set it: `argc`, then `argv`.
extern "C" fn start(stack: *const usize, ticks: u64) -> ! {
    FIRST_INSTRUCTION.store(ticks, Ordering::Relaxed);
    // SAFETY: the kernel puts the argument count, a word, at the stack pointer.
    let argc = unsafe { *stack } as i32;
    let argv = stack.wrapping_add(1).cast();
    // SAFETY: the argument vector follows the count.
    let environment = unsafe { Environment::new(argc, argv) };
    STACK_TOP.store(top_of(stack.addr(), &environment), Ordering::Relaxed);
    // SAFETY: the count and the vector are what `main` is called with.
    process::exit(unsafe { main(argc, argv) } as u8)
}

/// The end of the page with the program's path, which lies above all else that the kernel puts on the stack.
fn top_of(stack: usize, environment: &Environment) -> usize {
    let path = environment.auxiliary_value(AT_EXECFN).unwrap_or(stack);
    path.max(stack).next_multiple_of(PAGE)
}

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    crate::eprintln!("{info}");
    process::abort()
}
