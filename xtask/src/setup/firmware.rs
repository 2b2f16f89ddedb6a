//! The firmware of Raspberry Pis, from Debian's package `raspi-firmware`. It is not free software, and no part of this repository: it may
//! be used with a Raspberry Pi, and given on unchanged together with its licence.

use std::path::PathBuf;

use anyhow::{Result, bail};

use super::apt::{Mirror, PrivateApt};
use super::system::has_apt;
use crate::{say, workspace};

/// The suite that it comes from.
const SUITE: &str = "trixie";
/// The part of the archive.
const COMPONENT: &str = "non-free-firmware";
/// The package.
const PACKAGE: &str = "raspi-firmware";

/// The firmware's files, and its licence.
#[derive(Debug)]
pub(crate) struct Firmware {
    /// The folder with the files.
    pub(crate) folder: PathBuf,
    /// The file that says under which conditions they may be used.
    pub(crate) licence: PathBuf,
}

/// Where it is, fetched if it isn't there yet.
pub(crate) fn ensure() -> Result<Firmware> {
    let package = workspace::target().join("inarch").join(PACKAGE);
    let firmware = Firmware {
        folder: package.join("usr/lib/raspi-firmware"),
        licence: package.join("usr/share/doc/raspi-firmware/copyright"),
    };
    if firmware.folder.is_dir() && firmware.licence.is_file() {
        return Ok(firmware);
    }
    if !has_apt() {
        bail!(
            "the boards' firmware comes from Debian's archive, and there is no apt; name a folder that has it with --firmware"
        );
    }
    let apt = PrivateApt::with_component(&Mirror::find()?, SUITE, Some("arm64"), COMPONENT)?;
    let Some(version) = apt.version(PACKAGE, |_| true) else {
        bail!("Debian has no package {PACKAGE}")
    };
    say::note(&format!(
        "fetching {PACKAGE} {version} from Debian's {COMPONENT}: not free software, for use with a Raspberry Pi only \
         (Broadcom and Raspberry Pi; the licence goes onto the card)"
    ));
    apt.unpack(PACKAGE, &version, &package)?;
    Ok(firmware)
}
