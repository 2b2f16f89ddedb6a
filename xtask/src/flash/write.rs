//! Writing a disk, and reading it back.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use sha2::{Digest, Sha256};

use super::Disk;
use super::disk::number;
use crate::progress;

/// How much is written before it must have reached the disk, in bytes: else the bar would tell of the computer's memory.
const BLOCK: usize = 4 << 20;

/// What is written to.
pub(crate) trait Medium: Read + Write + Seek {
    /// Waits until all that was written has arrived.
    fn sync(&mut self) -> io::Result<()>;
    /// Has what is read next come from the medium, not from the computer's memory.
    fn forget(&mut self) -> io::Result<()>;
}

impl Medium for File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }

    fn forget(&mut self) -> io::Result<()> {
        Ok(rustix::fs::fadvise(
            &*self,
            0,
            None,
            rustix::fs::Advice::DontNeed,
        )?)
    }
}

/// Opens a disk for nobody else, and makes sure that it still is the one that was looked at. Linux refuses if anything at all
/// has it mounted or claimed, in other namespaces too (open(2), `O_EXCL` without `O_CREAT`).
pub(crate) fn open(path: &Path, disk: &Disk) -> Result<File> {
    let shown = path.display();
    let mut options = OpenOptions::new();
    options.read(true).write(true).custom_flags(libc::O_EXCL);
    let mut file = options
        .open(path)
        .map_err(|error| match error.raw_os_error() {
            Some(libc::EBUSY) => anyhow!("{shown} is in use; end what uses it (`lsblk`, `fuser -v {shown}`)"),
            Some(libc::EACCES | libc::EPERM) => anyhow!(
                "you may not write to {shown}; make the image with `cargo xtask image`, and give it as --image to this command as root"
            ),
            _ => anyhow!("could not open {shown}: {error}"),
        })?;
    let same = number(file.metadata()?.rdev()) == disk.parts[0].number;
    ensure!(
        same && file.seek(SeekFrom::End(0))? == disk.size,
        "{shown} has become another disk meanwhile; look with `lsblk`, and begin again"
    );
    Ok(file)
}

/// Writes the image, reads it back, and gives its SHA-256.
pub(crate) fn write(medium: &mut impl Medium, image: &[u8]) -> Result<String> {
    let bar = progress::bytes("writing", image.len());
    medium.rewind()?;
    for block in image.chunks(BLOCK) {
        let written = medium.write_all(block).and_then(|()| medium.sync());
        written.context("the card does not take what is written; take another card or reader")?;
        bar.inc(block.len() as u64);
    }
    bar.finish_and_clear();
    medium.forget().context("could not empty the page cache")?;
    compare(medium, image)
}

fn compare(medium: &mut impl Medium, image: &[u8]) -> Result<String> {
    let bar = progress::bytes("reading", image.len());
    medium.rewind()?;
    let (mut meant, mut found) = (Sha256::new(), Sha256::new());
    let mut wrong = None;
    let mut buffer = vec![0; BLOCK];
    for (index, block) in image.chunks(BLOCK).enumerate() {
        let read = &mut buffer[..block.len()];
        medium
            .read_exact(read)
            .context("the card can't be read back; take another card or reader")?;
        meant.update(block);
        found.update(&*read);
        if wrong.is_none() && *block != *read {
            let at = block.iter().zip(&*read).position(|(a, b)| a != b);
            wrong = at.map(|at| index * BLOCK + at);
        }
        bar.inc(block.len() as u64);
    }
    bar.finish_and_clear();
    let (meant, found) = (hex(&meant.finalize()), hex(&found.finalize()));
    ensure!(
        meant == found,
        "the card reads back differently from byte {} on (SHA-256 {found}, should be {meant}); take another card or reader",
        wrong.unwrap_or_default()
    );
    Ok(meant)
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
