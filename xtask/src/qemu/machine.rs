//! A machine, as QEMU's command line describes it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use super::placement::{Placement, comma_doubled, loader};
use super::raspi::Raspi;
use crate::compile::Kernel;
use crate::exit::{self, WithStatus};
use crate::options::Size;
use crate::workspace::short;

/// Where QEMU's `virt` has its memory.
const RAM: u64 = 0x4000_0000;
/// How far into memory QEMU puts the archive at most; in a smaller machine, half-way.
const ARCHIVE_OFFSET: u64 = 128 << 20;

/// One machine: QEMU's `virt` with what can be chosen about it, or a Raspberry Pi, which is as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Machine {
    /// Whether it is a Raspberry Pi. Of all else, only [`Machine::icount`] is a choice then.
    pub(crate) raspi: Option<Raspi>,
    /// CPU model.
    pub(crate) cpu: String,
    /// How much memory.
    pub(crate) memory: Size,
    /// How many cores.
    pub(crate) cores: u16,
    /// Version of the interrupt controller, 2 or 3.
    pub(crate) gic: u8,
    /// The exception level at which the kernel is entered.
    pub(crate) entry: Entry,
    /// Where the image lies, if QEMU doesn't choose; not for [`Entry::El3`].
    pub(crate) placement: Option<Placement>,
    /// What the counter counts.
    pub(crate) icount: Icount,
}

/// The exception level at which the kernel is entered, and so what is booted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// The flat image, without virtualization.
    El1,
    /// The flat image, with virtualization.
    El2,
    /// The ELF file on a machine with EL3: QEMU enters such a file at the highest level, and gives it neither the device
    /// tree in x0 (it lies at the start of memory) nor an archive in the tree nor PSCI.
    El3,
}

/// What the machine's counter counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Icount {
    /// The host's time.
    Off,
    /// Instructions, one nanosecond each, with everything random fixed, so that two runs are equal bit for bit.
    Measuring,
}

impl Default for Machine {
    /// The machine of the measurements: GICv3, CPU `max`, one core, 3 GiB.
    fn default() -> Self {
        Machine {
            raspi: None,
            cpu: "max".to_owned(),
            memory: Size {
                bytes: 3 << 30,
                text: "3G".to_owned(),
            },
            cores: 1,
            gic: 3,
            entry: Entry::El1,
            placement: None,
            icount: Icount::Off,
        }
    }
}

/// What a machine is booted with.
#[derive(Debug)]
pub(crate) struct Load<'a> {
    /// The kernel.
    pub(crate) kernel: &'a Kernel,
    /// The archive that holds the program, if there is one.
    pub(crate) archive: Option<&'a Path>,
    /// The words of the kernel's command line.
    pub(crate) words: &'a [String],
}

/// Whether a debugger is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Debugger {
    /// The machine runs at once.
    None,
    /// The machine waits for a debugger on port 1234 of this host.
    Waits,
}

/// What the machine's serial line is connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Serial {
    /// QEMU's standard input and output.
    Both,
    /// QEMU's standard output. The program reads QEMU's standard input by semihosting, which knows its end.
    Output,
    /// A socket of this machine at which QEMU listens, for one after the other.
    Socket(PathBuf),
}

impl Serial {
    /// The value of QEMU's option.
    pub(super) fn argument(&self) -> String {
        match self {
            Serial::Both => "stdio".to_owned(),
            Serial::Output => "file:/dev/stdout".to_owned(),
            Serial::Socket(path) => format!("unix:{},server=on,wait=off", comma_doubled(path)),
        }
    }
}

impl Machine {
    /// A Raspberry Pi.
    pub(crate) fn of(raspi: Raspi) -> Self {
        Machine {
            raspi: Some(raspi),
            memory: Size {
                bytes: Raspi::MEMORY_MIB << 20,
                text: format!("{}M", Raspi::MEMORY_MIB),
            },
            cores: Raspi::CORES,
            entry: Entry::El2,
            ..Machine::default()
        }
    }

