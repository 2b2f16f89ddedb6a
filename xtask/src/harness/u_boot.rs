//! U-Boot in the place of a machine's firmware, worked by what is typed over the serial line.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::command::quoted;
use crate::process::Process;
use crate::qemu::machine::Entry;
use crate::qemu::raspi::{Model, Raspi};
use crate::setup::{device_trees, u_boot};
use crate::workspace::short;

/// What U-Boot says when a key keeps it from its own ways, and when it waits for a command on a Raspberry Pi and elsewhere.
const COUNTDOWN: &str = "Hit any key to stop autoboot";
const PROMPTS: [&str; 2] = ["\nU-Boot> ", "\n=> "];

/// U-Boot, and what it runs on: a Raspberry Pi, or else QEMU's `virt`.
#[derive(Clone, Debug)]
pub(super) struct UBoot {
    raspi: Option<Raspi>,
    image: PathBuf,
}

impl UBoot {
    /// U-Boot and the board's device tree, from Debian's archive.
    pub(super) fn fetch(model: Option<Model>) -> Result<Self> {
        Ok(UBoot {
            // Without a network, the first that fails says so at once.
            raspi: model.map(device_trees::raspi).transpose()?,
            image: u_boot::ensure(model)?,
        })
    }

    /// QEMU's command line for a machine that U-Boot starts on, at this level: a Raspberry Pi knows only EL2.
    pub(super) fn command(&self, qemu: &Path, entry: Entry) -> Command {
        let mut command = Command::new(qemu);
        match &self.raspi {
            Some(raspi) => {
                command.args(["-machine", raspi.model.name(), "-dtb"]);
                command.arg(short(&raspi.tree));
                command.args(["-serial", "null", "-kernel"]);
            }
            None => {
                let level = if entry == Entry::El2 {
                    ",virtualization=on"
                } else {
                    ""
                };
                command.args([
                    "-machine",
                    &format!("virt,gic-version=3,dtb-randomness=off{level}"),
                ]);
                command.args(["-cpu", "max", "-m", "512M", "-nic", "none", "-bios"]);
            }
        }
        command.arg(short(&self.image));
        command.args([
            "-serial",
            "stdio",
            "-display",
            "none",
            "-monitor",
            "none",
            "-no-reboot",
        ]);
        command
    }
}

/// Starts the machine, types the commands at U-Boot's prompts, and then waits for each of `texts`, one behind the other.
pub(super) fn talk(
    command: &mut Command,
    timeout: Duration,
    commands: &[String],
    texts: &[&str],
) -> Result<()> {
    let mut console = Console::start(command, Instant::now() + timeout)?;
    let end = console.talk(commands, texts);
    end.with_context(|| format!("$ {}\n--- console ---\n{}", quoted(command), console.all))
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

    fn talk(&mut self, commands: &[String], texts: &[&str]) -> Result<()> {
        self.wait_for(&[COUNTDOWN])?;
        self.send(" ")?;
        for line in commands {
            self.wait_for(&PROMPTS)?;
            self.send(&format!("{line}\n"))?;
        }
        texts.iter().try_for_each(|text| self.wait_for(&[text]))
    }

    /// Waits until one of `texts` has come, behind what was waited for before.
    fn wait_for(&mut self, texts: &[&str]) -> Result<()> {
        loop {
            let rest = &self.all[self.seen..];
            let ends = texts
                .iter()
                .filter_map(|text| Some(rest.find(text)? + text.len()));
            if let Some(end) = ends.min() {
                self.seen += end;
                return Ok(());
            }
            let left = self.deadline.saturating_duration_since(Instant::now());
            match self.bytes.recv_timeout(left) {
                // The texts that are waited for are ASCII; of others a piece may be cut at the wrong place.
                Ok(bytes) => self.all.push_str(&String::from_utf8_lossy(&bytes)),
                Err(RecvTimeoutError::Timeout) => bail!("timed out before `{}` came", texts[0].trim()),
                Err(RecvTimeoutError::Disconnected) => {
                    bail!("the machine ended before `{}` came", texts[0].trim())
                }
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

    const LOADER: &str = r#"
        printf 'Hit any key to stop autoboot:  2'
        for n in 1 2; do printf '\n=> '; read -r line; echo "[$line]"; done
        printf 'hello\ninarch: exit status %s\n'"#;

    fn talk_to(status: &str) -> Result<()> {
        let script = format!("{LOADER} {status}");
        let commands = ["first".to_owned(), "second line".to_owned()];
        talk(
            Command::new("sh").args(["-c", &script]),
            Duration::from_secs(20),
            &commands,
            &["[second line]", "hello", "inarch: exit status 0"],
        )
    }

    #[test]
    fn the_loader_is_told_what_to_do() {
        talk_to("0").unwrap();
    }

    #[test]
    fn another_status_is_no_success() {
        let error = format!("{:#}", talk_to("101").unwrap_err());
        assert!(
            error.contains("ended before") && error.contains("exit status 101"),
            "{error}"
        );
    }
}
