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
//! A verb is a file in `verbs`, or the folder of its name where it is more: `bench`, `oracle`, `conformance`. What they stand on:
//!
//! | module | what it does |
//! |---|---|
//! | `harness` | the tests of every kind, as trials of one run |
//! | `qemu`, `linux`, `console` | machines: QEMU's command line, a boot from power-on to its end; Debian's kernel; names for a panic's addresses |
//! | `line`, `push` | a serial line to a board, and the transfer of a kernel over it |
//! | `card`, `flash` | the files and the image of a card; a disk that it may be written onto |
//! | `compile`, `elf`, `archive` | what is booted: built, checked, packed |
//! | `setup` | what has to be there first, fetched or installed: QEMU, `core`, compilers, firmware |
//! | `cli`, `options`, `exit` | what people give, and what they get |
//! | `say`, `progress`, `command`, `process`, `workspace` | tools of all: messages, other programs, folders |
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
mod elf;
mod exit;
mod flash;
mod harness;
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
