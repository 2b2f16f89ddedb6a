//! What every EL0 program of the project starts with: entry, raw system calls, printing.
//!
//! A program that stands on this crate is an ordinary static Linux/arm64 executable: it is built for the kernel's own
//! target, links no C library, and runs on Inarch and on Linux alike. Its frame is
//!
//! ```ignore
//! #![cfg_attr(target_os = "none", no_std)]
//! #![no_main]
//!
//! rt::main!(run);
//!
//! fn run(environment: rt::Environment) -> u8 {
//!     rt::println!("hello");
//!     0
//! }
//! ```
//!
//! The same source also builds for a Linux host (arm64 or x86-64), where the C library calls `main`; what must run on
//! the host as well, for a comparison with the host's kernel, is written that way.
//!
//! The numbers and structures of the system calls come from `linux-raw-sys`, re-exported as [`linux`].
#![no_std]

pub use linux_raw_sys as linux;

pub mod clock;
mod counter;
mod environment;
mod errno;
pub mod file;
pub mod memory;
mod print;
pub mod process;
pub mod scratch;
#[cfg(target_os = "none")]
mod start;
pub mod syscall;
pub mod terminal;

pub use counter::{counter, frequency};
pub use environment::{Auxiliary, Environment};
pub use errno::Errno;
#[doc(hidden)]
pub use print::print_to;
#[cfg(target_os = "none")]
pub use start::first_instruction;

/// Bytes in a page. Every program here is written for 4 KiB pages, the only size that Inarch has.
pub const PAGE: usize = 4096;

/// Makes a function of type `fn(Environment) -> u8` the program: what it returns is the exit status.
#[macro_export]
macro_rules! main {
    ($run:path) => {
        // The C library calls it on the host; `_start` of this crate on the board's target.
        // SAFETY: the program's only symbol of that name, with the type that C prescribes for it.
        #[unsafe(export_name = "main")]
        extern "C" fn entry(argc: i32, argv: *const *const core::ffi::c_char) -> i32 {
            let run: fn($crate::Environment) -> u8 = $run;
            // SAFETY: `main` is called once, with the argument vector that the kernel put on the stack.
            run(unsafe { $crate::Environment::new(argc, argv) }).into()
        }
    };
}
