//! Programs that know cards: what `cargo xtask image` makes is shown to them in the tests. Nothing else needs them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::apt;
use super::system::{Family, System, has_apt, is_root};
use crate::{command, say};

/// The programs, and Debian's packages that they are in.
const PROGRAMS: [(&str, &str); 5] = [
    ("fsck.fat", "dosfstools"),
    ("minfo", "mtools"),
    ("mdir", "mtools"),
    ("mcopy", "mtools"),
    ("sfdisk", "fdisk"),
];
/// Where programs for the administrator lie, which not every user's `PATH` names.
const SYSTEM_FOLDERS: [&str; 2] = ["/usr/sbin", "/sbin"];

/// The packages that are missing.
pub(crate) fn missing() -> Vec<&'static str> {
    let absent = PROGRAMS.iter().filter(|(program, _)| look_for(program).is_none());
    let mut packages: Vec<_> = absent.map(|(_, package)| *package).collect();
    packages.dedup();
    packages
}

/// Makes sure of all of them: root installs what is missing. The error is a reason in one line.
pub(crate) fn ensure() -> Result<()> {
    let packages = missing();
    if packages.is_empty() {
        return Ok(());
    }
    let names = packages.join(" ");
    if System::this().family() != Family::Debian {
        bail!("programs are missing that Debian has in its packages {names}");
    }
    if !(is_root() && has_apt()) {
        bail!("programs are missing; type: sudo apt-get install {names}");
    }
    say::note(&format!("installing {names} for the tests of cards"));
    apt::install(&packages, None)?;
    match &missing()[..] {
        [] => Ok(()),
        [first, ..] => bail!("{first} was installed, but its programs are not there"),
    }
}

/// Where one of them lies.
pub(crate) fn path_of(program: &str) -> Result<PathBuf> {
    look_for(program).with_context(|| format!("there is no {program}"))
}

fn look_for(program: &str) -> Option<PathBuf> {
    let elsewhere = || {
        let paths = SYSTEM_FOLDERS
            .iter()
            .map(|folder| Path::new(folder).join(program));
        paths.into_iter().find(|path| path.is_file())
    };
    command::find(program).or_else(elsewhere)
}
