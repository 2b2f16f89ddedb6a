//! The kernel's command line: `/chosen/bootargs` of the device tree.

use crate::PhysRange;

/// How much the kernel tells, from least to most.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogLevel {
    /// What stops the machine.
    Error,
    /// What a person should know: the default.
    Warn,
    /// The machine as it was found.
    Info,
    /// The steps of the start, with their times.
    Debug,
    /// Everything.
    Trace,
}

/// Which memory of a program may be in blocks of 2 MiB.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HugePages {
    /// All that the program does not forbid.
    Always,
    /// That for which it asks: the default.
    Madvise,
    /// None.
    Never,
}

/// The words that the kernel knows. Words it does not know are ignored, since firmware adds its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CommandLine {
    /// `semihosting`: a host listens to semihosting calls. It gets the exit status, the kernel's log and the program's
    /// standard error.
    pub semihosting: bool,
    /// `log=error|warn|info|debug|trace`: how much the kernel tells.
    pub log: LogLevel,
    /// `trace`: name each system call that is not implemented, once.
    pub trace: bool,
    /// `ktest`: run the in-kernel harness in place of a program.
    pub ktest: bool,
    /// `push`: wait on the serial line for another kernel, in place of a program.
    pub push: bool,
    /// `again=START,BYTES`: in the end, wait for another kernel instead of switching the machine off. That memory is kept for it, and
    /// holds what came last; numbers as for `initrd`. Not for persons: it is written by the kernel that started this one.
    pub again: Option<PhysRange>,
    /// `initrd=START,BYTES`: where the archive is, for a loader that cannot say so in the device tree. Both numbers are decimal,
    /// or hexadecimal behind `0x`.
    pub initrd: Option<PhysRange>,
    /// `notty=DIGITS`: which of the program's descriptors 0, 1 and 2 lead to no terminal at the host's end. With `semihosting`, an input
    /// that is no terminal is read from the host.
    pub notty: [bool; 3],
    /// `transparent_hugepage=always|madvise|never`, as on Linux: what `/sys/kernel/mm/transparent_hugepage/enabled` says before
    /// anybody writes to it.
    pub huge_pages: HugePages,
}

impl CommandLine {
    /// What holds without a command line.
    pub const DEFAULT: Self = Self {
        semihosting: false,
        log: LogLevel::Warn,
        trace: false,
        ktest: false,
        push: false,
        again: None,
        initrd: None,
        notty: [false; 3],
        huge_pages: HugePages::Madvise,
    };

    /// Reads the words of `bootargs`. The last of two contradicting words holds.
    pub fn parse(bootargs: &str) -> Self {
        let mut line = Self::DEFAULT;
        for word in bootargs.split_ascii_whitespace() {
            match word {
                "semihosting" => line.semihosting = true,
                "trace" => line.trace = true,
                "ktest" => line.ktest = true,
                "push" => line.push = true,
                "log=error" => line.log = LogLevel::Error,
                "log=warn" => line.log = LogLevel::Warn,
                "log=info" => line.log = LogLevel::Info,
                "log=debug" => line.log = LogLevel::Debug,
                "log=trace" => line.log = LogLevel::Trace,
                _ => line.setting(word),
            }
        }
        line
    }

    /// Reads a word that has a value.
    fn setting(&mut self, word: &str) {
        match word.split_once('=') {
            Some(("again", value)) => self.again = place(value).or(self.again),
            Some(("initrd", value)) => self.initrd = place(value).or(self.initrd),
            Some(("transparent_hugepage", word)) => {
                self.huge_pages = match word {
                    "always" => HugePages::Always,
                    "madvise" => HugePages::Madvise,
                    "never" => HugePages::Never,
                    _ => self.huge_pages,
                }
            }
            Some(("notty", digits)) => {
                self.notty =
                    [0, 1, 2].map(|descriptor| digits.bytes().any(|digit| digit == b'0' + descriptor));
            }
            _ => {}
        }
    }
}

/// The range of `START,BYTES`; `None` for anything else.
fn place(text: &str) -> Option<PhysRange> {
    let (start, bytes) = text.split_once(',')?;
    PhysRange::from_len(number(start)?, number(bytes)?).filter(|range| !range.is_empty())
}

fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_among_those_of_the_firmware() {
        let line =
            CommandLine::parse("console=ttyAMA0 semihosting  log=debug rootwait ktest initrd=0x48000000,16");
        let initrd = Some(PhysRange::new(0x4800_0000, 0x4800_0010));
        assert_eq!(
            line,
            CommandLine {
                semihosting: true,
                log: LogLevel::Debug,
                trace: false,
                ktest: true,
                push: false,
                again: None,
                initrd,
                notty: [false; 3],
                huge_pages: HugePages::Madvise,
            }
        );
    }

    #[test]
    fn a_kernel_waits_for_another() {
        let line = CommandLine::parse("push again=0x1000,0x2000");
        assert!(line.push);
        assert_eq!(line.again, Some(PhysRange::new(0x1000, 0x3000)));
        assert_eq!(CommandLine::parse("again=1").again, None);
    }

    #[test]
    fn descriptors_that_are_no_terminal() {
        assert_eq!(CommandLine::parse("notty=02").notty, [true, false, true]);
        assert_eq!(CommandLine::parse("notty=9x").notty, [false; 3]);
    }

    #[test]
    fn huge_pages_are_where_the_line_says() {
        let read = |word: &str| CommandLine::parse(word).huge_pages;
        assert_eq!(read("transparent_hugepage=always"), HugePages::Always);
        assert_eq!(
            read("transparent_hugepage=never transparent_hugepage=x"),
            HugePages::Never
        );
        assert_eq!(
            read("transparent_hugepage=never transparent_hugepage=madvise"),
            HugePages::Madvise
        );
    }

    #[test]
    fn unknown_words_change_nothing() {
        assert_eq!(
            CommandLine::parse("log=loud trace=1 Semihosting"),
            CommandLine::DEFAULT
        );
        assert_eq!(CommandLine::parse(""), CommandLine::DEFAULT);
        assert_eq!(
            CommandLine::parse("initrd=/boot/initrd initrd=1, initrd=-1,2 initrd=0xz,1"),
            CommandLine::DEFAULT
        );
        assert_eq!(
            CommandLine::parse("initrd=4096,0 initrd=0xffffffffffffffff,2"),
            CommandLine::DEFAULT
        );
    }

    #[test]
    fn the_last_word_holds() {
        assert_eq!(CommandLine::parse("log=error log=trace").log, LogLevel::Trace);
    }
}