    /// What tests on it are named after: the board, or the CPU model.
    pub(crate) fn name(&self) -> &str {
        match &self.raspi {
            Some(raspi) => raspi.model.name(),
            None => &self.cpu,
        }
    }

    /// QEMU's command line for this machine.
    pub(crate) fn command(
        &self,
        qemu: &Path,
        load: &Load,
        serial: Serial,
        debugger: Debugger,
    ) -> Result<Command> {
        let mut command = Command::new(qemu);
        match &self.raspi {
            Some(raspi) => raspi.describe(&mut command, &serial),
            None => self.describe(&mut command, &serial),
        }
        if self.icount == Icount::Measuring {
            add(
                &mut command,
                "-seed 1 -icount shift=0,sleep=off -rtc base=2024-01-01,clock=vm",
            );
        }
        add(&mut command, "-display none -monitor none -no-reboot");
        add(&mut command, "-semihosting-config enable=on,target=native");
        if debugger == Debugger::Waits {
            add(&mut command, "-s -S");
        }
        let mut words = load.words.to_vec();
        match self.entry {
            Entry::El1 | Entry::El2 => self.load_flat(&mut command, load)?,
            Entry::El3 => self.load_elf(&mut command, load, &mut words)?,
        }
        if !words.is_empty() {
            command.arg("-append").arg(words.join(" "));
        }
        Ok(command)
    }

    /// Adds the machine `virt` and its serial line to a command line.
    fn describe(&self, command: &mut Command, serial: &Serial) {
        command.args(["-machine", &self.machine_argument(), "-cpu", &self.cpu]);
        command.args(["-smp", &self.cores.to_string(), "-m", &self.memory.text]);
        // Debian's smallest QEMU lacks the network card's ROM, without which the default card stops QEMU.
        command.args(["-nic", "none", "-serial", &serial.argument()]);
    }

    fn machine_argument(&self) -> String {
        let entry = match self.entry {
            Entry::El1 => "",
            Entry::El2 => ",virtualization=on",
            Entry::El3 => ",secure=on,virtualization=on",
        };
        format!("virt,gic-version={},dtb-randomness=off{entry}", self.gic)
    }

    /// The usual way: QEMU plays the boot loader of Linux.
    fn load_flat(&self, command: &mut Command, load: &Load) -> Result<()> {
        match &self.placement {
            Some(placement) => placement.load(command, &load.kernel.image, self.raspi.as_ref())?,
            None => {
                command.arg("-kernel").arg(short(&load.kernel.image));
            }
        }
        if let Some(archive) = load.archive {
            self.check_room(archive)?;
            command.arg("-initrd").arg(short(archive));
        }
        Ok(())
    }

    /// The ELF file: QEMU neither loads an archive for it nor names one in the device tree. So a generic loader puts the
    /// archive where QEMU would have, and the kernel's command line says where that is, as Linux's `initrd=` does.
    fn load_elf(&self, command: &mut Command, load: &Load, words: &mut Vec<String>) -> Result<()> {
        command.arg("-kernel").arg(short(&load.kernel.elf));
        if let Some(archive) = load.archive {
            let length = self.check_room(archive)?;
            let start = RAM + self.archive_offset();
            command.arg("-device");
            command.arg(loader(archive, start));
            words.push(format!("initrd={start:#x},{length:#x}"));
        }
        Ok(())
    }

    fn archive_offset(&self) -> u64 {
        ARCHIVE_OFFSET.min(self.memory.bytes / 2)
    }

    /// The archive's length, if there is room for it in the machine's memory.
    fn check_room(&self, archive: &Path) -> Result<u64> {
        let length = fs_err::metadata(archive)?.len();
        let room = self.memory.bytes - self.archive_offset();
        if length > room {
            return Err(WithStatus::error(
                exit::REFUSED,
                format!(
                    "the program and its files take {} MiB, of which a machine with {} holds {} MiB{}",
                    length.div_ceil(1 << 20),
                    self.memory.text,
                    room >> 20,
                    if self.raspi.is_some() {
                        ""
                    } else {
                        "; give it more with --memory"
                    }
                ),
            ));
        }
        Ok(length)
    }
}

