//! The unikernel.
#![no_std]
#![no_main]

extern crate alloc;

mod arch;
mod board;
mod fs;
mod ktest;
mod loader;
mod logging;
mod memory;
mod panic;
mod process;
mod sync;
mod syscall;

use boot::BootInfo;
use logging::Steps;

/// The exit status when there is no program to run.
const STATUS_NO_PROGRAM: u8 = 127;

/// Where boot hands over: in the high half, MMU and caches on, interrupts masked, on the boot stack. Brings the machine up, in
/// this order, and starts the first program.
#[unsafe(no_mangle)]
extern "C" fn kernel_main(info: &'static BootInfo) -> ! {
    let mut steps = Steps::new();
    steps.done("firmware and boot");
    // SAFETY: this runs once, and nothing ran before it.
    unsafe { arch::init() };
    memory::locate_image(info);
    board::init(info);
    logging::init();
    steps.done("device tree and console");
    // SAFETY: this runs once, while there are no threads and no frames.
    unsafe { memory::init(info) };
    steps.done("memory");
    if board::command_line().push {
        loader::run();
    }
    if memory::has_store() {
        board::power::end_with(loader::run);
    }
    board::interrupts::init();
    steps.done("interrupts");
    board::cores::bring_in();
    steps.done("other cores");
    board::report();
    steps.report();
    if board::command_line().ktest {
        ktest::run();
    }
    match memory::archive() {
        Ok(archive) => board::power::end(process::run_first(archive)),
        Err(why) => {
            board::console::print_error(format_args!("inarch: {why}\n"));
            board::power::end(STATUS_NO_PROGRAM)
        }
    }
}
