//! The protocol's kernel side.

use alloc::string::String;
use core::fmt::{self, Write};
use core::panic::PanicInfo;
use linkme::distributed_slice;

use crate::board::{console, power};
use crate::sync::IrqMutex;

/// A test, as [`crate::ktest!`] registers it.
pub(crate) struct Test {
    /// The path of the module it lies in, with the crate's name in front.
    pub(crate) module: &'static str,
    /// Its function's name.
    pub(crate) name: &'static str,
    /// The function.
    pub(crate) run: fn(),
}

/// All tests, in the order in which the linker found them.
#[distributed_slice]
pub(crate) static TESTS: [Test];

/// The test that runs.
static RUNNING: IrqMutex<Option<&'static Test>> = IrqMutex::new(None);

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let module = self.module.split_once("::").map_or("", |(_, module)| module);
        if module.is_empty() {
            f.write_str(self.name)
        } else {
            write!(f, "{module}::{}", self.name)
        }
    }
}

/// Obeys lines from the console until one says `exit`.
pub(crate) fn run() -> ! {
    console::print(format_args!("ktest: ready\n"));
    loop {
        let line = read_line();
        match line.trim().split_once(' ') {
            Some(("run", name)) => run_named(name),
            None if line.trim() == "list" => list(),
            None if line.trim() == "exit" => power::end(0),
            None if line.trim().is_empty() => {}
            _ => console::print(format_args!("ktest: unknown command {line:?}\n")),
        }
    }
}

fn list() {
    for test in TESTS {
        console::print(format_args!("ktest: test {test}\n"));
    }
    console::print(format_args!("ktest: end\n"));
}

fn run_named(name: &str) {
    let Some(test) = TESTS.iter().find(|test| alloc::format!("{test}") == name) else {
        console::print(format_args!("ktest: unknown test {name}\n"));
        return;
    };
    *RUNNING.lock() = Some(test);
    (test.run)();
    *RUNNING.lock() = None;
    console::print(format_args!("ktest: ok {test}\n"));
}

/// A line from the console, without its end.
fn read_line() -> String {
    let mut line = String::new();
    loop {
        match console::read() {
            Some(b'\n' | b'\r') => return line,
            Some(byte) => line.push(byte.into()),
            None => core::hint::spin_loop(),
        }
    }
}

/// Tells the host which test a panic ended, and where.
pub(crate) fn panicked(info: &PanicInfo<'_>) {
    // SAFETY: this is a panic; whoever held the lock does not go on.
    unsafe { RUNNING.seize() };
    let Some(test) = *RUNNING.lock() else { return };
    let (file, line) = info
        .location()
        .map_or(("unknown", 0), |at| (at.file(), at.line()));
    console::print(format_args!("ktest: failed {test} at {file}:{line}: "));
    // Nothing is taken from the heap, which may be what panicked.
    let _ = write!(OneLine { lines: 1 }, "{}", info.message());
    console::print(format_args!("\n"));
}

/// How many lines of a message the host is told.
const LINES: usize = 4;

/// Prints the first lines of a message as one.
struct OneLine {
    lines: usize,
}

impl Write for OneLine {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for (number, line) in text.split('\n').enumerate() {
            self.lines += usize::from(number > 0);
            if self.lines <= LINES {
                console::print(format_args!("{}{line}", if number > 0 { " / " } else { "" }));
            }
        }
        Ok(())
    }
}
