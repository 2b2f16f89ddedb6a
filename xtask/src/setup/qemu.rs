//! QEMU: is it there, is it new enough, and how to get it.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::apt::{self, Mirror};
use super::system::{Family, System, is_root};
use crate::qemu::machine;
use crate::{command, say};

/// The oldest QEMU that serves. Version 8 has no Raspberry Pi 4, version 7 not even GICv3 with all of the CPU models.
pub(crate) const OLDEST: u32 = 9;
/// Debian 12's own QEMU is older than that.
const BACKPORTS: &str = "bookworm-backports";
/// The file that makes Debian 12's apt know the newer one.
const SOURCES: &str = "/etc/apt/sources.list.d/inarch-backports.sources";

/// What is there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// One that serves, with its version.
    Ready(PathBuf, String),
    /// One that doesn't, with its version.
    TooOld(PathBuf, String),
    /// None.
    Missing,
}

/// Looks for QEMU without changing anything.
pub(crate) fn state() -> State {
    let Ok(path) = machine::find() else {
        return State::Missing;
    };
    let text = command::output_of(Command::new(&path).arg("--version")).unwrap_or_default();
    let Some((major, version)) = version_in(&text) else {
        return State::TooOld(path, "no version that can be read".to_owned());
    };
    if major < OLDEST {
        State::TooOld(path, version)
    } else {
        State::Ready(path, version)
    }
}

/// Reads `QEMU emulator version 10.0.2 (Debian ...)`.
fn version_in(text: &str) -> Option<(u32, String)> {
    let version = text
        .lines()
        .next()?
        .split("version ")
        .nth(1)?
        .split_whitespace()
        .next()?;
    Some((version.split('.').next()?.parse().ok()?, version.to_owned()))
}

/// Makes sure of a QEMU that serves, and says where it is.
pub(crate) fn ensure() -> Result<PathBuf> {
    match state() {
        State::Ready(path, _) => return Ok(short_name(path)),
        State::TooOld(path, version) => {
            say::note(&format!(
                "{} is version {version}; Inarch needs {OLDEST} or newer",
                path.display()
            ));
        }
        State::Missing => say::note(&format!(
            "{} is not installed; Inarch needs version {OLDEST} or newer",
            crate::qemu::PROGRAM
        )),
    }
    if std::env::var_os("QEMU").is_some() {
        bail!("the variable QEMU names a QEMU that doesn't serve; unset it or let it name another");
    }
    let system = System::this();
    if system.family() == Family::Debian && super::system::has_apt() && is_root() {
        install(&system)?;
        return match state() {
            State::Ready(path, _) => Ok(short_name(path)),
            _ => bail!("the package was installed, but there is still no QEMU {OLDEST} on PATH"),
        };
    }
    bail!("{}", remedy(&system))
}

/// The name alone where that is enough: the command line that is printed then reads better.
fn short_name(path: PathBuf) -> PathBuf {
    let usual = PathBuf::from(crate::qemu::PROGRAM);
    if command::find(crate::qemu::PROGRAM).as_ref() == Some(&path) {
        usual
    } else {
        path
    }
}

/// Installs Debian's package, as root.
fn install(system: &System) -> Result<()> {
    say::note(&format!("installing the package qemu-system-arm on {system}"));
    let mut suite = None;
    if system.is_debian(12) {
        let text = Mirror::find()?.stanza(BACKPORTS);
        say::note(&format!("writing {SOURCES}:\n{}", indented(&text)));
        fs_err::write(SOURCES, text)?;
        suite = Some(BACKPORTS);
    }
    apt::install(&["qemu-system-arm"], suite).context("QEMU could not be installed")
}

/// What to do, for people.
pub(crate) fn remedy(system: &System) -> String {
    let install = match system.family() {
        Family::Debian if system.is_debian(12) => return debian_12(),
        Family::Debian => "sudo apt-get install --no-install-recommends qemu-system-arm",
        Family::Fedora => "sudo dnf install qemu-system-aarch64-core",
        Family::Arch => "sudo pacman -S qemu-system-aarch64",
        Family::Alpine => "sudo apk add qemu-system-aarch64",
        Family::Suse => "sudo zypper install qemu-arm",
        Family::Nix => "nix-shell -p qemu",
        Family::Mac => "brew install qemu",
        Family::Other => {
            return format!(
                "install QEMU {OLDEST} or newer, the part that is called {}",
                crate::qemu::PROGRAM
            );
        }
    };
    format!("QEMU {OLDEST} or newer is missing. To install it, type:\n\n    {install}\n")
}

/// Debian 12 needs its backports.
fn debian_12() -> String {
    let stanza = Mirror::find().map(|mirror| mirror.stanza(BACKPORTS));
    let stanza = match stanza {
        Ok(stanza) => stanza,
        Err(error) => {
            return format!("QEMU {OLDEST} or newer is in {BACKPORTS}, package qemu-system-arm; {error:#}");
        }
    };
    let lines: Vec<_> = stanza.lines().map(|line| command::quote(line.as_ref())).collect();
    format!(
        "QEMU {OLDEST} or newer is missing. To install it, type:\n\n    printf '%s\\n' {} | sudo tee {SOURCES}\n    \
         sudo apt-get update\n    sudo apt-get install --no-install-recommends --target-release {BACKPORTS} qemu-system-arm\n",
        lines.join(" ")
    )
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        let text = "QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2+deb13u1~bpo12+1)\nCopyright";
        assert_eq!(version_in(text), Some((10, "10.0.2".to_owned())));
        assert_eq!(
            version_in("QEMU emulator version 9.2.50"),
            Some((9, "9.2.50".to_owned()))
        );
        assert_eq!(version_in("something else"), None);
        assert_eq!(version_in(""), None);
    }

    #[test]
    fn every_family_gets_a_remedy() {
        for (id, word) in [
            ("fedora", "dnf"),
            ("arch", "pacman"),
            ("alpine", "apk"),
            ("macos", "brew"),
            ("x", "install QEMU 9"),
        ] {
            let system = System {
                id: id.into(),
                ..System::default()
            };
            let text = remedy(&system);
            assert!(text.contains(word), "{text}");
        }
    }
}
