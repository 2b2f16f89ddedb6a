//! A machine in QEMU whose kernel is the loader, at the other end of a socket.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::harness::bench::Bench;
use crate::line::{Address, Heard, Line};
use crate::process::Process;
use crate::qemu::machine::{Debugger, Load, Machine, Serial};
use crate::workspace;

/// How long QEMU may take to offer its socket.
const SOCKET: Duration = Duration::from_secs(10);

/// A board with the loader on its card.
pub(super) struct LoaderMachine {
    qemu: Option<Process>,
    bench: Bench,
    machine: Machine,
    /// QEMU's socket.
    pub(super) socket: PathBuf,
}

impl LoaderMachine {
    /// Boots the loader.
    pub(super) fn boot(bench: &Bench, machine: &Machine) -> Result<Self> {
        let mut this = LoaderMachine {
            qemu: None,
            bench: bench.clone(),
            machine: machine.clone(),
            socket: socket(machine.name())?,
        };
        this.restart()?;
        Ok(this)
    }

    /// Takes the power away, if it is on, and gives it again.
    pub(super) fn restart(&mut self) -> Result<()> {
        self.qemu = None;
        let _ = fs_err::remove_file(&self.socket);
        let words = ["push".to_owned()];
        let load = Load {
            kernel: &self.bench.kernel,
            archive: None,
            words: &words,
        };
        let serial = Serial::Socket(self.socket.clone());
        let mut command = self
            .machine
            .command(&self.bench.qemu, &load, serial, Debugger::None)?;
        if self.machine.raspi.is_some() {
            // The other cores spin for an address to jump to as long as the loader runs. In threads of their own they take the time of
            // the one that works.
            command.args(["-accel", "tcg,thread=single"]);
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        self.qemu = Some(Process::spawn(&mut command)?);
        let deadline = Instant::now() + SOCKET;
        while !self.socket.exists() {
            if Instant::now() > deadline {
                bail!("QEMU offers no serial line");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Waits until the machine has switched itself off.
    pub(super) fn wait_for_end(&mut self) -> Result<()> {
        let qemu = self.qemu.as_mut().context("the machine is off")?;
        match qemu.wait_until(Instant::now() + SOCKET)? {
            Some(_) => Ok(()),
            None => bail!("the machine doesn't switch itself off"),
        }
    }
}

impl Drop for LoaderMachine {
    fn drop(&mut self) {
        self.qemu = None;
        let _ = fs_err::remove_file(&self.socket);
    }
}

/// A socket's path: in a folder whose name is short, since such paths may have no more than 108 characters.
pub(super) fn socket(name: &str) -> Result<PathBuf> {
    let folder = workspace::scratch("push")?;
    let path = folder.join(format!("{name}.socket"));
    if path.as_os_str().len() < 100 {
        return Ok(path);
    }
    Ok(std::env::temp_dir().join(format!("inarch-{}-{name}.socket", std::process::id())))
}

/// The line to a socket.
pub(super) fn line(socket: &Path) -> Result<Line> {
    Line::open(Address::Unix(socket.to_owned()), 115_200)
}

/// Reads until `text` has come, and answers all that came.
pub(super) fn read_until(line: &mut Line, text: &str, patience: Duration) -> Result<String> {
    let deadline = Instant::now() + patience;
    let mut all = Vec::new();
    loop {
        let heard = String::from_utf8_lossy(&all);
        if heard.contains(text) {
            return Ok(heard.into_owned());
        }
        if Instant::now() > deadline {
            bail!("`{text}` doesn't come\n--- serial line ---\n{heard}");
        }
        drop(heard);
        let mut bytes = [0; 1024];
        if let Heard::Bytes(length) = line.read(&mut bytes, Duration::from_millis(50)) {
            all.extend_from_slice(&bytes[..length]);
        }
    }
}
