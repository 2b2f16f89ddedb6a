//! Opening a line, and what to say to a person where that fails.

use std::fs::{File, OpenOptions};
use std::io;
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use rustix::fs::{FlockOperation, flock};
use rustix::termios::{self, ControlModes, OptionalActions};

use super::Address;

/// Where serial devices are found: folders, and how their names begin.
const PLACES: [(&str, &str); 4] = [
    ("/dev/serial/by-id", ""),
    ("/dev", "ttyUSB"),
    ("/dev", "ttyACM"),
    ("/dev", "cu.usb"),
];

/// Opens the line, not to wait in any call.
pub(super) fn open(address: &Address, baud: u32) -> Result<OwnedFd> {
    match address {
        Address::Device(path) => device(path, baud),
        Address::Unix(path) => {
            let stream = UnixStream::connect(path).map_err(|error| nobody_listens(address, &error))?;
            stream.set_nonblocking(true)?;
            Ok(stream.into())
        }
        Address::Tcp(place) => {
            let stream = TcpStream::connect(place).map_err(|error| nobody_listens(address, &error))?;
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            Ok(stream.into())
        }
    }
}

fn nobody_listens(address: &Address, error: &io::Error) -> anyhow::Error {
    anyhow!("nobody listens at {address} ({error}); is QEMU, or what else offers the line, running?")
}

fn device(path: &Path, baud: u32) -> Result<OwnedFd> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    options.custom_flags(libc::O_NOCTTY | libc::O_NONBLOCK);
    let device = options.open(path).map_err(|error| refusal(path, &error))?;
    claim(path, &device)?;
    set_up(path, &device, baud)?;
    Ok(device.into())
}

/// Two programs on one line would each get half of what comes.
fn claim(path: &Path, device: &File) -> Result<()> {
    match flock(device, FlockOperation::NonBlockingLockExclusive) {
        Err(rustix::io::Errno::WOULDBLOCK) => bail!(in_use(path)),
        // A device that can't be locked is not in use by those who would lock it.
        _ => Ok(()),
    }
}

fn set_up(path: &Path, device: &File, baud: u32) -> Result<()> {
    let shown = path.display();
    let Ok(mut settings) = termios::tcgetattr(device) else {
        bail!("{shown} is no serial port{}", those_there());
    };
    settings.make_raw();
    settings.control_modes |= ControlModes::CLOCAL | ControlModes::CREAD;
    settings.control_modes &= !(ControlModes::CRTSCTS | ControlModes::CSTOPB);
    settings
        .set_speed(baud)
        .with_context(|| format!("{shown} knows no {baud} baud"))?;
    termios::tcsetattr(device, OptionalActions::Now, &settings)
        .with_context(|| format!("{shown} can't be set to {baud} baud"))?;
    // Keeps others out, where the system knows how.
    let _ = termios::ioctl_tiocexcl(device);
    Ok(())
}

fn refusal(path: &Path, error: &io::Error) -> anyhow::Error {
    let shown = path.display();
    match error.raw_os_error() {
        Some(libc::ENOENT) => anyhow!("there is no port {shown}{}", those_there()),
        Some(libc::EACCES | libc::EPERM) => {
            let group = group_of(path).unwrap_or_else(|| "dialout".to_owned());
            anyhow!(
                "you may not use {shown}: it is for the group {group}; `sudo usermod -aG {group} $USER`, then log out and in again"
            )
        }
        Some(libc::EBUSY) => anyhow!(in_use(path)),
        Some(libc::ENXIO | libc::ENODEV | libc::EIO) => {
            anyhow!("{shown} is there, but nothing is behind it: put the adapter in again")
        }
        _ => anyhow!("could not open {shown}: {error}"),
    }
}

fn in_use(path: &Path) -> String {
    let shown = path.display();
    format!("{shown} is in use, perhaps by a terminal; end that first (`fuser -v {shown}` shows it)")
}

/// The name of the group that a file belongs to.
fn group_of(path: &Path) -> Option<String> {
    let id = path.metadata().ok()?.gid().to_string();
    let groups = std::fs::read_to_string("/etc/group").ok()?;
    let group = groups.lines().find(|line| line.split(':').nth(2) == Some(&id))?;
    Some(group.split(':').next()?.to_owned())
}

/// Which ports there are, as the end of a sentence.
fn those_there() -> String {
    let mut found: Vec<String> = PLACES
        .iter()
        .flat_map(|&(folder, start)| beginning_with(folder, start))
        .map(|path| path.display().to_string())
        .collect();
    found.sort();
    match found.is_empty() {
        true => "; no serial port is there at all: is the adapter plugged in?".to_owned(),
        false => format!("; there are: {}", found.join(", ")),
    }
}

fn beginning_with(folder: &str, start: &str) -> Vec<PathBuf> {
    let entries = Path::new(folder).read_dir().into_iter().flatten().flatten();
    let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(start));
    named.map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(address: &str) -> String {
        let address = address.parse().unwrap();
        open(&address, 115_200).unwrap_err().to_string()
    }

    #[test]
    fn a_port_that_is_not_there_is_told_with_those_that_are() {
        let message = refused("/dev/no-such-port");
        assert!(
            message.starts_with("there is no port /dev/no-such-port; "),
            "{message}"
        );
    }

    #[test]
    fn what_is_no_port_is_told() {
        let message = refused("/dev/null");
        assert!(message.contains("/dev/null is no serial port"), "{message}");
        let message = refused("unix:/nowhere/at-all");
        assert!(message.contains("nobody listens at unix:/nowhere"), "{message}");
    }

    #[test]
    fn rights_that_are_missing_name_the_group() {
        let error = io::Error::from_raw_os_error(libc::EACCES);
        let message = refusal(Path::new("/dev/null"), &error).to_string();
        let group = group_of(Path::new("/dev/null")).unwrap_or_else(|| "dialout".to_owned());
        assert!(message.contains(&format!("usermod -aG {group} ")), "{message}");
        let message = refusal(Path::new("/nowhere"), &error).to_string();
        assert!(message.contains("the group dialout"), "{message}");
    }

    #[test]
    fn a_port_in_use_is_told() {
        let path = std::env::temp_dir().join(format!("inarch-port-{}", std::process::id()));
        let first = File::create(&path).unwrap();
        let second = File::open(&path).unwrap();
        claim(&path, &first).unwrap();
        let message = claim(&path, &second).unwrap_err().to_string();
        std::fs::remove_file(&path).unwrap();
        assert!(message.contains("in use"), "{message}");
    }
}
