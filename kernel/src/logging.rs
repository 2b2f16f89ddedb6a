//! The kernel's log: the facade of the crate `log`, on the console. The command line says how much is told.

use core::time::Duration;
use hardware::LogLevel;
use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::board::{self, console, timer};

struct ConsoleLog;

static LOG: ConsoleLog = ConsoleLog;

impl Log for ConsoleLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let now = timer::since_boot();
        let level = match record.level() {
            Level::Error => "error",
            Level::Warn => "warning",
            Level::Info => "info",
            Level::Debug => "debug",
            Level::Trace => "trace",
        };
        let (seconds, micros) = (now.as_secs(), now.subsec_micros());
        console::print_error(format_args!(
            "[{seconds:5}.{micros:06}] {level}: {}\n",
            record.args()
        ));
    }

    fn flush(&self) {}
}

/// Starts the log, at the level that the command line names.
pub(crate) fn init() {
    let level = match board::command_line().log {
        LogLevel::Error => LevelFilter::Error,
        LogLevel::Warn => LevelFilter::Warn,
        LogLevel::Info => LevelFilter::Info,
        LogLevel::Debug => LevelFilter::Debug,
        LogLevel::Trace => LevelFilter::Trace,
    };
    // It fails only when there is a logger already, and there is no other.
    let _ = log::set_logger(&LOG);
    log::set_max_level(level);
}

/// How many steps the start has at most.
const STEPS: usize = 8;

/// The steps of the start, with the time at which each was done.
pub(crate) struct Steps {
    done: [(&'static str, Duration); STEPS],
    count: usize,
}

impl Steps {
    /// None yet: the first began with the machine.
    pub(crate) const fn new() -> Self {
        Self {
            done: [("", Duration::ZERO); STEPS],
            count: 0,
        }
    }

    /// The step `name` is done, and the next begins.
    pub(crate) fn done(&mut self, name: &'static str) {
        if let Some(step) = self.done.get_mut(self.count) {
            *step = (name, timer::since_boot());
            self.count += 1;
        }
    }

    /// Tells how long each step took.
    pub(crate) fn report(&self) {
        let mut before = Duration::ZERO;
        for (name, at) in &self.done[..self.count] {
            log::debug!("{name}: {} ns", (*at - before).as_nanos());
            before = *at;
        }
    }
}

crate::ktest! {
    /// What the command line does not ask for is not told.
    fn levels_come_from_the_command_line() {
        let asked = board::command_line().log;
        let told = |level| log::log_enabled!(level);
        assert!(told(Level::Error));
        assert_eq!(told(Level::Warn), asked != LogLevel::Error);
        assert_eq!(told(Level::Trace), asked == LogLevel::Trace);
    }
}
