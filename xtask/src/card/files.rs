//! All that goes onto a card, from where it is built or fetched.

use std::path::Path;

use anyhow::{Context, Result};

use super::{Board, CONFIG, File, KERNEL, PROGRAM};
use crate::archive::{self, Contents};
use crate::setup::{device_trees, firmware};
use crate::workspace::{self, short};

/// The kernel's command line, for the firmware.
const COMMAND_LINE: &str = "cmdline.txt";
/// The conditions under which the firmware may be used and given on.
const LICENCE: &str = "LICENCE.firmware";

/// The files of a card for `board`: the flat image `kernel`, the program and what it finds, the words of the kernel's command line,
/// and the firmware in `folder`, or Debian's.
pub(crate) fn files(
    board: Board,
    kernel: &Path,
    contents: &Contents,
    words: &str,
    folder: Option<&Path>,
) -> Result<Vec<File>> {
    let mut files = vec![
        File::new(CONFIG, board.config()),
        File::new(COMMAND_LINE, format!("{words}\n")),
        File::new(KERNEL, load(kernel)?),
    ];
    let archive = workspace::scratch("image")?.join(PROGRAM);
    archive::write(contents, &archive)?;
    files.push(File::new(PROGRAM, load(&archive)?));
    let trees = device_trees::ensure()?;
    for &name in board.trees() {
        files.push(File::new(name, load(&trees.join(name))?));
    }
    if board.firmware().is_empty() {
        return Ok(files);
    }
    let (folder, licence) = match folder {
        Some(folder) => (folder.to_owned(), None),
        None => {
            let firmware = firmware::ensure()?;
            (firmware.folder, Some(firmware.licence))
        }
    };
    for &name in board.firmware() {
        files.push(File::new(name, load(&folder.join(name))?));
    }
    if let Some(licence) = licence {
        files.push(File::new(LICENCE, load(&licence)?));
    }
    Ok(files)
}

fn load(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("could not read {}", short(path).display()))
}
