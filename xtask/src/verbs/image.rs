//! `cargo xtask image`: a card for a board.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;

use super::program::ProgramOptions;
use crate::card::{self, Board, File};
use crate::compile::{self, Flavor};
use crate::options::BuildOptions;
use crate::say;
use crate::setup::core::Core;

/// Make the image of a card with the kernel and a program, to be written onto a real one
///
/// The image needs no rights to be made, and two of the same things are equal byte for byte. Without a program, the demonstration is put
/// on it: programs/tour. The firmware of a Raspberry Pi 3 and 4 is fetched from Debian's archive; it is not free software.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask image --board rpi4 -o card.img              with the demonstration
  cargo xtask image --board rpi3 --program prog -o card.img -- a b c
  cargo xtask image --board rpi5 --root files --program prog --words log=info -o card.img
  cargo xtask image --board rpi4 --loader -o card.img     to wait for `cargo xtask push`")]
pub(crate) struct Image {
    /// The image's file
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    card: CardOptions,
}

/// What is on the card.
#[derive(Args)]
pub(super) struct CardOptions {
    /// The board that the card is for
    #[arg(long, value_enum)]
    pub(super) board: Board,
    /// The words of the kernel's command line, as docs/boot.md has them
    #[arg(long, default_value = "", hide_default_value = true)]
    words: String,
    /// A folder with the board's firmware, instead of Debian's
    #[arg(long, value_name = "DIR")]
    firmware: Option<PathBuf>,
    /// Put the loader onto the card, which waits for `cargo xtask push`, instead of a program
    #[arg(long, conflicts_with_all = ["program", "root", "env", "arguments"])]
    loader: bool,
    #[command(flatten)]
    program: ProgramOptions,
    #[command(flatten)]
    build: BuildOptions,
}

impl Image {
    /// Does it.
    pub(crate) fn run(self) -> Result<ExitCode> {
        let (card, files) = self.card.make()?;
        fs_err::write(&self.output, &card)?;
        for file in &files {
            anstream::println!("{:>12} {}", file.contents.len(), file.name);
        }
        say::note(&format!(
            "{}: a card of {} MiB for {}, checked; docs/boards.md says how to go on",
            self.output.display(),
            card.len() >> 20,
            self.card.board.name()
        ));
        Ok(ExitCode::SUCCESS)
    }
}

impl CardOptions {
    /// The finished and checked image of the card, and the files on it.
    pub(super) fn make(&self) -> Result<(Vec<u8>, Vec<File>)> {
        self.program.check()?;
        let core = Core::ensure(&self.build)?;
        let kernel = compile::kernel(&core, Flavor::Plain)?;
        let load = match self.loader {
            true => card::Load::Loader,
            false => card::Load::Program(self.program.contents(&core)?),
        };
        let files = card::files(
            self.board,
            &kernel.image,
            &load,
            &self.words,
            self.firmware.as_deref(),
        )?;
        let card = card::image(&files)?;
        card::lint(&card, self.board, &files).context("the finished card is not as it should be")?;
        Ok((card, files))
    }
}
