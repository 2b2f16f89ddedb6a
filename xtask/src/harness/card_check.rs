//! Cards as `cargo xtask image` makes them, shown to programs that know better: sfdisk, fsck.fat and mtools find nothing wrong, every
//! file reads back, and a second card is the same.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use libtest_mimic::Trial;

use super::bench::Bench;
use super::report;
use crate::archive::Contents;
use crate::card::{self, Board, File, START};
use crate::command::quoted;
use crate::setup::{card_tools, device_trees, firmware};
use crate::workspace::ScratchFile;

const BOARDS: [Board; 3] = [Board::Rpi3, Board::Rpi4, Board::Rpi5];

/// The trials, one a board, with the project's programs in `folder`; skipped where something can't be fetched or installed.
pub(crate) fn trials(folder: &Path, bench: &Arc<Bench>) -> Vec<Trial> {
    let obstacle = fetch().err().map(|error| format!("{error:#}"));
    let one = |board: Board| {
        let name = format!("boot::card::{}", board.name());
        if let Some(reason) = &obstacle {
            return report::skipped(name, reason);
        }
        let hello = folder.join("hello");
        bench.trial(name, move |bench| check(board, bench, &hello))
    };
    BOARDS.into_iter().map(one).collect()
}

fn fetch() -> Result<()> {
    device_trees::ensure()?;
    firmware::ensure()?;
    card_tools::ensure()
}

/// Makes a card for `board` twice, and has it looked at.
fn check(board: Board, bench: &Bench, program: &Path) -> Result<()> {
    let make = || {
        let load = card::Load::Program(Contents {
            program: program.to_owned(),
            ..Contents::default()
        });
        let files = card::files(board, &bench.kernel.image, &load, "log=info", None)?;
        anyhow::Ok((card::image(&files)?, files))
    };
    let (image, files) = make()?;
    ensure!(make()?.0 == image, "the second card is another");
    let card = Card::write(board, &image)?;
    card.check_table()?;
    card.check_volume()?;
    card.check_files(&files)
}

/// A card's image in a file, and that of its partition.
struct Card {
    whole: ScratchFile,
    volume: ScratchFile,
}

impl Card {
    fn write(board: Board, image: &[u8]) -> Result<Self> {
        Ok(Card {
            whole: ScratchFile::write("cards", &format!("{}.img", board.name()), image)?,
            volume: ScratchFile::write("cards", &format!("{}.fat", board.name()), &image[START..])?,
        })
    }

    /// The partition table: one FAT32 by blocks, active, up to the card's end.
    fn check_table(&self) -> Result<()> {
        text_of(tool("sfdisk")?.arg("--verify").arg(self.whole.path()))?;
        let table = text_of(tool("sfdisk")?.arg("--dump").arg(self.whole.path()))?;
        let sectors = (fs_err::metadata(self.whole.path())?.len() as usize - START) / 512;
        let partitions: Vec<_> = table.lines().filter(|line| line.contains("start=")).collect();
        let [partition] = partitions[..] else {
            bail!("sfdisk finds {} partitions instead of one", partitions.len());
        };
        let fields: String = partition.split_whitespace().skip(2).collect();
        let expected = format!("start={},size={sectors},type=c,bootable", START / 512);
        ensure!(fields == expected, "sfdisk finds a partition `{partition}`");
        Ok(())
    }

    /// The file system, of which fsck.fat would tell any fault by its exit status.
    fn check_volume(&self) -> Result<()> {
        text_of(tool("fsck.fat")?.args(["-n", "-v"]).arg(self.volume.path()))?;
        text_of(self.mtool("minfo")?.arg("::")).map(drop)
    }

    /// The files: those that were put on it, with what they hold.
    fn check_files(&self, files: &[File]) -> Result<()> {
        let list = text_of(self.mtool("mdir")?.args(["-b", "::"]))?;
        let mut found: Vec<_> = list.lines().filter_map(|line| line.strip_prefix("::/")).collect();
        let mut expected: Vec<_> = files.iter().map(|file| file.name.as_str()).collect();
        found.sort_unstable();
        expected.sort_unstable();
        ensure!(found == expected, "mdir finds {found:?}");
        for file in files {
            let name = format!("::{}", file.name);
            let contents = output_of(self.mtool("mcopy")?.args(["-n", &name, "-"]))?;
            ensure!(contents == file.contents, "mcopy reads another {}", file.name);
        }
        Ok(())
    }

    fn mtool(&self, program: &str) -> Result<Command> {
        let mut command = tool(program)?;
        command
            .arg("-i")
            .arg(format!("{}@@{START}", self.whole.path().display()));
        // A person's own settings are not what is tested.
        command.env("MTOOLSRC", "/dev/null");
        Ok(command)
    }
}

fn tool(program: &str) -> Result<Command> {
    let mut command = Command::new(card_tools::path_of(program)?);
    command.env("LC_ALL", "C");
    Ok(command)
}

/// What a program prints that ends well and complains of nothing.
fn output_of(command: &mut Command) -> Result<Vec<u8>> {
    let output = command.output().with_context(|| quoted(command))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() || !complaint.is_empty() {
        let text = String::from_utf8_lossy(&output.stdout);
        bail!("{}\n{text}{complaint}({})", quoted(command), output.status);
    }
    Ok(output.stdout)
}

fn text_of(command: &mut Command) -> Result<String> {
    Ok(String::from_utf8_lossy(&output_of(command)?).into_owned())
}
