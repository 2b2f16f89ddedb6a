//! `cargo xtask push`: a kernel and a program over a serial line.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use push::Ending;

use super::program::ProgramOptions;
use crate::compile::{self, Flavor};
use crate::console::Annotator;
use crate::line::{Address, Line};
use crate::options::{BuildOptions, KernelOptions, Terminals, parse_seconds};
use crate::push::terminal::{self, End};
use crate::push::{self as transfer, Bar, Load, Sent};
use crate::setup::core::Core;
use crate::{archive, exit, say};

/// The rate of a Raspberry Pi's firmware, and of the kernel.
const BAUD: u32 = 115_200;

/// Send a kernel and a program over a serial line to a board that waits for them, and be its terminal
///
/// The board's card holds the loader: `cargo xtask image --loader` makes it, once. Power may be given before or after this command. The
/// program's output and exit status are those of this command, as with `cargo xtask run`; Ctrl-] leaves. A cable that is pulled out may
/// be put back at any time.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask push --port /dev/ttyUSB0             the demonstration
  cargo xtask push --port /dev/ttyUSB0 --program prog --root files -- a b c
  cargo xtask push --port /dev/ttyAMA0 --again     the board waits for the next in the end
  cargo xtask push --port tcp:host:2000            a serial line that another machine offers
  cargo xtask push --port unix:/tmp/line           a machine in QEMU, started with
      -serial unix:/tmp/line,server=on,wait=off

Exit status: the program's own, as with `cargo xtask run`, or
  0    you left by Ctrl-]
  124  time ran out
  125  the board was not reached")]
pub(crate) struct Push {
    /// The line: a serial device, `unix:PATH` or `tcp:HOST:PORT`
    #[arg(long, value_name = "PORT")]
    port: Address,
    #[command(flatten)]
    line: LineOptions,
    /// Have the kernel wait for the next when the program has ended, instead of switching the board off
    ///
    /// What has come already, and is the same the next time, needn't come again. The board's other cores stay outside.
    #[arg(long)]
    again: bool,
    /// Leave so many seconds after the kernel was started
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    timeout: Option<Duration>,
    #[command(flatten)]
    program: ProgramOptions,
    #[command(flatten)]
    kernel: KernelOptions,
    #[command(flatten)]
    build: BuildOptions,
}

/// The line to the board.
#[derive(Args, Clone, Debug)]
pub(crate) struct LineOptions {
    /// The baud rate of the serial device
    #[arg(long, value_name = "RATE", default_value_t = BAUD)]
    pub(super) baud: u32,
    /// Give up if no board answers for so many seconds
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = parse_seconds)]
    pub(super) wait: Duration,
}

impl Push {
    /// Does it.
    pub(crate) fn run(self) -> Result<ExitCode> {
        // What is wrong should be said before anything gets built.
        self.program.check()?;
        let mut line = Line::open(self.port.clone(), self.line.baud)?;
        let core = Core::ensure(&self.build)?;
        let kernel = compile::kernel(&core, Flavor::Plain)?;
        let load = Load {
            kernel: &fs_err::read(&kernel.image)?,
            archive: &archive::bytes(&self.program.contents(&core)?)?,
            words: &self.kernel.words_on_a_board(Terminals::here()).join(" "),
            ending: if self.again { Ending::Again } else { Ending::Off },
        };
        let sent = transfer::send(
            &mut line,
            self.line.baud,
            &load,
            self.line.wait,
            &mut Bar::default(),
        )?;
        say::note(&told(&sent));
        let annotator = Annotator::with_verdict(kernel.elf);
        Ok(match terminal::run(&mut line, &annotator, self.timeout)? {
            End::Status(status) => ExitCode::from(status),
            End::Left => ExitCode::SUCCESS,
            End::TimedOut => {
                say::warning("time ran out; the board goes on");
                ExitCode::from(exit::TIMED_OUT)
            }
        })
    }
}

/// What came of the transfer, in words.
fn told(sent: &Sent) -> String {
    let seconds = sent.time.as_secs_f64();
    let again = match sent.repeated {
        0 => String::new(),
        1 => ", one message twice".to_owned(),
        number => format!(", {number} messages more than once"),
    };
    format!(
        "{} KiB in {seconds:.1} s{again}; the kernel starts; Ctrl-] leaves",
        sent.bytes.div_ceil(1024)
    )
}
