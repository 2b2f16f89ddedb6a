//! `cargo xtask size`: what fills the image.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};

use crate::compile::{self, Flavor};
use crate::elf::flat;
use crate::options::BuildOptions;
use crate::setup::core::Core;

/// Show what fills the kernel's image
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask size
  cargo xtask size --symbols 50")]
pub(crate) struct Size {
    /// How many of the largest symbols to show
    #[arg(long, value_name = "N", default_value_t = 20)]
    symbols: usize,
    #[command(flatten)]
    build: BuildOptions,
}

impl Size {
    /// Does it.
    pub(crate) fn run(self) -> Result<ExitCode> {
        let core = Core::ensure(&self.build)?;
        let kernel = compile::kernel(&core, Flavor::Plain)?;
        let data = fs_err::read(&kernel.elf)?;
        let flat = fs_err::read(&kernel.image)?;
        let file = object::File::parse(&*data).context("the kernel's symbols can't be read")?;

        println!("{:>10}  section", "bytes");
        for section in file
            .sections()
            .filter(|section| section.address() != 0 && section.size() > 0)
        {
            println!("{:>10}  {}", section.size(), section.name().unwrap_or("?"));
        }
        println!("{:>10}  flat image", flat.len());
        if let Some(size) = flat::size_in_memory(&flat) {
            println!("{size:>10}  in memory");
        }
        let mut symbols: Vec<_> = file
            .symbols()
            .filter(|symbol| {
                matches!(symbol.kind(), SymbolKind::Text | SymbolKind::Data) && symbol.size() > 0
            })
            .filter_map(|symbol| Some((symbol.size(), symbol.name().ok()?.to_owned())))
            .collect();
        symbols.sort_unstable_by(|a, b| b.cmp(a));
        println!("\n{:>10}  symbol", "bytes");
        for (size, name) in symbols.into_iter().take(self.symbols) {
            println!("{size:>10}  {:#}", rustc_demangle::demangle(&name));
        }
        Ok(ExitCode::SUCCESS)
    }
}
