//! The kernel as U-Boot loads it, at the level that U-Boot runs at: `booti` keeps to Linux's boot protocol, and moves the image to a
//! multiple of 2 MiB; `go` jumps to it wherever it lies, with the MMU and the caches on and the number of its arguments in `x0`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::Result;
use libtest_mimic::Trial;

use super::bench::Bench;
use super::report;
use super::u_boot::{self, UBoot};
use crate::archive::{self, Contents};
use crate::exit;
use crate::qemu::machine::Entry;
use crate::qemu::placement::loader;
use crate::qemu::raspi::Model;
use crate::workspace;

/// Where QEMU puts image and archive, behind the start of memory: away from where the image is to go, from U-Boot, and from the device
/// tree, which lies at the start of memory of `virt` and at 128 MiB of a Raspberry Pi's.
const IMAGE: u64 = 80 << 20;
const ARCHIVE: u64 = 64 << 20;
/// Where a Raspberry Pi's own first stage leaves the address of the device tree (`armstub8.S`).
const STUB_TREE: u64 = 0xf8;

/// Opens the device tree for changes, and makes it as short as it is, so that the image may lie close behind it.
const OPEN_TREE: [&str; 2] = ["fdt addr ${fdt_addr}", "fdt resize 0x1000"];
/// Adds memory at 1 TiB, and has the archive lie there.
const FAR_ARCHIVE: [&str; 5] = [
    "fdt mknode / memory@10000000000",
    "fdt set /memory@10000000000 device_type memory",
    "fdt set /memory@10000000000 reg <0x100 0 0 0x10000000>",
    "fdt set /chosen linux,initrd-start <0x100 0x1000000>",
    "fdt set /chosen linux,initrd-end <0x100 0x1008000>",
];

/// Switches on the interrupt of the serial device that U-Boot talks by, at the device and at the interrupt controller: some firmware
/// leaves one so, which then comes for ever to a kernel that doesn't know it.
fn left_on(model: Option<Model>) -> [&'static str; 2] {
    match model {
        None => ["mw.l 0x09000038 0x20", "mw.l 0x08000104 2"],
        Some(Model::Raspi3b) => ["mw.l 0x3f215044 3", "mw.l 0x3f00b210 0x20000000"],
        Some(Model::Raspi4b) => ["mw.l 0xfe215044 3", "mw.l 0xff84110c 0x20000000"],
    }
}

/// How U-Boot starts the image, and what there is to find.
#[derive(Clone, Copy, Debug)]
enum Start {
    /// `booti`.
    Protocol,
    /// `go`; the device tree lies where the kernel looks without being told.
    Jump,
    /// The same, but the archive lies in memory that is too far from the rest to be used.
    JumpFarArchive,
    /// `go`, and no device tree to be found.
    JumpWithoutTree,
}

/// Places behind the start of memory, with what each is to show: where firmware puts images, and a multiple of 4 KiB that is a multiple of
/// nothing larger, which `booti` doesn't leave as it is.
const STARTS: [(u64, Start); 5] = [
    (0x20_0000, Start::Protocol),
    (0x123_5000, Start::Protocol),
    (0x8_0000, Start::Jump),
    (0x123_5000, Start::JumpFarArchive),
    (0x123_5000, Start::JumpWithoutTree),
];

/// The trials, with the project's programs in `folder`; skipped where U-Boot can't be fetched.
pub(crate) fn trials(folder: &Path, bench: &Arc<Bench>) -> Vec<Trial> {
    let machines = [
        (None, Entry::El1),
        (None, Entry::El2),
        (Some(Model::Raspi3b), Entry::El2),
        (Some(Model::Raspi4b), Entry::El2),
    ];
    let mut trials = Vec::new();
    for (model, entry) in machines {
        let loader = UBoot::fetch(model).map_err(|error| format!("{error:#}"));
        for (place, start) in STARTS {
            // The trees of the boards tell of no place that far.
            if matches!(start, Start::JumpFarArchive) && model.is_some() {
                continue;
            }
            let load = Load {
                model,
                entry,
                address: model.map_or(VIRT, |_| 0) + place,
                start,
            };
            let name = load.name();
            trials.push(match loader.clone() {
                Err(reason) => report::skipped(name, reason),
                Ok(loader) => {
                    let hello = folder.join("hello");
                    bench.trial(name, move |bench| load.run(&loader, bench, &hello))
                }
            });
        }
    }
    trials
}

/// Where `virt` has its memory.
const VIRT: u64 = 0x4000_0000;

/// One start.
#[derive(Clone, Copy, Debug)]
struct Load {
    model: Option<Model>,
    entry: Entry,
    address: u64,
    start: Start,
}

