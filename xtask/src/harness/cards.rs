//! Cards as `cargo xtask image` makes them, booted from: U-Boot reads the kernel and the archive out of the card's partition, with
//! commands typed over the serial line.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use libtest_mimic::{Completion, Failed, Trial};

use super::program::Bench;
use super::report;
use crate::archive::Contents;
use crate::card::{self, Board, KERNEL, PROGRAM};
use crate::command::quoted;
use crate::process::Process;
use crate::qemu::raspi::Model;
use crate::setup::{device_trees, firmware, u_boot};
use crate::workspace::{self, short};

/// What U-Boot says when a key keeps it from its own ways, and when it waits for a command.
const COUNTDOWN: &str = "Hit any key to stop autoboot";
const PROMPT: &str = "U-Boot> ";
/// Where it puts kernel and archive: away from each other and from the device tree, which QEMU puts to 128 MiB.
const KERNEL_AT: u64 = 16 << 20;
const PROGRAM_AT: u64 = 64 << 20;
/// What must come out in the end: the program's output, and the kernel's last line.
const LAST_WORDS: [&str; 2] = ["hello from EL0", "inarch: exit status 0"];

/// The trials, one a board that QEMU imitates, with the project's programs in `folder`; skipped where something can't be fetched.
pub(crate) fn trials(folder: &Path, bench: &Arc<Bench>) -> Vec<Trial> {
    let one = |model: Model| {
        let name = format!("boot::{}::card", model.name());
        let parts = match Parts::fetch(model) {
            Ok(parts) => parts,
            Err(error) => return report::skipped(name, format!("{error:#}")),
        };
        let (bench, hello) = (bench.clone(), folder.join("hello"));
        report::timed(name, bench.print_times, move || {
            match boot(&parts, &bench, &hello) {
                Ok(()) => Ok(Completion::Completed),
                Err(error) => Err(Failed::from(format!("{error:#}"))),
            }
        })
    };
    Model::ALL.into_iter().map(one).collect()
}

/// What is fetched from Debian's archive for a card's boot.
struct Parts {
    model: Model,
    board: Board,
    u_boot: PathBuf,
    tree: PathBuf,
}

impl Parts {
    fn fetch(model: Model) -> Result<Self> {
        // Without a network, the first that fails says so at once.
        let tree = device_trees::raspi(model)?.tree;
        firmware::ensure()?;
        Ok(Parts {
            model,
            board: match model {
                Model::Raspi3b => Board::Rpi3,
                Model::Raspi4b => Board::Rpi4,
            },
            u_boot: u_boot::ensure(model)?,
            tree,
        })
    }

    fn command(&self, bench: &Bench, card: &Path) -> Command {
        let mut command = Command::new(&bench.qemu);
        command.args(["-machine", self.model.name(), "-kernel"]);
        command
            .arg(short(&self.u_boot))
            .arg("-dtb")
            .arg(short(&self.tree));
        command.arg("-drive");
        command.arg(format!("if=sd,format=raw,file={}", short(card).display()));
        command.args(["-serial", "null", "-serial", "stdio"]);
        command.args(["-display", "none", "-monitor", "none", "-no-reboot"]);
        command
    }
}

/// Makes a card and boots from it, to the end.
fn boot(parts: &Parts, bench: &Bench, program: &Path) -> Result<()> {
    let contents = Contents {
        program: program.to_owned(),
        ..Contents::default()
    };
    let files = card::files(parts.board, &bench.kernel.image, &contents, "", None)?;
    let card = card::image(&files)?;
    card::lint(&card, parts.board, &files)?;
    let path = workspace::scratch("cards")?.join(format!("{}.img", parts.model.name()));
    std::fs::write(&path, card)?;

    let mut command = parts.command(bench, &path);
    let mut console = Console::start(&mut command, Instant::now() + bench.timeout)?;
    let end = talk(&mut console);
    end.with_context(|| format!("$ {}\n--- console ---\n{}", quoted(&command), console.all))
}

/// Types what makes U-Boot start the kernel, and waits for its end.
fn talk(console: &mut Console) -> Result<()> {
    console.wait_for(COUNTDOWN)?;
    console.send(" ")?;
    for line in [
        format!("fatload mmc 0:1 {KERNEL_AT:#x} {KERNEL}"),
        format!("fatload mmc 0:1 {PROGRAM_AT:#x} {PROGRAM}"),
        format!("booti {KERNEL_AT:#x} {PROGRAM_AT:#x}:${{filesize}} ${{fdt_addr}}"),
    ] {
        console.wait_for(PROMPT)?;
        console.send(&format!("{line}\n"))?;
    }
    LAST_WORDS.iter().try_for_each(|words| console.wait_for(words))
}

/// A machine's serial line.
struct Console {
    /// Ended when this is dropped.
    _qemu: Process,
    keys: ChildStdin,
    bytes: Receiver<Vec<u8>>,
    deadline: Instant,
    /// All that has come, and how much of it was waited for.
    all: String,
    seen: usize,
}

impl Console {
    fn start(command: &mut Command, deadline: Instant) -> Result<Self> {
        let streams = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut qemu = Process::spawn(streams)?;
        let child = qemu.child();
        let (Some(keys), Some(mut out)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("QEMU has lost its streams");
        };
        let (sender, bytes) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = out.read(&mut buffer) {
                if sender.send(buffer[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Ok(Console {
            _qemu: qemu,
            keys,
            bytes,
            deadline,
            all: String::new(),
            seen: 0,
        })
    }

    /// Waits until `text` has come, behind what was waited for before.
    fn wait_for(&mut self, text: &str) -> Result<()> {
        loop {
            if let Some(at) = self.all[self.seen..].find(text) {
                self.seen += at + text.len();
                return Ok(());
            }
            let left = self.deadline.saturating_duration_since(Instant::now());
            match self.bytes.recv_timeout(left) {
                // The texts that are waited for are ASCII; of others a piece may be cut at the wrong place.
                Ok(bytes) => self.all.push_str(&String::from_utf8_lossy(&bytes)),
                Err(RecvTimeoutError::Timeout) => bail!("timed out before `{text}` came"),
                Err(RecvTimeoutError::Disconnected) => bail!("the machine ended before `{text}` came"),
            }
        }
    }

    fn send(&mut self, text: &str) -> Result<()> {
        self.keys.write_all(text.as_bytes())?;
        Ok(self.keys.flush()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const LOADER: &str = r#"
        printf 'Hit any key to stop autoboot:  2'
        for n in 1 2 3; do printf '\nU-Boot> '; read -r line; echo "[$line]"; done
        printf 'hello from EL0\ninarch: exit status %s\n'"#;

    fn talk_to(status: &str) -> (Result<()>, String) {
        let script = format!("{LOADER} {status}");
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut console = Console::start(Command::new("sh").args(["-c", &script]), deadline).unwrap();
        (talk(&mut console), console.all)
    }

    #[test]
    fn the_loader_is_told_what_to_do() {
        let (end, text) = talk_to("0");
        end.unwrap();
        assert!(text.contains("[fatload mmc 0:1 0x1000000 kernel8.img]"), "{text}");
        assert!(
            text.contains("[booti 0x1000000 0x4000000:${filesize} ${fdt_addr}]"),
            "{text}"
        );
    }

    #[test]
    fn another_status_is_no_success() {
        assert!(talk_to("101").0.unwrap_err().to_string().contains("ended before"));
    }
}
