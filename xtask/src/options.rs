//! The options that `run`, `test`, `bench` and `gdb` share, and what they come to.

use std::io::IsTerminal;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use clap::{Args, ValueEnum};

use crate::qemu::machine::{Entry, Icount, Machine, Serial};
use crate::qemu::raspi::Model;
use crate::setup::device_trees;

/// What the machine is like.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Machine")]
pub(crate) struct MachineOptions {
    /// QEMU's machine
    #[arg(long, value_enum, default_value_t = Board::Virt)]
    pub(crate) machine: Board,
    /// CPU model: cortex-a53, cortex-a72, cortex-a76, max, ... [default: max]
    #[arg(long, value_name = "MODEL")]
    pub(crate) cpu: Option<String>,
    /// Memory, as 256M or 8G [default: 3G]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(crate) memory: Option<Size>,
    /// Number of cores [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    pub(crate) smp: Option<u16>,
    /// Version of the interrupt controller: 2 or 3 [default: 3]
    #[arg(long, value_name = "VERSION", value_parser = clap::value_parser!(u8).range(2..=3))]
    pub(crate) gic: Option<u8>,
    /// Enter the kernel at EL2
    #[arg(long)]
    pub el2: bool,
    /// Enter the kernel at EL3 (boots the ELF file: no firmware hands over the device tree, and there is no PSCI)
    #[arg(long, conflicts_with = "el2")]
    pub el3: bool,
    /// Count instructions instead of time: one nanosecond each, the same in every run
    ///
    /// With `--cpu max` (the default) CNTVCT_EL0 counts instructions exactly.
    #[arg(long)]
    pub(crate) icount: bool,
}

/// What the kernel says.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Kernel")]
pub(crate) struct KernelOptions {
    /// The kernel's log, down to this level [default: warn]
    #[arg(long, value_name = "LEVEL", value_enum)]
    pub(crate) log: Option<Level>,
    /// Name each system call that isn't implemented, once
    #[arg(long)]
    pub(crate) trace: bool,
}

/// How things get built.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Build")]
pub(crate) struct BuildOptions {
    /// Build core and alloc from source instead of taking them from rustup
    #[arg(long, env = "INARCH_BUILD_STD", value_parser = clap::builder::FalseyValueParser::new(), hide_env_values = true)]
    pub(crate) build_std: bool,
}

/// The machines that QEMU imitates.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Board {
    /// QEMU's own machine
    Virt,
    /// Raspberry Pi 3 Model B, with Linux's device tree
    Raspi3b,
    /// Raspberry Pi 4 Model B, with Linux's device tree
    Raspi4b,
}

/// Levels of the kernel's log.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// What stops the machine
    Error,
    /// What may be wrong
    Warn,
    /// The machine as it was found
    Info,
    /// The steps of the start, with their times
    Debug,
    /// Everything
    Trace,
}

/// An amount of memory, kept with the spelling that QEMU gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    /// In bytes.
    pub(crate) bytes: u64,
    /// As it was written.
    pub(crate) text: String,
}

/// Reads `512`, `256M`, `8G`: like QEMU, mebibytes where no unit is given.
pub(crate) fn parse_size(text: &str) -> Result<Size> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: u64 = match text[digits.len()..].to_ascii_uppercase().as_str() {
        "" | "M" | "MB" | "MIB" => 1 << 20,
        "K" | "KB" | "KIB" => 1 << 10,
        "G" | "GB" | "GIB" => 1 << 30,
        _ => bail!("give the size as 256M or 8G"),
    };
    let number: u64 = digits
        .parse()
        .map_err(|_| anyhow!("give the size as 256M or 8G"))?;
    let bytes = number
        .checked_mul(unit)
        .filter(|&bytes| bytes > 0 && bytes <= 1 << 40);
    let bytes = bytes.ok_or_else(|| anyhow!("between 1M and 1024G"))?;
    let text = if bytes.is_multiple_of(1 << 30) {
        format!("{}G", bytes >> 30)
    } else if bytes.is_multiple_of(1 << 20) {
        format!("{}M", bytes >> 20)
    } else {
        format!("{}K", bytes >> 10)
    };
    Ok(Size { bytes, text })
}

impl MachineOptions {
    /// Whether nothing was chosen that says what the machine is like.
    pub(crate) fn is_default(&self) -> bool {
        self.machine == Board::Virt
            && self.cpu.is_none()
            && self.memory.is_none()
            && self.smp.is_none()
            && self.gic.is_none()
            && !self.el2
            && !self.el3
    }