impl Load {
    fn name(&self) -> String {
        let board = self
            .model
            .map_or(String::new(), |model| format!("{}::", model.name()));
        let how = match self.start {
            Start::Protocol => "booti",
            Start::Jump => "go",
            Start::JumpFarArchive => "go-far-archive",
            Start::JumpWithoutTree => "go-without-tree",
        };
        let level = if self.entry == Entry::El1 { "el1" } else { "el2" };
        format!("boot::{board}{how}::{:#x}-{level}", self.address)
    }

    fn run(self, u_boot: &UBoot, bench: &Bench, program: &Path) -> Result<()> {
        let archive = archive_of(program)?;
        let ram = self.model.map_or(VIRT, |_| 0);
        let mut command = u_boot.command(&bench.qemu, self.entry);
        put(&mut command, &bench.kernel.image, ram + IMAGE);
        put(&mut command, &archive, ram + ARCHIVE);
        let length = |file: &Path| fs_err::metadata(file).map(|data| data.len());
        let commands = self.commands(ram, length(&bench.kernel.image)?, length(&archive)?);
        let texts = self.texts();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        u_boot::talk(&mut command, bench.timeout, &commands, &texts)
    }

    /// What is typed.
    fn commands(&self, ram: u64, image: u64, archive: u64) -> Vec<String> {
        let (address, archive_at) = (self.address, ram + ARCHIVE);
        let texts = |lines: &[&str]| lines.iter().copied().map(str::to_owned).collect();
        let mut commands: Vec<String> = match self.start {
            Start::Protocol => Vec::new(),
            Start::Jump => texts(&OPEN_TREE),
            Start::JumpFarArchive => texts(&[&OPEN_TREE[..], &FAR_ARCHIVE].concat()),
            Start::JumpWithoutTree => texts(&["mw.l ${fdt_addr} 0"]),
        };
        if matches!(self.start, Start::Jump) {
            commands.push(format!("fdt set /chosen linux,initrd-start <{archive_at:#x}>"));
            commands.push(format!(
                "fdt set /chosen linux,initrd-end <{:#x}>",
                archive_at + archive
            ));
            commands.extend(left_on(self.model).map(str::to_owned));
            if self.model.is_some() {
                commands.push(format!("mw.l {STUB_TREE:#x} ${{fdt_addr}}"));
            }
        }
        commands.push(format!("cp.b {:#x} {address:#x} {image:#x}", ram + IMAGE));
        commands.push(match self.start {
            Start::Protocol => format!("booti {address:#x} {archive_at:#x}:{archive:#x} ${{fdt_addr}}"),
            _ => format!("go {address:#x}"),
        });
        commands
    }

    /// What must come out, one behind the other.
    fn texts(&self) -> Vec<String> {
        let mut texts = Vec::new();
        let kept = self.address.next_multiple_of(2 << 20);
        match self.start {
            Start::Protocol if kept != self.address => {
                texts.push(format!("Moving Image from {:#x} to {kept:#x}", self.address));
            }
            Start::JumpFarArchive => {
                texts.push("the initrd is in memory that the kernel doesn't use".to_owned());
                texts.push(format!("inarch: exit status {}", exit::NOT_FOUND));
                return texts;
            }
            Start::JumpWithoutTree => {
                texts.push("no device tree: the loader gave x0 = 0x1.".to_owned());
                texts.push(format!("inarch: exit status {}", exit::TROUBLE));
                return texts;
            }
            Start::Protocol | Start::Jump => {}
        }
        texts.extend(["hello from EL0", "inarch: exit status 0"].map(str::to_owned));
        texts
    }
}

/// Has QEMU put a file into memory.
fn put(command: &mut Command, file: &Path, address: u64) {
    command.arg("-device").arg(loader(file, address));
}

/// Packs the program into the archive that all starts share.
fn archive_of(program: &Path) -> Result<PathBuf> {
    let path = workspace::scratch("loads")?.join("hello.cpio");
    let contents = Contents {
        program: program.to_owned(),
        ..Contents::default()
    };
    archive::write(&contents, &path)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_starts_have_one_name() {
        let mut names: Vec<String> = [None, Some(Model::Raspi3b)]
            .into_iter()
            .flat_map(|model| {
                STARTS.map(|(address, start)| {
                    Load {
                        model,
                        entry: Entry::El2,
                        address,
                        start,
                    }
                    .name()
                })
            })
            .collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 2 * STARTS.len());
    }

    #[test]
    fn only_booti_moves_an_image() {
        let load = |start| Load {
            model: None,
            entry: Entry::El1,
            address: 0x4123_5000,
            start,
        };
        assert_eq!(
            load(Start::Protocol).texts()[0],
            "Moving Image from 0x41235000 to 0x41400000"
        );
        assert_eq!(load(Start::Jump).texts()[0], "hello from EL0");
    }
}
