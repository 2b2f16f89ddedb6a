//! What happens when the kernel finds a mistake of its own.

use core::panic::PanicInfo;
use core::sync::atomic::{AtomicBool, Ordering::SeqCst};

use crate::arch;
use crate::board::{console, power};

/// The exit status of a machine whose kernel panicked.
const STATUS: u8 = 101;

/// Says what went wrong, where, and by which calls, and ends the machine.
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    static PANICKED: AtomicBool = AtomicBool::new(false);
    // For good: nothing goes on after this.
    let _ = arch::interrupts::mask();
    // SAFETY: whoever holds the console does not go on: this core ends here, and no other runs.
    unsafe { console::seize() };
    if PANICKED.swap(true, SeqCst) {
        console::print_error(format_args!("kernel panic while panicking: {}\n", info.message()));
        power::end(STATUS);
    }
    match info.location() {
        Some(at) => {
            let (file, line) = (at.file(), at.line());
            console::print_error(format_args!(
                "kernel panic at {file}:{line}: {}\n",
                info.message()
            ));
        }
        None => console::print_error(format_args!("kernel panic: {}\n", info.message())),
    }
    print_callers();
    #[cfg(feature = "ktest")]
    crate::ktest::panicked(info);
    power::end(STATUS)
}

/// The return addresses of the calls that led here, innermost first. Whoever has the ELF file can name them.
fn print_callers() {
    console::print_error(format_args!("call stack:\n"));
    for (number, address) in arch::backtrace::current().enumerate() {
        console::print_error(format_args!("  #{number} {address:#018x}\n"));
    }
}
