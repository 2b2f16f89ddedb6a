//! `cargo xtask`: every command a person types.
//!
//! | verb | what it does |
//! |---|---|
//! | `run` | builds the kernel, packs a program, boots both in QEMU |
//! | `test` | host tests, in-kernel tests, program tests, boot matrix |
//! | `bench` | what the calls cost, on Inarch and on Linux |
//! | `oracle` | random calls on Inarch and on Linux, compared |
//! | `conformance` | the table of what `mremap` answers, from both |
//! | `image`, `flash` | a card for a Raspberry Pi: its image, and written onto a real one |
//! | `push` | a kernel and a program over a serial line, to a board that waits for them |
//! | `gdb` | QEMU stopped at its first instruction, and a debugger with symbols |
//! | `size`, `symbolize` | what fills the image; names for the addresses of a saved panic |
//! | `doctor` | what is there and what is missing; changes nothing |
//!
//! Standard output belongs to the program that runs (or to the test report); all that xtask itself says goes to
//! standard error.

mod archive;
mod bench;
mod card;
mod cli;
mod command;
mod compile;
mod conformance;
mod console;
mod elfcheck;
mod exit;
mod flash;
mod harness;
mod image;
mod line;
mod linux;
mod options;
mod oracle;
mod process;
mod progress;
mod push;
mod qemu;
mod say;
mod setup;
mod symbols;
mod verbs;
mod workspace;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let verb = cli::Cli::parse().verb;
    match verb.run() {
        Ok(status) => status,
        Err(error) => {
            say::error(&error);
            exit::of_error(&error)
        }
    }
}
