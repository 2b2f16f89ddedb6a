//! `cargo xtask flash`: a card for a board, written onto a real one.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::image::CardOptions;
use crate::flash::{self, Answer, Disk, System};
use crate::{card, say};

/// Write a card for a board: makes its image, or takes a finished one, and puts it onto a removable disk
///
/// All that is on the disk is lost. So it is shown first, and written only if you type its size or its serial number. Disks that are built
/// in, or of which anything is mounted or in use, are refused. What was written is read back and compared.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask flash --board rpi4 --device /dev/sdX
      shows the disk, asks, and writes the demonstration
  cargo xtask flash --board rpi4 --device /dev/sdX --program prog --root files -- a b c
  cargo xtask flash --board rpi4 --device /dev/sdX --loader
      a card that waits for `cargo xtask push`
  cargo xtask flash --board rpi3 --device /dev/mmcblk0 --image card.img
  cargo xtask flash --board rpi5 --device /dev/sdX --image card.img --confirm SERIAL
  cargo xtask flash --board rpi5 --device /dev/sdX --image card.img < /dev/null
      only shows")]
pub(crate) struct Flash {
    /// The card's disk, whole: /dev/sdX, /dev/mmcblk0, or a name under /dev/disk/by-id
    #[arg(long, value_name = "DISK")]
    device: PathBuf,
    /// A finished image, as `cargo xtask image` makes it
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["program", "root", "env", "words", "firmware", "arguments", "loader"]
    )]
    image: Option<PathBuf>,
    /// The disk's size or serial number, as shown, instead of typing it
    #[arg(long, value_name = "TEXT")]
    confirm: Option<String>,
    /// Allow a disk above 128 GiB
    #[arg(long)]
    large: bool,
    #[command(flatten)]
    card: CardOptions,
}

impl Flash {
    /// Does it.
    pub(crate) fn run(self) -> Result<ExitCode> {
        let disk = self.disk()?;
        let image = self.image()?;
        ensure!(
            image.len() as u64 <= disk.size,
            "{} has {}, and the image has {}; take a larger card",
            disk.name,
            flash::size(disk.size),
            flash::size(image.len() as u64)
        );
        anstream::eprintln!("{}", flash::plan(&disk, image.len()));
        let Some(typed) = self.typed()? else {
            say::note("nothing was written; with --confirm and the disk's size or serial number it is");
            return Ok(ExitCode::SUCCESS);
        };
        ensure!(
            flash::answer(&disk, &typed) == Answer::Meant,
            "`{typed}` is neither the disk's size nor its serial number; nothing was written"
        );
        // Building and typing took their time: in the meantime another card may have been put in, or somebody mounted it.
        ensure!(
            self.disk()? == disk,
            "{} has become another disk meanwhile; nothing was written, begin again",
            disk.name
        );
        let digest = flash::write(&mut flash::open(&self.device, &disk)?, &image)?;
        say::note(&format!(
            "written, and read back the same: SHA-256 {digest}\nTake the card out and put it into the board ({}); then the cable, a terminal, and power: docs/boards.md, \"First boot\"",
            self.card.board.name()
        ));
        Ok(ExitCode::SUCCESS)
    }

    /// The disk, if it may be written.
    fn disk(&self) -> Result<Disk> {
        let system = System::here()?;
        let disk = system.disk_at(&self.device)?;
        flash::refuse(&system, &disk, self.large)?;
        Ok(disk)
    }

    /// The image, checked.
    fn image(&self) -> Result<Vec<u8>> {
        let Some(path) = &self.image else {
            return Ok(self.card.make()?.0);
        };
        let shown = path.display();
        let image = fs_err::read(path)?;
        card::read(&image)
            .and_then(|files| card::lint(&image, self.card.board, &files))
            .with_context(|| {
                format!(
                    "{shown} is no card for {}; make one with `cargo xtask image`",
                    self.card.board.name()
                )
            })?;
        Ok(image)
    }

    /// What the person says the disk is; nothing if there is nobody to ask.
    fn typed(&self) -> Result<Option<String>> {
        if self.confirm.is_some() {
            return Ok(self.confirm.clone());
        }
        if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
            return Ok(None);
        }
        anstream::eprint!("To write it, type the disk's size or serial number: ");
        let mut line = String::new();
        std::io::stdin().read_line(&mut line)?;
        Ok(Some(line.trim().to_owned()))
    }
}
