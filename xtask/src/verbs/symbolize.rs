//! `cargo xtask symbolize`: names for the addresses of a saved panic, as from a board's serial line.

use fs_err::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;

use crate::elf::symbols::{Symbols, address_in};
use crate::workspace;

/// Name the addresses in a saved panic
///
/// Copies the log to standard output; each line of a call stack gets the function, file and line that it means.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask symbolize serial.log
  picocom /dev/ttyUSB0 | cargo xtask symbolize")]
pub(crate) struct Symbolize {
    /// The kernel's ELF file [default: the one built last]
    #[arg(long, value_name = "FILE")]
    elf: Option<PathBuf>,
    /// The log [default: standard input]
    log: Option<PathBuf>,
}

impl Symbolize {
    /// Does it.
    pub(crate) fn run(self) -> Result<ExitCode> {
        let elf = self
            .elf
            .unwrap_or_else(|| workspace::target().join("inarch/kernel/inarch"));
        let symbols =
            Symbols::load(&elf).context("build the kernel first, or name its ELF file with --elf")?;
        let log: Box<dyn Read> = match &self.log {
            Some(path) => Box::new(File::open(path)?),
            None => Box::new(std::io::stdin()),
        };
        let mut out = std::io::stdout().lock();
        let mut log = BufReader::new(log);
        let mut line = Vec::new();
        while log.read_until(b'\n', &mut line)? > 0 {
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end_matches(['\r', '\n']);
            match address_in(text).and_then(|address| symbols.of_return_address(address)) {
                Some(name) => writeln!(out, "{text}  {name}")?,
                None => writeln!(out, "{text}")?,
            }
            line.clear();
        }
        Ok(ExitCode::SUCCESS)
    }
}