    /// The machine that these options mean.
    pub(crate) fn machine(&self) -> Result<Machine> {
        match self.machine {
            Board::Virt => {}
            Board::Raspi3b => return self.raspi(Model::Raspi3b),
            Board::Raspi4b => return self.raspi(Model::Raspi4b),
        }
        let mut machine = Machine::default();
        if let Some(cpu) = &self.cpu {
            machine.cpu.clone_from(cpu);
        }
        if let Some(memory) = &self.memory {
            machine.memory = memory.clone();
        }
        machine.cores = self.smp.unwrap_or(machine.cores);
        machine.gic = self.gic.unwrap_or(machine.gic);
        machine.entry = match (self.el2, self.el3) {
            (_, true) => Entry::El3,
            (true, _) => Entry::El2,
            _ => Entry::El1,
        };
        machine.icount = self.icount();
        if machine.gic == 2 && machine.cores > 8 {
            bail!("a GICv2 serves at most 8 cores; give --gic 3 or a smaller --smp");
        }
        Ok(machine)
    }

    /// A Raspberry Pi, of which nothing can be chosen.
    fn raspi(&self, model: Model) -> Result<Machine> {
        let chosen = [
            ("--cpu", self.cpu.is_some()),
            ("--memory", self.memory.is_some()),
            ("--smp", self.smp.is_some()),
            ("--gic", self.gic.is_some()),
            ("--el2", self.el2),
            ("--el3", self.el3),
        ];
        if let Some((option, _)) = chosen.iter().find(|(_, chosen)| *chosen) {
            bail!("a {} is as it is; leave out {option}", model.name());
        }
        let machine = Machine::of(device_trees::raspi(model)?);
        Ok(Machine {
            icount: self.icount(),
            ..machine
        })
    }

    fn icount(&self) -> Icount {
        if self.icount {
            Icount::Measuring
        } else {
            Icount::Off
        }
    }
}

impl KernelOptions {
    /// The words for the kernel's command line, `semihosting` first: on QEMU that is how the verdict, the kernel's log
    /// and the program's standard error leave the machine.
    pub(crate) fn words(&self, terminals: Terminals) -> Vec<String> {
        let mut words = self.words_on_a_board(terminals);
        words.insert(0, "semihosting".to_owned());
        words
    }

    /// The same for a board, where everything leaves by the serial line.
    pub(crate) fn words_on_a_board(&self, terminals: Terminals) -> Vec<String> {
        let mut words = Vec::new();
        let digits: String = (0..3)
            .zip(terminals.0)
            .filter(|(_, there)| !there)
            .map(|(n, _)| n.to_string())
            .collect();
        if !digits.is_empty() {
            words.push(format!("notty={digits}"));
        }
        if let Some(level) = self.log.and_then(|level| level.to_possible_value()) {
            words.push(format!("log={}", level.get_name()));
        }
        if self.trace {
            words.push("trace".to_owned());
        }
        words
    }
}

/// Which of the descriptors 0, 1 and 2 lead to a terminal. The program sees the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terminals(pub(crate) [bool; 3]);

impl Terminals {
    /// As in tests.
    pub(crate) const NONE: Self = Terminals([false; 3]);

    /// As this command was started.
    pub(crate) fn here() -> Self {
        let (input, output, error) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
        Terminals([input.is_terminal(), output.is_terminal(), error.is_terminal()])
    }

    /// What to connect the serial line to.
    pub(crate) fn serial(self) -> Serial {
        if self.0[0] { Serial::Both } else { Serial::Output }
    }
}

/// Reads a number of seconds that may have a fraction.
pub(crate) fn parse_seconds(text: &str) -> Result<Duration> {
    let seconds: f64 = text.parse().map_err(|_| anyhow!("give a number of seconds"))?;
    if !(seconds > 0.0 && seconds <= 1e6) {
        bail!("between 0 and 1000000 seconds");
    }
    Ok(Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_qemu_reads_them() {
        assert_eq!(parse_size("256M").unwrap().bytes, 256 << 20);
        assert_eq!(parse_size("256").unwrap().bytes, 256 << 20);
        assert_eq!(
            parse_size("8g").unwrap(),
            Size {
                bytes: 8 << 30,
                text: "8G".into()
            }
        );
        assert_eq!(parse_size("1024M").unwrap().text, "1G");
        for wrong in ["", "G", "-1G", "0", "1X", "99999999G", "1.5G"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn seconds_may_have_a_fraction() {
        assert_eq!(parse_seconds("0.5").unwrap(), Duration::from_millis(500));
        for wrong in ["", "0", "-1", "nan", "inf", "x"] {
            assert!(parse_seconds(wrong).is_err(), "{wrong}");
        }
    }
}
