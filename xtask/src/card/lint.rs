//! Whether a finished card is as it should be: looked at from outside, by its bytes.

use anyhow::{Context, Result, bail, ensure};

use super::board::ARCHIVE_SETTING;
use super::files::{COMMAND_LINE, LOADER};
use super::{Board, CONFIG, File, KERNEL, PROGRAM, read};

/// The keys of [`CONFIG`] that are in use; whatever else stands there is a slip of the pen, of which firmware says nothing.
const KEYS: [&str; 8] = [
    "arm_64bit",
    "kernel",
    "initramfs",
    "enable_uart",
    "disable_splash",
    "upstream_kernel",
    "enable_gic",
    "os_check",
];
/// The most that the firmware's first stages load (in bytes): far above what is on a card.
const LARGEST_KERNEL: usize = 64 << 20;

/// Checks the card of `board` against the files that were to be put on it.
pub(crate) fn lint(card: &[u8], board: Board, files: &[File]) -> Result<()> {
    ensure!(
        card.len().is_power_of_two(),
        "its size is no power of two, as QEMU wants it"
    );
    let found = read(card)?;
    ensure!(found.len() == files.len(), "it holds {} files", found.len());
    for file in files {
        let on_card = contents(&found, &file.name)?;
        ensure!(on_card == file.contents, "{} reads back differently", file.name);
    }
    complete(&found, board)
}

/// Checks that what the board needs is among the files.
pub(super) fn complete(found: &[File], board: Board) -> Result<()> {
    for name in board.firmware().iter().chain(board.trees()) {
        ensure!(!contents(found, name)?.is_empty(), "{name} is empty");
    }
    for name in board.trees() {
        let tree = contents(found, name)?;
        ensure!(tree.starts_with(b"\xd0\x0d\xfe\xed"), "{name} is no device tree");
    }
    let kernel = contents(found, KERNEL)?;
    ensure!(
        kernel.get(56..60) == Some(b"ARM\x64") && kernel.len() <= LARGEST_KERNEL,
        "{KERNEL} is no kernel"
    );
    let config = contents(found, CONFIG)?;
    settings(config)?;
    if has_line(config, ARCHIVE_SETTING) {
        let archive = contents(found, PROGRAM)?;
        ensure!(archive.starts_with(b"070701"), "{PROGRAM} is no archive");
        return Ok(());
    }
    let words = String::from_utf8_lossy(contents(found, COMMAND_LINE)?);
    ensure!(
        words.split_whitespace().any(|word| word == LOADER),
        "it has neither a program nor the word `{LOADER}` in {COMMAND_LINE}"
    );
    Ok(())
}

fn has_line(text: &[u8], line: &str) -> bool {
    text.split(|&byte| byte == b'\n')
        .any(|found| found == line.as_bytes())
}

fn contents<'a>(files: &'a [File], name: &str) -> Result<&'a [u8]> {
    let file = files.iter().find(|file| file.name == name);
    Ok(&file.with_context(|| format!("there is no {name}"))?.contents)
}

/// Checks the settings: keys that are known, files that are there under that name, and the line that a person will look at.
fn settings(text: &[u8]) -> Result<()> {
    let text = std::str::from_utf8(text).with_context(|| format!("{CONFIG} is no text"))?;
    for line in text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let key = line.split(['=', ' ']).next().unwrap_or_default();
        if !KEYS.contains(&key) {
            bail!("{CONFIG} has the unknown key `{key}`");
        }
    }
    for needed in [
        format!("kernel={KERNEL}"),
        "arm_64bit=1".to_owned(),
        "enable_uart=1".to_owned(),
    ] {
        ensure!(
            has_line(text.as_bytes(), &needed),
            "{CONFIG} has no line `{needed}`"
        );
    }
    Ok(())
}
