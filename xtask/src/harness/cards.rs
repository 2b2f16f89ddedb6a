//! Cards as `cargo xtask image` makes them, booted from: U-Boot reads the kernel and the archive out of the card's partition.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use libtest_mimic::Trial;

use super::bench::Bench;
use super::report;
use super::u_boot::{self, UBoot};
use crate::archive::Contents;
use crate::card::{self, Board, KERNEL, PROGRAM};
use crate::qemu::machine::Entry;
use crate::qemu::raspi::Model;
use crate::setup::firmware;
use crate::workspace::{ScratchFile, short};

/// Where U-Boot puts kernel and archive: away from each other and from the device tree, which QEMU puts to 128 MiB.
const KERNEL_AT: u64 = 16 << 20;
const PROGRAM_AT: u64 = 64 << 20;
/// What must come out in the end: the program's output, and the kernel's last line.
const LAST_WORDS: [&str; 2] = ["hello from EL0", "inarch: exit status 0"];

/// The trials, one a board that QEMU imitates, with the project's programs in `folder`; skipped where something can't be fetched.
pub(crate) fn trials(folder: &Path, bench: &Arc<Bench>) -> Vec<Trial> {
    let one = |model: Model| {
        let name = format!("boot::{}::card", model.name());
        let fetched = UBoot::fetch(Some(model)).and_then(|loader| firmware::ensure().map(|_| loader));
        let loader = match fetched {
            Ok(loader) => loader,
            Err(error) => return report::skipped(name, format!("{error:#}")),
        };
        let hello = folder.join("hello");
        bench.trial(name, move |bench| boot(model, &loader, bench, &hello))
    };
    Model::ALL.into_iter().map(one).collect()
}

/// Makes a card and boots from it, to the end.
fn boot(model: Model, loader: &UBoot, bench: &Bench, program: &Path) -> Result<()> {
    let load = card::Load::Program(Contents {
        program: program.to_owned(),
        ..Contents::default()
    });
    let board = match model {
        Model::Raspi3b => Board::Rpi3,
        Model::Raspi4b => Board::Rpi4,
    };
    let files = card::files(board, &bench.kernel.image, &load, "", None)?;
    let card = card::image(&files)?;
    card::lint(&card, board, &files)?;
    let card = ScratchFile::write("cards", &format!("{}.img", model.name()), &card)?;

    let mut command = loader.command(&bench.qemu, Entry::El2);
    command.arg("-drive");
    command.arg(format!("if=sd,format=raw,file={}", short(card.path()).display()));
    u_boot::talk(&mut command, bench.timeout, &commands(), &LAST_WORDS)
}

/// What makes U-Boot start the kernel.
fn commands() -> Vec<String> {
    vec![
        format!("fatload mmc 0:1 {KERNEL_AT:#x} {KERNEL}"),
        format!("fatload mmc 0:1 {PROGRAM_AT:#x} {PROGRAM}"),
        format!("booti {KERNEL_AT:#x} {PROGRAM_AT:#x}:${{filesize}} ${{fdt_addr}}"),
    ]
}
