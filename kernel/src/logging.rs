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

/// The steps of the start, with the time that each took.
pub(crate) struct Stages {
    before: Duration,
}

impl Stages {
    /// The steps before this moment are called `name`; the next begins now.
    pub(crate) fn begin(name: &str) -> Self {
        let mut stages = Self {
            before: Duration::ZERO,
        };
        stages.done(name);
        stages
    }

    /// The step `name` is done, and the next begins.
    pub(crate) fn done(&mut self, name: &str) {
        let now = timer::since_boot();
        log::debug!("{name}: {} ns", (now - self.before).as_nanos());
        self.before = timer::since_boot();
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