/// Adds arguments that hold no white space.
fn add(command: &mut Command, arguments: &str) {
    command.args(arguments.split_whitespace());
}

/// QEMU, found but not judged: the variable `QEMU`, or the usual name on `PATH`.
pub(crate) fn find() -> Result<PathBuf> {
    let name = std::env::var("QEMU").unwrap_or_else(|_| super::PROGRAM.to_owned());
    match crate::command::find(&name) {
        Some(path) => Ok(path),
        None => bail!("there is no `{name}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::quoted;
    use crate::qemu::raspi::Model;

    fn kernel() -> Kernel {
        Kernel {
            elf: "k.elf".into(),
            image: "k.img".into(),
        }
    }

    fn line(machine: &Machine, archive: Option<&Path>) -> Result<String> {
        let kernel = kernel();
        let words = ["semihosting".to_owned(), "log=info".to_owned()];
        let load = Load {
            kernel: &kernel,
            archive,
            words: &words,
        };
        let command = machine.command(Path::new("qemu"), &load, Serial::Both, Debugger::None)?;
        Ok(quoted(&command))
    }

    #[test]
    fn measuring_uses_the_flags_of_the_measurements() {
        let machine = Machine {
            icount: Icount::Measuring,
            ..Machine::default()
        };
        let line = line(&machine, None).unwrap();
        for part in [
            "-machine virt,gic-version=3,dtb-randomness=off -cpu max -smp 1 -m 3G -nic none",
            "-seed 1 -icount shift=0,sleep=off -rtc base=2024-01-01,clock=vm",
            "-kernel k.img -append 'semihosting log=info'",
        ] {
            assert!(line.contains(part), "{part} is not in {line}");
        }
    }

    #[test]
    fn a_raspberry_pi_is_as_it_is() {
        let raspi = Raspi {
            model: Model::Raspi3b,
            tree: "b.dtb".into(),
        };
        let line = line(&Machine::of(raspi), None).unwrap();
        assert!(
            line.contains("-machine raspi3b -dtb b.dtb -serial null -serial stdio"),
            "{line}"
        );
        assert!(!line.contains("-cpu") && !line.contains("-m "), "{line}");
    }

    #[test]
    fn el3_boots_the_elf_and_loads_the_archive_by_hand() {
        let archive = std::env::temp_dir().join(format!("inarch-el3-{}.cpio", std::process::id()));
        fs_err::write(&archive, [0; 256]).unwrap();
        let machine = Machine {
            entry: Entry::El3,
            ..Machine::default()
        };
        let line = line(&machine, Some(&archive));
        fs_err::remove_file(&archive).unwrap();
        let line = line.unwrap();
        assert!(line.contains("secure=on,virtualization=on"), "{line}");
        assert!(line.contains("-kernel k.elf"), "{line}");
        assert!(line.contains("addr=0x48000000,force-raw=on"), "{line}");
        assert!(line.contains("initrd=0x48000000,0x100"), "{line}");
        assert!(!line.contains("-initrd"), "{line}");
    }

    #[test]
    fn an_archive_that_does_not_fit_is_refused() {
        let archive = std::env::temp_dir().join(format!("inarch-large-{}.cpio", std::process::id()));
        let file = fs_err::File::create(&archive).unwrap();
        file.set_len(200 << 20).unwrap();
        let memory = Size {
            bytes: 256 << 20,
            text: "256M".to_owned(),
        };
        let refused = line(
            &Machine {
                memory,
                ..Machine::default()
            },
            Some(&archive),
        );
        let accepted = line(&Machine::default(), Some(&archive));
        fs_err::remove_file(&archive).unwrap();
        let message = refused.unwrap_err().to_string();
        assert!(
            message.contains("200 MiB") && message.contains("--memory"),
            "{message}"
        );
        assert!(accepted.is_ok());
    }
}
