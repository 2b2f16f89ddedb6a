//! All that goes onto a card, from where it is built or fetched.

use std::path::Path;

use anyhow::Result;

use super::{Board, CONFIG, File, KERNEL, PROGRAM};
use crate::archive::{self, Contents};
use crate::setup::{device_trees, firmware};

/// The kernel's command line, for the firmware.
pub(super) const COMMAND_LINE: &str = "cmdline.txt";
/// The conditions under which the firmware may be used and given on.
const LICENCE: &str = "LICENCE.firmware";

/// The word that makes the kernel the loader (docs/boot.md).
pub(super) const LOADER: &str = "push";

/// What the kernel of a card is there for.
#[derive(Debug)]
pub(crate) enum Load {
    /// To run a program.
    Program(Contents),
    /// To wait for another kernel.
    Loader,
}

/// The files of a card for `board`: the flat image `kernel`, what it is there for, the words of its command line,
/// and the firmware in `folder`, or Debian's.
pub(crate) fn files(
    board: Board,
    kernel: &Path,
    load: &Load,
    words: &str,
    folder: Option<&Path>,
) -> Result<Vec<File>> {
    let loader = match load {
        Load::Program(_) => "",
        Load::Loader => LOADER,
    };
    let mut files = vec![
        File::new(CONFIG, board.config(load)),
        File::new(COMMAND_LINE, format!("{}\n", format!("{loader} {words}").trim())),
        File::new(KERNEL, fs_err::read(kernel)?),
    ];
    if let Load::Program(contents) = load {
        files.push(File::new(PROGRAM, archive::bytes(contents)?));
    }
    let trees = device_trees::ensure()?;
    for &name in board.trees() {
        files.push(File::new(name, fs_err::read(trees.join(name))?));
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
        files.push(File::new(name, fs_err::read(folder.join(name))?));
    }
    if let Some(licence) = licence {
        files.push(File::new(LICENCE, fs_err::read(&licence)?));
    }
    Ok(files)
}
